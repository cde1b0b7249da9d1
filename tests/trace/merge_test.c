/* SPDX-License-Identifier: MIT */
/*
 * Merging: what a raw trace says comes out as it happened, whatever its clocks say.
 */
#include <allot/trace.h>

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "random.h"
#include "raw_trace.h"
#include "trace_file.h"

enum { LINE_BYTES = 512 };

/* What was drawn comes out, in its order, where each event has a time of its own. */
static void same_as_drawn(struct raw_program program)
{
	struct trace_event *events, event;
	struct raw_trace *raw = raw_trace_draw(&program, &events);
	struct trace *trace = trace_of_raw(raw);

	for (size_t i = 0; i < program.event_count; i++) {
		enum trace_status status = trace_next(trace, &event);
		cr_assert_eq(status, TRACE_OK, "seed %llu, event %zu: status %d, %s",
			     (unsigned long long)program.seed, i, status, trace_message(trace));
		const char *difference = event_difference(&event, &events[i], program.streams);
		cr_assert_null(difference, "seed %llu, event %zu, kind %d: %s",
			       (unsigned long long)program.seed, i, events[i].kind, difference);
	}
	cr_expect_eq(trace_next(trace, &event), TRACE_END);
	cr_expect_eq(trace_info_get(trace)->event_count, program.event_count);
	cr_expect_eq(trace_info_get(trace)->repaired, 0);
	trace_close(trace);
	raw_trace_destroy(raw);
	free(events);
}

Test(merge, one_stream_comes_out_as_it_was)
{
	for (uint64_t seed = 1; seed <= 10; seed++)
		same_as_drawn((struct raw_program){
			.seed = seed, .streams = 1, .event_count = 20000, .live_blocks = 500,
			.frames = 100, .has_rare = true, .coarseness = 1});
}

/* What repairing a program of coarse clocks came to. */
struct outcome {
	uint64_t repaired, unknown, events;
};

/* Times never go back, and every event drawn comes out once. */
static void merge_coarse(struct raw_program program, struct outcome *outcome)
{
	struct trace_event *events, event;
	struct raw_trace *raw = raw_trace_draw(&program, &events);
	struct trace *trace = trace_of_raw(raw);
	size_t kinds[TRACE_MARK + 1] = {0}, drawn[TRACE_MARK + 1] = {0};
	enum trace_status status;
	uint64_t time = 0;

	while ((status = trace_next(trace, &event)) == TRACE_OK) {
		cr_assert(event.time >= time, "an event is earlier than the one before");
		time = event.time;
		kinds[event.kind]++;
		outcome->unknown += event.kind <= TRACE_RESIZE && event.is_unknown;
	}
	cr_expect_eq(status, TRACE_END);
	for (size_t i = 0; i < program.event_count; i++)
		drawn[events[i].kind]++;
	if (outcome->unknown == 0)
		cr_expect_arr_eq(kinds, drawn, sizeof(kinds));
	outcome->repaired += trace_info_get(trace)->repaired;
	outcome->events += program.event_count;
	trace_close(trace);
	raw_trace_destroy(raw);
	free(events);
}

static struct outcome merge_many(struct raw_program program)
{
	struct outcome outcome = {0};

	for (uint64_t seed = 1; seed <= 12; seed++) {
		program.seed = seed;
		program.streams = 2 + (uint32_t)seed % 7;
		program.coarseness = 1 + (uint32_t)seed;
		program.event_count = 20000;
		program.has_rare = seed % 2;
		merge_coarse(program, &outcome);
	}
	return outcome;
}

Test(merge, what_is_handed_out_again_at_once_is_repaired)
{
	struct outcome outcome = merge_many((struct raw_program){
		.live_blocks = 1000, .is_oldest_freed = true});
	cr_expect(outcome.repaired > 1000, "%llu", (unsigned long long)outcome.repaired);
	cr_expect_eq(outcome.unknown, 0, "%llu", (unsigned long long)outcome.unknown);
}

Test(merge, what_is_freed_at_once_by_another_is_repaired)
{
	struct outcome outcome = merge_many((struct raw_program){
		.live_blocks = 30, .is_reused_late = true});
	cr_expect(outcome.repaired > 1000, "%llu", (unsigned long long)outcome.repaired);
	cr_expect_eq(outcome.unknown, 0, "%llu", (unsigned long long)outcome.unknown);
}

/* An address that goes round faster than the clocks can tell may be freed by the wrong one. */
Test(merge, what_cannot_be_told_is_rare)
{
	struct outcome outcome = merge_many((struct raw_program){.live_blocks = 50});
	cr_expect(outcome.unknown * 200 < outcome.events, "%llu of %llu",
		  (unsigned long long)outcome.unknown, (unsigned long long)outcome.events);
}
