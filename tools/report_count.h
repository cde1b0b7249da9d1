/* SPDX-License-Identifier: MIT */
/*
 * Counting: what is learnt from the events of a trace, each seen once and in order.
 *
 * The ledger at every sample, peaks, size classes, lifetimes, threads, stacks. Memory grows with
 * the heap's pages, with stacks and with threads, never with the number of events.
 *
 * A resize ends one form of a block and begins another: stacks, classes and lifetimes count it as a
 * free and an allocation, and beside that as a resize.
 */
#ifndef ALLOT_TOOLS_REPORT_COUNT_H
#define ALLOT_TOOLS_REPORT_COUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <allot/trace.h>

#include "report_pages.h"
#include "report_point.h"
#include "report_range.h"

enum {
	REPORT_CLASSES = 192,     /* four for each power of two */
	REPORT_LIFE_SIZES = 32,   /* powers of two */
	REPORT_LIFE_TIMES = 48,   /* powers of two of nanoseconds */
	REPORT_POINTS_KEPT = 8192,
};

/* Requests of a range of sizes. */
struct report_class {
	uint64_t allocations, allocated_bytes, rounding_bytes;
	uint64_t live_bytes, live_blocks;
	uint64_t live_bytes_peak, live_blocks_peak; /* each its own */
};

/* What was allocated by one stack. */
struct report_stack {
	uint64_t allocations, total_bytes, temporary;
	uint64_t live_bytes, live_bytes_peak;
	double lifetime_sum; /* of those freed, ns */
	uint64_t freed;
};

struct report_thread {
	uint64_t allocations, frees, frees_of_others;
	int64_t live_bytes, live_bytes_peak; /* of blocks it allocated, whoever frees them */
	uint64_t last_address;               /* allocated last and not freed; 0: none */
};

/* Start with report_count_init(). */
struct report_count {
	uint32_t page_bytes;
	uint64_t tag_bytes;
	struct report_pages pages;
	struct report_ranges ranges;
	uint64_t ordinal; /* events so far */
	uint64_t time;
	uint64_t allocations, frees, resizes, failures, unknown_frees;
	uint64_t samples, samples_with_runs;
	uint64_t stray_blocks;    /* live blocks on no mapping that the trace told of */
	bool has_ranges;          /* it tells of mappings */
	bool has_recorder;        /* and of the recording's own */
	bool has_process;
	uint64_t process_bytes_sampled; /* most at a sample */
	uint64_t process_bytes_peak;    /* most the kernel saw, between samples too */
	/* Now. */
	uint64_t requested_bytes, rounding_bytes, tags_bytes, live_blocks;
	/* Peaks; exact. */
	uint64_t requested_bytes_peak, requested_time_peak, requested_ordinal_peak;
	uint64_t mapped_bytes_peak; /* heap and mappings */
	struct report_point peak;   /* the sample with the most resident bytes; ordinal 0: none */
	struct report_point last;   /* the last one with runs */
	struct report_point first;
	uint64_t largest_difference_bytes;
	struct report_series by_sample, by_event;
	uint64_t countdown, interval; /* events until the next point of by_event */
	/* Means over the time between samples. */
	double ratio_sum, ratio_time;
	uint64_t ratio_last_time;
	double ratio_last;
	struct report_class classes[REPORT_CLASSES];
	uint64_t lifetimes[REPORT_LIFE_SIZES][REPORT_LIFE_TIMES];
	uint64_t temporary;
	struct report_stack *stacks;
	size_t stack_count;
	struct report_thread *threads;
	size_t thread_count, thread_capacity;
	bool is_short; /* no memory: figures are not right */
};

/* `stack_count` frames may be named by events. False: no memory. */
bool report_count_init(struct report_count *count, const struct trace_info *info,
		       size_t stack_count);
/* More frames may be named from here on. False: no memory. */
bool report_count_grow(struct report_count *count, size_t stack_count);
void report_count_free(struct report_count *count);

/* Take the next event. */
void report_count_take(struct report_count *count, const struct trace_event *event);

/* The ledger now, without residency. */
void report_count_point(const struct report_count *count, struct report_point *out);

/* The class of a request, and the requests [from, to) of a class. */
unsigned report_class_of(uint64_t bytes);
uint64_t report_class_from(unsigned index);

/* Rows and columns of lifetimes: from which size, from which age on. */
unsigned report_life_size(uint64_t bytes);
unsigned report_life_time(uint64_t age_ns);

#endif
