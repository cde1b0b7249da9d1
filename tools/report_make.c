/* SPDX-License-Identifier: MIT */
/*
 * Making a report: read, choose the moments that matter, read again.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "report.h"
#include "report_names.h"
#include "report_what_if.h"

enum {
	MESSAGE_BYTES = 512,
	NS_PER_S = 1000000000,
};

static void damage_note(struct report *report, const char *text)
{
	if (report->damage_count < REPORT_DAMAGES)
		report->damages[report->damage_count] = strdup(text);
	report->damage_count++;
}

/*
 * Read the trace from its start to its end, handing each event on. False when reading failed; what
 * was read until then is kept.
 */
static bool trace_read(struct report *report, bool is_first,
		       void (*take)(struct report *report, const struct trace_event *event))
{
	struct trace_event event;

	if (!is_first && trace_rewind(report->trace) != TRACE_OK)
		return false;
	for (;;) {
		switch (trace_next(report->trace, &event)) {
		case TRACE_OK:
			take(report, &event);
			break;
		case TRACE_END:
		case TRACE_WAIT:
			return true;
		case TRACE_DAMAGED:
			if (is_first)
				damage_note(report, trace_message(report->trace));
			break;
		case TRACE_FAILED:
			if (is_first)
				damage_note(report, trace_message(report->trace));
			return false;
		}
	}
}

static void take_count(struct report *report, const struct trace_event *event)
{
	report_count_take(&report->count, event);
}

static void take_look(struct report *report, const struct trace_event *event)
{
	report_look_take(&report->look, event);
}

static bool message_set(char *message, size_t message_bytes, const char *text)
{
	snprintf(message, message_bytes, "%s", text);
	return false;
}

/* Share of resident bytes that is waste, where the heap is at least half of its peak. */
static double waste_share(const struct report_point *point, uint64_t peak)
{
	if (point->heap_bytes == 0 || point->heap_bytes < peak / 2)
		return 0;
	return (double)report_point_waste(point) / (double)point->heap_bytes;
}

/* The series that is shown, its peaks put in where they were left out. */
static bool series_choose(struct report *report)
{
	struct report_count *count = &report->count;
	uint64_t worst_ordinal = 0;
	double worst = -1;

	report->has_residency = count->samples_with_runs > 0;
	report->series = report->has_residency ? &count->by_sample : &count->by_event;
	if (!report->has_residency)
		return true;
	if (!report_series_insert(report->series, &count->first) ||
	    !report_series_insert(report->series, &count->peak) ||
	    !report_series_insert(report->series, &count->last))
		return false;
	for (size_t i = 0; i < report->series->count; i++) {
		double share = waste_share(&report->series->all[i], count->peak.heap_bytes);

		if (share > worst) {
			worst = share;
			worst_ordinal = report->series->all[i].ordinal;
		}
	}
	const uint64_t kept[] = { count->peak.ordinal, worst_ordinal, count->last.ordinal };
	report_series_thin(report->series, REPORT_POINTS_SHOWN, kept,
			   sizeof(kept) / sizeof(kept[0]));
	report->peak_index = report_series_find(report->series, count->peak.ordinal);
	report->worst_index = report_series_find(report->series, worst_ordinal);
	report->end_index = report->series->count - 1;
	return true;
}

static void moment_add(struct report *report, const char *key, const char *name, uint64_t ordinal)
{
	struct report_moment *moment = &report->moments[report->moment_count++];
	const struct report_series *series = report->series;

	*moment = (struct report_moment){ .key = key, .name = name, .ordinal = ordinal };
	if (report->has_residency)
		moment->point = series->all[report_series_find(series, ordinal)];
}

/* Is `at` a number of seconds? Then the last point before it. */
static bool at_find(const struct report *report, const char *at, uint64_t *out_ordinal)
{
	char *end;
	double seconds = strtod(at, &end);

	if (end == at || strcmp(end + (*end == 's'), "") != 0 || seconds < 0)
		return false;
	uint64_t time = seconds < (double)UINT64_MAX / NS_PER_S ? (uint64_t)(seconds * NS_PER_S)
								: UINT64_MAX;
	if (time > report->count.time)
		return false;
	*out_ordinal = report->series->count > 0 ? report->series->all[0].ordinal : 1;
	for (size_t i = 0; i < report->series->count && report->series->all[i].time <= time; i++)
		*out_ordinal = report->series->all[i].ordinal;
	return true;
}

static int moment_compare(const void *a, const void *b)
{
	const struct report_moment *first = a, *second = b;

	return (first->ordinal > second->ordinal) - (first->ordinal < second->ordinal);
}

/* The moments to stop at, by ordinal, and the one that is shown. */
static bool moments_choose(struct report *report, const char *at, char *message,
			   size_t message_bytes)
{
	const struct report_count *count = &report->count;
	const char *key = at != NULL ? at : "peak";
	uint64_t ordinal;

	if (report->has_residency) {
		moment_add(report, "peak", "peak RSS", count->peak.ordinal);
		moment_add(report, "worst", "worst fragmentation",
			   report->series->all[report->worst_index].ordinal);
		moment_add(report, "end", "end", count->last.ordinal);
	} else {
		moment_add(report, "peak", "peak requested", count->requested_ordinal_peak);
		moment_add(report, "end", "end", count->ordinal);
	}
	if (at_find(report, key, &ordinal)) {
		moment_add(report, "at", "chosen moment", ordinal);
		key = "at";
	}
	qsort(report->moments, report->moment_count, sizeof(report->moments[0]), moment_compare);
	for (size_t i = 0; i < report->moment_count; i++)
		if (strcmp(report->moments[i].key, key) == 0)
			report->shown = &report->moments[i];
	if (report->shown == NULL && strcmp(key, "worst") == 0)
		return message_set(message, message_bytes, "the trace has no samples of what was "
				   "resident: no moment is the worst (peak and end are known)");
	if (report->shown == NULL) {
		snprintf(message, message_bytes, "'%s' is no moment: peak, worst, end, or seconds "
			 "since the start, up to %.3f", key, (double)report->count.time / NS_PER_S);
		return false;
	}
	report->shown->is_inspected = report->info->has_addresses;
	return true;
}

/* The points at which the map and free space are drawn. */
static bool columns_choose(struct report *report)
{
	const struct report_series *series = report->series;
	struct report_look *look = &report->look;
	struct report_series copy = { .count = series->count };
	const uint64_t kept[] = { report->shown->ordinal };

	copy.all = calloc(series->count + 1, sizeof(*copy.all));
	if (copy.all == NULL)
		return false;
	if (series->count > 0)
		memcpy(copy.all, series->all, series->count * sizeof(*copy.all));
	report_series_thin(&copy, REPORT_MAP_COLUMNS, kept, 1);
	/* Where addresses are made up, so would be pages and gaps. */
	if (!report->info->has_addresses)
		copy.count = look->map.row_count = look->map.break_count = 0;
	for (size_t i = 0; i < copy.count && look->column_count < REPORT_MAP_COLUMNS; i++)
		look->columns[look->column_count++] = copy.all[i].ordinal;
	free(copy.all);
	look->moments = report->moments;
	look->moment_count = report->moment_count;
	return true;
}

/* Without residency, moments were summed up while looking: put them among the points. */
static bool moments_insert(struct report *report)
{
	uint64_t kept[REPORT_MOMENTS];

	for (size_t i = 0; i < report->moment_count; i++) {
		kept[i] = report->moments[i].ordinal;
		if (report->moments[i].is_made &&
		    !report_series_insert(report->series, &report->moments[i].point))
			return false;
	}
	report_series_thin(report->series, REPORT_POINTS_SHOWN, kept, report->moment_count);
	report->peak_index = report_series_find(report->series,
						report->count.requested_ordinal_peak);
	report->worst_index = report->peak_index;
	report->end_index = report->series->count > 0 ? report->series->count - 1 : 0;
	return true;
}

static bool passes_make(struct report *report, const struct report_options *options, char *message,
			size_t message_bytes)
{
	static const char no_memory[] = "out of memory: the heap of the trace is too large";
	size_t stacks = trace_frame_count(report->trace);

	if (!report_count_init(&report->count, report->info, stacks))
		return message_set(message, message_bytes, no_memory);
	trace_read(report, true, take_count);
	report->info = trace_info_get(report->trace);
	if (report->count.ordinal == 0)
		return message_set(message, message_bytes, report->damage_count > 0 ?
				   report->damages[0] : "there are no events in it");
	if (report->count.is_short || report->count.pages.is_full || !series_choose(report))
		return message_set(message, message_bytes, no_memory);
	if (!moments_choose(report, options->at, message, message_bytes))
		return false;
	if (!report_look_init(&report->look, report->info, &report->count.pages, stacks) ||
	    !columns_choose(report))
		return message_set(message, message_bytes, no_memory);
	trace_read(report, false, take_look);
	if (report->look.is_short || report->look.pages.is_full || report->look.live.is_short ||
	    (!report->has_residency && !moments_insert(report)))
		return message_set(message, message_bytes, no_memory);
	for (size_t i = 0; i < report->moment_count && !report->info->has_addresses; i++)
		report_pins_forget_pages(&report->moments[i].pins);
	return true;
}

bool report_make(struct report *report, const struct report_options *options, char *message,
		 size_t message_bytes)
{
	char text[MESSAGE_BYTES] = "";

	memset(report, 0, sizeof(*report));
	report->path = options->trace_path;
	if (options->replay_path != NULL) {
		report->what_if = report_what_if_open(options->replay_path, message,
						      message_bytes);
		if (report->what_if == NULL)
			return false;
	}
	report->trace = trace_open(options->trace_path, text, sizeof(text));
	if (report->trace == NULL) {
		const char *at = strstr(text, options->trace_path);

		snprintf(message, message_bytes, "%s%s%s", at != NULL ? "" : options->trace_path,
			 at != NULL ? "" : ": ", text);
		return false;
	}
	report->info = trace_info_get(report->trace);
	if (!passes_make(report, options, text, sizeof(text))) {
		snprintf(message, message_bytes, "%s: %s", options->trace_path, text);
		return false;
	}
	if (report->what_if != NULL &&
	    !report_what_if_is_of(report->what_if, report->count.ordinal)) {
		snprintf(message, message_bytes, "%s: the replay of another trace than %s, which "
			 "has %llu events", options->replay_path, options->trace_path,
			 (unsigned long long)report->count.ordinal);
		return false;
	}
	/* Frame 0 is none. */
	report->has_stacks = trace_frame_count(report->trace) > 1;
	report->names = report_names_open(report->trace);
	if (report->names == NULL)
		return message_set(message, message_bytes, "out of memory");
	report_metrics_make(report);
	report_advice_make(report);
	return true;
}

void report_free(struct report *report)
{
	for (size_t i = 0; i < report->moment_count; i++)
		report_moment_free(&report->moments[i]);
	report_look_free(&report->look);
	report_count_free(&report->count);
	for (size_t i = 0; i < REPORT_DAMAGES; i++)
		free(report->damages[i]);
	report_names_close(report->names);
	report_what_if_close(report->what_if);
	if (report->trace != NULL)
		trace_close(report->trace);
	memset(report, 0, sizeof(*report));
}

int report_exit_status(const struct report *report)
{
	return report->damage_count > 0 ? STATUS_DAMAGED : STATUS_OK;
}
