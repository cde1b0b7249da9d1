/* SPDX-License-Identifier: MIT */
/*
 * Random operations: sizes from a mixture that dwells on the edges. See operation.h.
 */
#include "operation.h"

#include <stdint.h>
#include <stdio.h>

enum {
	PHASE_OPERATIONS_MAX = 4096,
	ALIGNMENT_SHIFT_MIN = 4,
	ALIGNMENT_SHIFT_MAX = 16, /* 64 KiB */
	BREAK_BYTES_MAX = 8192,
	PERCENT = 100,
};

const struct operation_limits limits_small = {
	.slot_count = 512,
	.live_bytes_max = 256 << 10,
	.block_bytes_max = 128 << 10,
};

const struct operation_limits limits_big = {
	.slot_count = 1 << 14,
	.live_bytes_max = 12 << 20,
	.block_bytes_max = 1 << 20,
};

static const char *const kind_names[OPERATION_KINDS] = {
	[OPERATION_ALLOCATE] = "allocate", [OPERATION_ZEROED] = "allocate zeroed",
	[OPERATION_ALIGNED] = "allocate aligned", [OPERATION_RESIZE] = "resize",
	[OPERATION_FREE] = "free", [OPERATION_TRIM] = "trim", [OPERATION_BREAK] = "move break",
};

const char *operation_describe(const struct operation *operation, char *buffer,
			       size_t buffer_bytes)
{
	snprintf(buffer, buffer_bytes, "%s (slot %zu, bytes %zu, count %zu, alignment %zu)",
		 kind_names[operation->kind], operation->slot, operation->bytes, operation->count,
		 operation->alignment);
	return buffer;
}

bool operation_is_impossible(const struct operation *operation)
{
	size_t bytes = operation->bytes;
	switch (operation->kind) {
	case OPERATION_ZEROED:
		return __builtin_mul_overflow(operation->count, operation->bytes, &bytes) ||
		       bytes > PTRDIFF_MAX;
	case OPERATION_ALIGNED:
		return bytes > PTRDIFF_MAX - operation->alignment;
	case OPERATION_ALLOCATE:
	case OPERATION_RESIZE:
		return bytes > PTRDIFF_MAX;
	default:
		return false;
	}
}

void stream_init(struct operation_stream *stream, const struct operation_limits *limits,
		 uint64_t seed)
{
	*stream = (struct operation_stream){.random = {seed}, .limits = *limits};
}

/* ---- sizes ---- */

/* Around a power of two, where tags, classes and pages end. */
static size_t size_at_edge(struct random_source *random, unsigned shift_max)
{
	static const size_t distances[] = {0, 1, 8, 15, 16, 17};
	size_t power = (size_t)1 << random_between(random, 3, shift_max);
	size_t distance = distances[random_below(random, 6)];
	if (random_below(random, 2) != 0)
		return power + distance;
	return power > distance ? power - distance : 0;
}

static size_t size_impossible(struct random_source *random)
{
	size_t distance = random_below(random, 4) == 0 ? random_below(random, 1 << 20) :
							 random_below(random, 64);
	return random_below(random, 2) != 0 ? (size_t)PTRDIFF_MAX + 1 + distance :
					      SIZE_MAX - distance;
}

static size_t size_possible(struct operation_stream *stream)
{
	struct random_source *random = &stream->random;
	size_t dice = random_below(random, PERCENT);
	size_t bytes;
	if (dice < 45)
		bytes = random_between(random, 0, 4096);
	else if (dice < 70)
		bytes = random_between(random, 0, 160);
	else if (dice < 95)
		bytes = size_at_edge(random, 13);
	else if (dice < 98)
		bytes = size_at_edge(random, 20);
	else
		bytes = random_between(random, 0, 1 << 20);
	return bytes <= stream->limits.block_bytes_max ? bytes :
							 bytes % stream->limits.block_bytes_max;
}

static size_t size_next(struct operation_stream *stream)
{
	if (random_below(&stream->random, 64) == 0)
		return size_impossible(&stream->random);
	return size_possible(stream);
}

/* ---- operations ---- */

static void next_allocation(struct operation_stream *stream, struct operation *out)
{
	struct random_source *random = &stream->random;
	size_t dice = random_below(random, PERCENT);
	out->bytes = size_next(stream);
	if (dice < 80) {
		out->kind = OPERATION_ALLOCATE;
	} else if (dice < 90) {
		out->kind = OPERATION_ZEROED;
		out->count = random_below(random, 8);
		if (out->count != 0 && out->bytes <= stream->limits.block_bytes_max)
			out->bytes /= out->count;
	} else {
		out->kind = OPERATION_ALIGNED;
		out->alignment = (size_t)1 << random_between(random, ALIGNMENT_SHIFT_MIN,
							     ALIGNMENT_SHIFT_MAX);
	}
}

/* Grow or shrink by a little, by half, to twice, or to any size. */
static void next_resize(struct operation_stream *stream, size_t old_bytes, struct operation *out)
{
	struct random_source *random = &stream->random;
	out->kind = OPERATION_RESIZE;
	switch (random_below(random, 4)) {
	case 0:
		out->bytes = old_bytes + random_below(random, 64);
		break;
	case 1:
		out->bytes = old_bytes - random_below(random, old_bytes < 64 ? old_bytes + 1 : 64);
		break;
	case 2:
		out->bytes = random_below(random, 2) != 0 ? old_bytes * 2 : old_bytes / 2;
		break;
	default:
		out->bytes = size_next(stream);
		return;
	}
	if (out->bytes > stream->limits.block_bytes_max)
		out->bytes = size_possible(stream);
}

static bool next_rare(struct operation_stream *stream, struct operation *out)
{
	struct random_source *random = &stream->random;
	switch (random_below(random, 1024)) {
	case 0:
	case 1:
		out->kind = OPERATION_TRIM;
		out->bytes = random_below(random, 2) * random_below(random, 1 << 16);
		return true;
	case 2:
		out->kind = OPERATION_BREAK;
		out->bytes = random_between(random, 1, BREAK_BYTES_MAX);
		return stream->limits.moves_break;
	default:
		return false;
	}
}

void stream_next(struct operation_stream *stream,
		 size_t (*slot_bytes)(const void *slots, size_t slot), const void *slots,
		 size_t live_bytes, struct operation *out)
{
	struct random_source *random = &stream->random;
	*out = (struct operation){0};
	if (stream->phase_operations == 0) {
		stream->phase_operations = random_between(random, 1, PHASE_OPERATIONS_MAX);
		stream->phase_live_bytes = random_below(random, stream->limits.live_bytes_max + 1);
	}
	stream->phase_operations--;
	if (next_rare(stream, out))
		return;
	*out = (struct operation){.slot = random_below(random, stream->limits.slot_count)};
	size_t old_bytes = slot_bytes(slots, out->slot);
	bool is_full = live_bytes >= stream->limits.live_bytes_max;
	bool is_above = live_bytes > stream->phase_live_bytes;
	if (old_bytes == SIZE_MAX && !is_full) {
		next_allocation(stream, out);
		/* Above the target three of four empty slots stay empty: NULL is freed. */
		if (is_above && random_below(random, 4) != 0)
			*out = (struct operation){.kind = OPERATION_FREE, .slot = out->slot};
	} else if (old_bytes == SIZE_MAX || is_full || random_below(random, 3) == 0 ||
		   (is_above && random_below(random, 2) != 0)) {
		out->kind = OPERATION_FREE;
	} else {
		next_resize(stream, old_bytes, out);
	}
}
