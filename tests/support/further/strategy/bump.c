/* SPDX-License-Identifier: MIT */
/*
 * Bump: the smallest thing that is a strategy, to show what adding one takes. Memory is handed
 * out from the bottom of a region to its top and never used again.
 *
 * Before each payload stand two words, which belong to no block: its size with what was asked for
 * of it, and a seal that says whether it is live.
 */
#include "base/access.h"
#include "base/bits.h"
#include "base/compiler.h"
#include "strategy/strategy.h"

enum {
	HEADER_BYTES = 16,
	SIZE_SHIFT = 32,
	ALIGN_LARGEST = 1 << 16,
};

#define REQUESTED_MASK (((uint64_t)1 << SIZE_SHIFT) - 1)

struct header {
	uint64_t sizes; /* payload bytes << SIZE_SHIFT | bytes asked for */
	uint64_t seal;  /* address ^ key when live, its complement when free */
};

struct bump {
	struct strategy_core core;
	uintptr_t next; /* where the next header may stand, in the last region */
};

static uint64_t live_seal(const struct bump *b, const struct header *header)
{
	return (uintptr_t)header ^ b->core.key;
}

static struct header *header_of(const void *p)
{
	return (struct header *)((uintptr_t)p - HEADER_BYTES);
}

static size_t payload_bytes(const struct header *header)
{
	return word_load(&header->sizes) >> SIZE_SHIFT;
}

static void header_write(struct bump *b, uintptr_t at, size_t bytes, size_t requested, bool is_live)
{
	struct header *header = (struct header *)at;
	uint64_t seal = live_seal(b, header);
	word_store(&header->sizes, (uint64_t)bytes << SIZE_SHIFT | requested);
	word_store(&header->seal, is_live ? seal : ~seal);
}

static uintptr_t last_end(const struct bump *b)
{
	const struct region *last = b->core.source->last;
	return last == NULL ? 0 : last->base + last->bytes;
}

/* Make what is left below `end` a free block, so that regions are walked without a gap. */
static void fill_up(struct bump *b, uintptr_t end)
{
	if (b->next != 0 && b->next + HEADER_BYTES <= end)
		header_write(b, b->next, end - b->next - HEADER_BYTES, 0, false);
	b->next = end;
}

static bool make_room(struct bump *b, size_t bytes)
{
	struct span span;
	uintptr_t end = last_end(b);
	if (end - b->next >= bytes)
		return true;
	if (!source_grow(b->core.source, bytes, &span))
		return false;
	if (span.base != end) {
		fill_up(b, end);
		b->next = span.base;
	}
	return true;
}

static void *bump_allocate(void *state, size_t bytes, size_t align)
{
	struct bump *b = state;
	size_t capacity = align_up(size_max(bytes, 1), ALIGN_BYTES);
	if (!make_room(b, capacity + align + 2 * HEADER_BYTES))
		return NULL;
	uintptr_t payload = b->next + HEADER_BYTES;
	if (!is_aligned(payload, align)) {
		payload = align_up(payload + HEADER_BYTES, align);
		fill_up(b, payload - HEADER_BYTES);
	}
	header_write(b, payload - HEADER_BYTES, capacity, bytes, true);
	b->next = payload + capacity;
	return (void *)payload;
}

static struct header *bump_verify(struct bump *b, struct region *region, const void *p)
{
	uintptr_t address = (uintptr_t)p;
	struct header *header = header_of(p);
	enum fault_kind kind = FAULT_INTERIOR;
	if (address - region->base >= region->bytes || address - region->base < HEADER_BYTES)
		kind = FAULT_FOREIGN;
	else if (!is_aligned(address, ALIGN_BYTES))
		kind = FAULT_MISALIGNED;
	else if (word_load(&header->seal) == live_seal(b, header))
		return header;
	else if (word_load(&header->seal) == ~live_seal(b, header))
		kind = FAULT_DOUBLE_FREE;
	core_fault(&b->core, kind, address, 0, 0);
	return NULL;
}

static bool bump_free(void *state, struct region *region, void *p)
{
	struct bump *b = state;
	struct header *header = bump_verify(b, region, p);
	if (header == NULL)
		return false;
	header_write(b, (uintptr_t)header, payload_bytes(header), 0, false);
	return true;
}

static enum resize_result bump_resize(void *state, struct region *region, void *p, size_t bytes,
				      size_t room_bytes)
{
	(void)room_bytes;
	struct bump *b = state;
	struct header *header = bump_verify(b, region, p);
	if (header == NULL)
		return RESIZE_FAULT;
	if (bytes > payload_bytes(header))
		return RESIZE_MUST_MOVE;
	header_write(b, (uintptr_t)header, payload_bytes(header), bytes, true);
	return RESIZE_DONE;
}

static void header_read(const struct bump *b, const struct header *header, struct block_info *out)
{
	size_t bytes = payload_bytes(header);
	bool is_live = word_load(&header->seal) == live_seal(b, header);
	*out = (struct block_info){
		.payload = (uintptr_t)header + HEADER_BYTES,
		.block_bytes = bytes,
		.usable_bytes = is_live ? bytes : 0,
		.requested_bytes = is_live ? word_load(&header->sizes) & REQUESTED_MASK : 0,
		.state = is_live ? BLOCK_LIVE : BLOCK_FREE,
	};
}

static bool bump_describe(void *state, struct region *region, void *p, struct block_info *out)
{
	struct bump *b = state;
	struct header *header = bump_verify(b, region, p);
	if (header == NULL)
		return false;
	header_read(b, header, out);
	return true;
}

static size_t bump_trim(void *state, size_t keep_bytes, size_t most_bytes)
{
	(void)state, (void)keep_bytes, (void)most_bytes;
	return 0;
}

/* Where the headers of a region end. */
static uintptr_t region_end(const struct bump *b, const struct region *region)
{
	return region == b->core.source->last ? b->next : region->base + region->bytes;
}

static bool bump_walk(void *state, block_visit *visit, void *context)
{
	struct bump *b = state;
	for (const struct region *r = b->core.source->first; r != NULL; r = r->next) {
		uintptr_t at = r->base;
		while (at + HEADER_BYTES <= region_end(b, r)) {
			struct block_info info;
			header_read(b, (const struct header *)at, &info);
			if (!visit(&info, context))
				return false;
			at += HEADER_BYTES + info.block_bytes;
		}
	}
	return true;
}

static bool bump_check(void *state, struct text *message)
{
	struct bump *b = state;
	for (const struct region *r = b->core.source->first; r != NULL; r = r->next) {
		uintptr_t at = r->base;
		uintptr_t end = region_end(b, r);
		while (at + HEADER_BYTES <= end) {
			const struct header *header = (const struct header *)at;
			uint64_t seal = live_seal(b, header);
			uint64_t found = word_load(&header->seal);
			if (found != seal && found != ~seal) {
				text_format(message, "broken seal at %p", (const void *)header);
				return false;
			}
			at += HEADER_BYTES + payload_bytes(header);
		}
		if (at > end) {
			text_format(message, "block beyond the end of region %p", (void *)r->base);
			return false;
		}
	}
	return true;
}

static void bump_init(void *state)
{
	(void)state;
}

const struct strategy strategy_bump = {
	.name = "bump",
	.summary = "bump: memory is handed out once",
	.bound = "O(1)",
	.state_bytes = sizeof(struct bump),
	.block_bytes_min = ALIGN_BYTES,
	.request_bytes_max = 1 << 30,
	.align_bytes_max = ALIGN_LARGEST,
	.init = bump_init,
	.allocate = bump_allocate,
	.free = bump_free,
	.resize = bump_resize,
	.describe = bump_describe,
	.trim = bump_trim,
	.walk = bump_walk,
	.check = bump_check,
};
