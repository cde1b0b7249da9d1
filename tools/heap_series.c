/* SPDX-License-Identifier: MIT */
/*
 * Heap series: steps that have something, in order; steps in which nothing happened are left out.
 */
#include "heap_series.h"

#include <stdlib.h>

#include "room.h"

enum {
	STEP_NS_MIN = 1000,
	STEP_EVENTS_MIN = 1,
};

void heap_series_init(struct heap_series *series, const struct trace_info *info)
{
	*series = (struct heap_series){
		.is_by_event = !info->has_times,
		.step_units = info->has_times ? STEP_NS_MIN : STEP_EVENTS_MIN,
		.steps = room_take(HEAP_SERIES_STEPS_MAX, sizeof(*series->steps)),
	};
}

void heap_series_finish(struct heap_series *series)
{
	free(series->steps);
}

uint64_t heap_series_axis(const struct heap_series *series, const struct heap_figures *figures)
{
	return series->is_by_event ? figures->event_count : figures->time;
}

/* Steps twice as long, each with what two had. */
static void steps_merge(struct heap_series *series)
{
	size_t count = 0;

	series->step_units *= 2;
	for (size_t i = 0; i < series->step_count; i++) {
		struct heap_series_step *step = &series->steps[i];
		struct heap_series_step *before = count > 0 ? &series->steps[count - 1] : NULL;
		uint64_t number = heap_series_axis(series, &step->last) / series->step_units;

		if (before == NULL ||
		    heap_series_axis(series, &before->last) / series->step_units != number) {
			series->steps[count++] = *step;
			continue;
		}
		if (step->peak.requested_bytes > before->peak.requested_bytes)
			before->peak = step->peak;
		before->last = step->last;
	}
	series->step_count = count;
}

/* The step that is not over ends here. */
static void step_close(struct heap_series *series)
{
	if (series->step_count > 0)
		series->steps[series->step_count - 1].last = series->now;
}

/* Make the step `event` belongs to the last one. */
static void step_find(struct heap_series *series, const struct trace_event *event)
{
	uint64_t axis = series->is_by_event ? series->now.event_count + 1 : event->time;

	if (series->step_count > 0 && axis / series->step_units == series->step_last)
		return;
	step_close(series);
	while (series->step_count == HEAP_SERIES_STEPS_MAX) {
		steps_merge(series);
		series->step_last =
			heap_series_axis(series, &series->now) / series->step_units;
		if (axis / series->step_units == series->step_last)
			return;
	}
	series->step_last = axis / series->step_units;
	series->steps[series->step_count++] = (struct heap_series_step){ .peak.event_count = 0 };
}

void heap_series_add(struct heap_series *series, const struct trace_info *info,
		     const struct trace_event *event)
{
	struct heap_figures *now = &series->now;

	step_find(series, event);
	struct heap_figures *peak = &series->steps[series->step_count - 1].peak;
	heap_figures_add(now, info, event);
	if (now->requested_bytes > peak->requested_bytes || peak->event_count == 0)
		*peak = *now;
	if (now->requested_bytes > series->peak.requested_bytes)
		series->peak = *now;
}

void heap_series_settle(struct heap_series *series)
{
	step_close(series);
}

size_t heap_series_count(const struct heap_series *series)
{
	return 2 * series->step_count;
}

const struct heap_figures *heap_series_get(const struct heap_series *series, size_t index)
{
	const struct heap_series_step *step = &series->steps[index / 2];

	return index % 2 == 0 ? &step->peak : &step->last;
}
