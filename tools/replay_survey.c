/* SPDX-License-Identifier: MIT */
/*
 * Replay, the first pass: what must be known of a trace before its first call is made again.
 */
#include <stdlib.h>

#include "replay_compile.h"
#include "sample_peak.h"

/* The thread made a call with this event. */
static void thread_enter(struct replay_survey *survey, uint32_t thread)
{
	if (thread >= survey->thread_capacity) {
		uint32_t capacity = thread < 8 ? 16 : 2 * thread;
		uint64_t *last = reallocarray(survey->thread_last, capacity, sizeof(*last));
		if (last == NULL) {
			survey->is_out_of_memory = true;
			return;
		}
		survey->thread_last = last;
		survey->thread_capacity = capacity;
	}
	for (; survey->thread_count <= thread; survey->thread_count++)
		survey->thread_last[survey->thread_count] = 0;
	survey->thread_last[thread] = survey->events;
}

static void live_set(struct replay_survey *survey, uint64_t bytes)
{
	survey->live_bytes = bytes;
	if (bytes > survey->live_bytes_peak) {
		survey->live_bytes_peak = bytes;
		survey->live_peak_event = survey->events;
	}
}

static void call_enter(struct replay_survey *survey, const struct trace_event *event)
{
	if (event->kind == TRACE_FREE && event->is_unknown) {
		survey->unknown_frees++;
		return;
	}
	thread_enter(survey, event->thread);
	survey->operations++;
	if (event->number >= survey->slot_count)
		survey->slot_count = event->number + UINT64_C(1);
	if (event->kind == TRACE_FREE)
		live_set(survey, survey->live_bytes - event->block.bytes);
	else
		live_set(survey, survey->live_bytes + event->block.bytes -
					 (event->kind == TRACE_RESIZE ? event->old.bytes : 0));
}

static void sample_enter(struct replay_survey *survey, const struct trace_event *event)
{
	survey->samples++;
	if (!event->sample->has_runs)
		return;
	uint64_t bytes = sample_heap_bytes(event->sample->heap_resident_bytes);
	if (survey->samples_with_runs++ == 0)
		survey->heap_time_first = event->time;
	else
		survey->heap_area +=
			(double)survey->heap_bytes * (double)(event->time - survey->heap_time);
	survey->heap_bytes = bytes;
	survey->heap_time = event->time;
	if (sample_is_higher(bytes, survey->live_bytes, survey->heap_bytes_peak,
			     survey->heap_peak_live_bytes)) {
		survey->heap_bytes_peak = bytes;
		survey->heap_peak_live_bytes = survey->live_bytes;
	}
}

void replay_survey_event(struct replay_survey *survey, const struct trace_event *event)
{
	switch (event->kind) {
	case TRACE_ALLOCATE:
	case TRACE_FREE:
	case TRACE_RESIZE:
		call_enter(survey, event);
		break;
	case TRACE_SAMPLE:
		sample_enter(survey, event);
		break;
	default:
		break;
	}
	survey->time_end = event->time;
	survey->events++;
}

double replay_survey_heap_mean(const struct replay_survey *survey)
{
	uint64_t span = survey->heap_time - survey->heap_time_first;

	return span > 0 ? survey->heap_area / (double)span : (double)survey->heap_bytes;
}

void replay_survey_finish(struct replay_survey *survey)
{
	free(survey->thread_last);
	*survey = (struct replay_survey){0};
}
