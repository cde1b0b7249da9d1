/* SPDX-License-Identifier: MIT */
/*
 * Heap series: figures over time, in bounded room, with no peak lost.
 *
 * Time is cut into equal steps. Of each step two moments are kept: the one with most bytes
 * requested, and its end. When there are too many steps they become twice as long, two becoming
 * one; so the length of a recording need not be known when it begins.
 */
#ifndef ALLOT_TOOLS_HEAP_SERIES_H
#define ALLOT_TOOLS_HEAP_SERIES_H

#include <stddef.h>
#include <stdint.h>

#include "heap_figures.h"

enum { HEAP_SERIES_STEPS_MAX = 1000 };

struct heap_series_step {
	struct heap_figures peak, last; /* peak.time <= last.time */
};

/* See heap_series_init(). */
struct heap_series {
	uint64_t step_units; /* how long a step is */
	bool is_by_event;    /* in events, where the trace has no times; else in ns */
	struct heap_series_step *steps;
	size_t step_count;
	size_t step_last;    /* number of the step that is not over */
	struct heap_figures now;
	struct heap_figures peak; /* most bytes requested, the first such moment */
};

void heap_series_init(struct heap_series *series, const struct trace_info *info);
void heap_series_add(struct heap_series *series, const struct trace_info *info,
		     const struct trace_event *event);
/* After the last event: all steps are over. */
void heap_series_settle(struct heap_series *series);

void heap_series_finish(struct heap_series *series);

/* Where a moment lies on the axis: its time, or how many events there were. */
uint64_t heap_series_axis(const struct heap_series *series, const struct heap_figures *figures);

/* Two moments a step, in order of time; how many there are. */
size_t heap_series_count(const struct heap_series *series);
const struct heap_figures *heap_series_get(const struct heap_series *series, size_t index);

#endif
