/* SPDX-License-Identifier: MIT */
/*
 * Ranges: which addresses are mapped for the heap, and what for.
 *
 * A sorted array of ranges that never overlap; neighbours of one use are one range.
 */
#ifndef ALLOT_TOOLS_REPORT_RANGE_H
#define ALLOT_TOOLS_REPORT_RANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <allot/trace.h>

/* [begin, end) */
struct report_range {
	uint64_t begin, end;
	enum trace_use use;
};

/* Start with zeros. */
struct report_ranges {
	struct report_range *all;
	size_t count, capacity;
	uint64_t bytes[TRACE_USES]; /* mapped now */
};

void report_ranges_free(struct report_ranges *ranges);

/* What is mapped from here on; what was there before is replaced. False: no memory. */
bool report_ranges_map(struct report_ranges *ranges, uint64_t begin, uint64_t end,
		       enum trace_use use);
bool report_ranges_unmap(struct report_ranges *ranges, uint64_t begin, uint64_t end);

/* Take an event of kind TRACE_PAGES. False: no memory. */
bool report_ranges_take(struct report_ranges *ranges, const struct trace_event *event);

/* The first range that ends beyond `address`, or NULL. */
const struct report_range *report_ranges_find(const struct report_ranges *ranges,
					      uint64_t address);

/* Is all of [begin, end) mapped for blocks? */
bool report_ranges_hold(const struct report_ranges *ranges, uint64_t begin, uint64_t end);

#endif
