/* SPDX-License-Identifier: MIT */
/*
 * Following a process: events into counts, counts into rates and a minute's history. See top.h.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "top.h"
#include "top_functions.h"

enum {
	NS_PER_S = 1000000000,
	EVENTS_A_LOOK = 4096,              /* between looks at the clock */
	RUNS_INTERVAL_NS = 200 * 1000 * 1000, /* a map that is drawn need not be newer */
};

uint64_t top_clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

bool top_process_open(struct top_process *process, const char *path, enum trace_follow_how how,
		      char *message, size_t message_bytes)
{
	memset(process, 0, sizeof(*process));
	snprintf(process->path, sizeof(process->path), "%s", path);
	process->how = how;
	process->trace = trace_follow(path, how, message, message_bytes);
	if (process->trace == NULL)
		return false;
	process->info = trace_info_get(process->trace);
	trace_follow_state_get(process->trace, &process->state);
	stack_totals_init(&process->stacks, STACK_AT_END, 0);
	return true;
}

void top_process_close(struct top_process *process)
{
	if (process->trace == NULL)
		return;
	top_functions_close(process->functions);
	if (process->symbols != NULL)
		symbols_close(process->symbols);
	if (process->is_counting)
		report_count_free(&process->count);
	stack_totals_finish(&process->stacks);
	free(process->runs);
	free(process->thread_allocations);
	free(process->thread_rates);
	trace_close(process->trace);
	memset(process, 0, sizeof(*process));
}

/* ---- events ------------------------------------------------------------------------------- */

/* Keep where pages are resident, for the map. */
static void runs_keep(struct top_process *process, const struct trace_event *event)
{
	const struct trace_sample *sample = event->sample;

	if (process->run_count > 0 && event->time < process->runs_time + RUNS_INTERVAL_NS)
		return;
	if (sample->run_count > process->run_room) {
		struct trace_run *runs = reallocarray(process->runs, sample->run_count * 2,
						      sizeof(*runs));
		if (runs == NULL)
			return;
		process->runs = runs;
		process->run_room = sample->run_count * 2;
	}
	if (sample->run_count > 0)
		memcpy(process->runs, sample->runs, sample->run_count * sizeof(*sample->runs));
	process->run_count = sample->run_count;
	process->runs_time = event->time;
}

static void second_note(struct top_process *process, const struct trace_sample *sample)
{
	uint64_t number = process->count.time / NS_PER_S;
	struct top_second *second = &process->seconds[number % TOP_SECONDS];

	if (second->second != number + 1)
		*second = (struct top_second){.second = number + 1};
	second->requested_bytes = process->count.requested_bytes;
	second->minor_faults = sample->minor_faults;
	second->major_faults = sample->major_faults;
	second->has_resident = sample->has_runs;
	second->resident_bytes = 0;
	for (int use = 0; use < TRACE_USES; use++)
		second->resident_bytes += sample->heap_resident_bytes[use];
}

/* Stacks and the width of tags become known while the program runs. */
static bool count_prepare(struct top_process *process, const struct trace_event *event)
{
	struct report_count *count = &process->count;

	if (!process->is_counting) {
		if (!report_count_init(count, process->info, 1))
			return false;
		process->is_counting = true;
	}
	count->tag_bytes = process->info->tag_bytes;
	if (event->kind <= TRACE_RESIZE && event->block.stack >= count->stack_count)
		return report_count_grow(count, event->block.stack + (size_t)1);
	return true;
}

static void event_take(struct top_process *process, const struct trace_event *event)
{
	if (!count_prepare(process, event)) {
		process->count.is_short = true;
		return;
	}
	report_count_take(&process->count, event);
	stack_totals_add(&process->stacks, event);
	if (event->kind != TRACE_SAMPLE)
		return;
	second_note(process, event->sample);
	if (event->sample->has_runs)
		runs_keep(process, event);
}

static void damage_take(struct top_process *process)
{
	process->damages++;
	snprintf(process->damage, sizeof(process->damage), "%s", trace_message(process->trace));
}

size_t top_process_step(struct top_process *process, bool is_end, uint64_t limit_ns)
{
	uint64_t until = top_clock_ns() + limit_ns;
	struct trace_event event;
	size_t count = 0;

	if (process->trace == NULL || process->is_all_read)
		return 0;
	process->is_over = process->is_over || is_end;
	trace_follow_step(process->trace, process->is_over);
	for (;;) {
		switch (trace_next(process->trace, &event)) {
		case TRACE_OK:
			event_take(process, &event);
			if (++count % EVENTS_A_LOOK != 0)
				continue;
			if (top_clock_ns() >= until)
				break;
			/* A process that must not wait is looked at again while it is read. */
			trace_follow_step(process->trace, process->is_over);
			continue;
		case TRACE_DAMAGED:
			damage_take(process);
			continue;
		case TRACE_FAILED:
			damage_take(process);
			process->is_all_read = true;
			break;
		case TRACE_END:
			process->is_all_read = true;
			break;
		case TRACE_WAIT:
			break;
		}
		break;
	}
	trace_follow_state_get(process->trace, &process->state);
	return count;
}

/* ---- rates -------------------------------------------------------------------------------- */

static void threads_rate(struct top_process *process, double seconds)
{
	size_t count = process->count.thread_count;

	if (count > process->thread_room) {
		size_t room = count * 2;
		uint64_t *before = reallocarray(process->thread_allocations, room, sizeof(*before));
		if (before != NULL)
			process->thread_allocations = before;
		double *rates = reallocarray(process->thread_rates, room, sizeof(*rates));
		if (rates != NULL)
			process->thread_rates = rates;
		if (before == NULL || rates == NULL)
			return;
		for (size_t i = process->thread_room; i < room; i++) {
			before[i] = 0;
			rates[i] = 0;
		}
		process->thread_room = room;
	}
	for (size_t i = 0; i < count; i++) {
		uint64_t now = process->count.threads[i].allocations;
		process->thread_rates[i] = (double)(now - process->thread_allocations[i]) / seconds;
		process->thread_allocations[i] = now;
	}
}

void top_process_rate(struct top_process *process)
{
	const struct report_count *count = &process->count;
	uint64_t now = top_clock_ns();
	double seconds = (double)(now - process->looked_ns) / NS_PER_S;
	struct report_point last = count->last;
	uint64_t events = count->ordinal + process->state.skipped_events;

	if (seconds <= 0)
		return;
	/* Between the beginning and the first look there is only the recording's own clock. */
	if (process->looked_ns == 0)
		seconds = (double)(process->state.now > 0 ? process->state.now : 1) / NS_PER_S;
	process->rates = (struct top_rates){
		.events = (double)(events - process->looked_events) / seconds,
		.allocations = (double)(count->allocations - process->looked_allocations) / seconds,
		.frees = (double)(count->frees - process->looked_frees) / seconds,
		.minor_faults = (double)(last.minor_faults - process->looked_minor) / seconds,
		.major_faults = (double)(last.major_faults - process->looked_major) / seconds,
	};
	threads_rate(process, seconds);
	process->looked_ns = now;
	process->looked_events = events;
	process->looked_allocations = count->allocations;
	process->looked_frees = count->frees;
	process->looked_minor = last.minor_faults;
	process->looked_major = last.major_faults;
}

/* ---- what is asked for -------------------------------------------------------------------- */

const struct top_second *top_process_second(const struct top_process *process, unsigned ago)
{
	uint64_t last = process->state.now / NS_PER_S, number = last - ago;

	if (ago >= TOP_SECONDS || ago > last)
		return NULL;
	/* Without events there are no samples, and what was there then still is. */
	for (unsigned back = 0; back <= number && back < TOP_SECONDS - ago; back++) {
		const struct top_second *second = &process->seconds[(number - back) % TOP_SECONDS];
		if (second->second == number - back + 1)
			return second;
	}
	return NULL;
}

bool top_process_ledger(const struct top_process *process, struct report_point *out)
{
	if (!process->is_counting)
		return false;
	if (process->count.samples_with_runs > 0)
		*out = process->count.last;
	else
		report_count_point(&process->count, out);
	return true;
}

const char *top_process_label(const struct top_process *process)
{
	return process->state.skipped_events > 0 || process->state.missed_slots > 0 ||
	       process->damages > 0 || process->state.lost_events > 0 ?
		       "estimate (events are missing)" : "exact";
}

const char *top_process_warning(const struct top_process *process, char *text, size_t bytes)
{
	const struct trace_follow_state *state = &process->state;

	text[0] = '\0';
	if (process->count.is_short)
		snprintf(text, bytes, "no memory: figures are not right");
	else if (state->lost_events > 0 || state->lost_why[0] != '\0')
		snprintf(text, bytes, "the recorder lost %" PRIu64 " events: %s",
			 state->lost_events, state->lost_why);
	else if (state->skipped_events > 0)
		snprintf(text, bytes, "fell behind: %.1f M events only counted, not to slow "
			 "the program", (double)state->skipped_events / 1e6);
	else if (state->missed_slots > 0 && state->reader > 0)
		snprintf(text, bytes, "process %u reads the recording too: %" PRIu64 " parts not "
			 "seen", state->reader, state->missed_slots);
	else if (state->missed_slots > 0)
		snprintf(text, bytes, "%" PRIu64 " parts of the recording were gone before they "
			 "were read", state->missed_slots);
	else if (process->damages > 0)
		snprintf(text, bytes, "%" PRIu64 " damaged places: %.180s", process->damages,
			 process->damage);
	return text;
}
