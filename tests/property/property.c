/* SPDX-License-Identifier: MIT */
/*
 * Heaps to run on, and the run. See property.h.
 */
#include "property.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum {
	SMALL_LIVE_BYTES = 256 << 10, /* up to here a check costs little */
	CHECK_OPERATIONS = 1 << 10,
	COMPARE_OPERATIONS_SMALL = 1 << 4,
	LOOK_BYTES_MAX = 1 << 10, /* of a block looked at in passing */
	/* Less than a stream asks for: a buffer is there to be full now and then. */
	BUFFER_BYTES_SMALL = 200 << 10,
	BUFFER_BYTES_BIG = 10 << 20,
	BUFFER_OFFSET_BYTES = 24, /* a buffer may begin anywhere */
	CONF_BYTES = 256,
};

static bool fails(struct property_result *out, const char *what, const char *why)
{
	snprintf(out->message, sizeof(out->message), "%s%s", what, why);
	return false;
}

/* ---- the heap ---- */

static size_t region_bytes_min(const char *name)
{
	struct allot_strategy strategy;
	for (size_t i = 0; allot_strategy_get(i, &strategy); i++) {
		if (strcmp(strategy.name, name) == 0)
			return strategy.region_bytes_min;
	}
	return 0;
}

static size_t buffer_bytes(const struct property_options *options)
{
	if (strcmp(options->source, "buffer") != 0)
		return 0;
	return 2 * region_bytes_min(options->choice.strategy) +
	       (options->is_big ? BUFFER_BYTES_BIG : BUFFER_BYTES_SMALL);
}

static struct allot_heap *heap_create(const struct property_options *options, char *buffer,
				      struct property_result *out)
{
	char conf[CONF_BYTES], extra[CONF_BYTES / 2], why[CONF_BYTES] = "";
	bool has_extra = options->extra != NULL && options->extra[0] != '\0';
	struct allot_heap *heap;
	if (buffer != NULL) {
		choice_conf(&options->choice, has_extra ? options->extra : NULL, conf,
			    sizeof(conf));
		heap = allot_heap_create_in(buffer + BUFFER_OFFSET_BYTES,
					    buffer_bytes(options) - BUFFER_OFFSET_BYTES, conf, why,
					    sizeof(why));
	} else {
		snprintf(extra, sizeof(extra), "source:%s%s%s", options->source,
			 has_extra ? "," : "", has_extra ? options->extra : "");
		choice_conf(&options->choice, extra, conf, sizeof(conf));
		heap = allot_heap_create(conf, why, sizeof(why));
	}
	if (heap == NULL)
		fails(out, "no heap: ", why);
	return heap;
}

/* ---- the run ---- */

/* What is looked at after an operation. */
static bool look(struct shadow *shadow, struct random_source *random, uint64_t done)
{
	size_t slot = random_below(random, shadow->slot_count);
	bool is_small = shadow->live_bytes <= SMALL_LIVE_BYTES;
	if (!shadow_verify_block(shadow, slot, LOOK_BYTES_MAX))
		return false;
	if ((is_small || done % CHECK_OPERATIONS == 0) && !shadow_check(shadow))
		return false;
	if (done % (is_small ? COMPARE_OPERATIONS_SMALL : CHECK_OPERATIONS) == 0)
		return shadow_compare(shadow);
	return true;
}

static bool run(struct shadow *shadow, const struct property_options *options,
		struct property_result *out)
{
	struct operation_limits limits = options->is_big ? limits_big : limits_small;
	struct operation_stream stream;
	struct random_source random = {~options->seed};
	limits.moves_break = strcmp(options->source, "sbrk") == 0;
	stream_init(&stream, &limits, options->seed);
	for (uint64_t done = 0; done < options->operations; done++) {
		struct operation operation;
		stream_next(&stream, shadow_slot_bytes, shadow, shadow->live_bytes, &operation);
		if (!shadow_apply(shadow, &operation) || !look(shadow, &random, done))
			return false;
		if (shadow->live_bytes > out->live_bytes_peak)
			out->live_bytes_peak = shadow->live_bytes;
	}
	struct operation trim = {.kind = OPERATION_TRIM};
	return shadow_check(shadow) && shadow_compare(shadow) && shadow_empty(shadow) &&
	       shadow_check(shadow) && shadow_compare(shadow) && shadow_apply(shadow, &trim) &&
	       shadow_check(shadow) && shadow_compare(shadow);
}

/* A fault where the program made none is the heap's. */
static void on_fault(const struct allot_fault *fault, void *context)
{
	struct property_result *out = context;
	if (out->message[0] == '\0')
		snprintf(out->message, sizeof(out->message),
			 "the heap reports a fault of kind %d in %s at %p", (int)fault->kind,
			 fault->call, fault->address);
}

static double seconds_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static bool run_on(struct allot_heap *heap, const struct property_options *options,
		   struct property_result *out)
{
	struct shadow shadow;
	struct allot_statistics statistics;
	size_t slots = options->is_big ? limits_big.slot_count : limits_small.slot_count;
	if (!shadow_init(&shadow, (struct subject){heap}, slots))
		return fails(out, "no memory for the shadow", "");
	shadow.may_refuse = strcmp(options->source, "buffer") == 0;
	allot_heap_on_fault(heap, on_fault, out);
	double begin = seconds_now();
	bool is_right = run(&shadow, options, out);
	out->seconds = seconds_now() - begin;
	allot_heap_statistics(heap, &statistics);
	out->mapped_bytes_peak = statistics.mapped_bytes_peak;
	if (out->message[0] != '\0')
		is_right = false;
	else if (!is_right)
		fails(out, shadow.message, "");
	shadow_finish(&shadow);
	return is_right;
}

bool property_run(const struct property_options *options, struct property_result *out)
{
	char *buffer = NULL;
	*out = (struct property_result){0};
	if (buffer_bytes(options) > 0) {
		buffer = mmap(NULL, buffer_bytes(options), PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (buffer == MAP_FAILED)
			return fails(out, "no memory for the buffer", "");
	}
	struct allot_heap *heap = heap_create(options, buffer, out);
	bool is_right = heap != NULL && run_on(heap, options, out);
	allot_heap_destroy(heap);
	if (buffer != NULL)
		munmap(buffer, buffer_bytes(options));
	return is_right;
}
