/* SPDX-License-Identifier: MIT */
/*
 * Exports as Chrome's trace events, which Perfetto and chrome://tracing draw: counters of the heap
 * over time, and the program's marks.
 *
 * Times are microseconds, or numbers of events where the trace has no times. What was requested,
 * rounding and tags are one counter, drawn stacked. What is resident, and the ledger it is made up
 * of, are others, at samples only; "untouched" is to be taken off the rest.
 */
#include "export.h"

#include <inttypes.h>
#include <stdlib.h>

#include "heap_series.h"
#include "json.h"
#include "notice.h"
#include "report_count.h"
#include "room.h"

enum {
	MARKS_MAX = 10000, /* more cannot be looked at */
	NS_PER_US = 1000,
};

struct mark {
	uint64_t time;
	uint32_t thread;
	char *text;
};

struct chrome {
	const struct trace_info *info;
	struct heap_series series;
	struct report_count ledger;
	struct mark *marks;
	size_t mark_count, mark_room;
	uint64_t marks_lost;
};

static void chrome_take(void *context, const struct trace_event *event)
{
	struct chrome *chrome = context;

	heap_series_add(&chrome->series, chrome->info, event);
	report_count_take(&chrome->ledger, event);
	if (event->kind != TRACE_MARK)
		return;
	if (chrome->mark_count == MARKS_MAX) {
		chrome->marks_lost++;
		return;
	}
	chrome->marks = room_grow(chrome->marks, &chrome->mark_room, chrome->mark_count + 1,
				  sizeof(*chrome->marks));
	chrome->marks[chrome->mark_count++] = (struct mark){
		.time = heap_series_axis(&chrome->series, &chrome->series.now),
		.thread = event->thread,
		.text = room_print("%s", event->text),
	};
}

/* Open an event; `axis` is in nanoseconds or events. */
static void event_open(const struct chrome *chrome, struct json *json, const char *kind,
		       const char *name, uint64_t axis)
{
	uint64_t units = chrome->series.is_by_event ? 1 : NS_PER_US;

	json_open(json, NULL, '{');
	json_text(json, "ph", kind);
	json_text(json, "name", name);
	json_number(json, "ts", (int64_t)(axis / units));
	json_number(json, "pid", chrome->info->process);
}

static void heap_write(const struct chrome *chrome, struct json *json,
		       const struct heap_figures *figures)
{
	uint64_t axis = heap_series_axis(&chrome->series, figures);

	event_open(chrome, json, "C", "live bytes", axis);
	json_open(json, "args", '{');
	json_number(json, "requested", (int64_t)figures->requested_bytes);
	json_number(json, "rounding", (int64_t)figures->rounding_bytes);
	json_number(json, "tags", (int64_t)figures->tag_bytes);
	json_close(json, '{');
	json_close(json, '{');
	event_open(chrome, json, "C", "live blocks", axis);
	json_open(json, "args", '{');
	json_number(json, "blocks", (int64_t)figures->block_count);
	json_close(json, '{');
	json_close(json, '{');
}

/* What is resident and what it is made up of: one sample. */
static void sample_write(const struct chrome *chrome, struct json *json,
			 const struct report_point *point)
{
	uint64_t axis = chrome->series.is_by_event ? point->ordinal : point->time;

	event_open(chrome, json, "C", "resident bytes", axis);
	json_open(json, "args", '{');
	json_number(json, "process", (int64_t)point->process_bytes);
	json_number(json, "heap", (int64_t)point->resident_bytes);
	json_close(json, '{');
	json_close(json, '{');
	event_open(chrome, json, "C", "ledger", axis);
	json_open(json, "args", '{');
	for (int term = 0; term < REPORT_TERMS; term++)
		json_number(json, report_term_key((enum report_term)term),
			    (int64_t)point->terms[term]);
	json_close(json, '{');
	json_close(json, '{');
}

static void marks_write(const struct chrome *chrome, struct json *json)
{
	for (size_t i = 0; i < chrome->mark_count; i++) {
		event_open(chrome, json, "i", chrome->marks[i].text, chrome->marks[i].time);
		json_number(json, "tid", chrome->marks[i].thread);
		json_text(json, "s", "p");
		json_close(json, '{');
	}
}

static void events_write(const struct chrome *chrome, struct json *json)
{
	json_open(json, "traceEvents", '[');
	json_open(json, NULL, '{');
	json_text(json, "ph", "M");
	json_text(json, "name", "process_name");
	json_number(json, "pid", chrome->info->process);
	json_open(json, "args", '{');
	json_text(json, "name", chrome->info->command);
	json_close(json, '{');
	json_close(json, '{');
	for (size_t i = 0; i < heap_series_count(&chrome->series); i++)
		heap_write(chrome, json, heap_series_get(&chrome->series, i));
	for (size_t i = 0; i < chrome->ledger.by_sample.count; i++)
		sample_write(chrome, json, &chrome->ledger.by_sample.all[i]);
	marks_write(chrome, json);
	json_close(json, '[');
}

bool export_chrome(struct export *export)
{
	struct chrome chrome = { .info = trace_info_get(export->trace) };
	struct json json = { .out = export->out };

	if (!export_ledger_init(export, &chrome.ledger))
		return false;
	heap_series_init(&chrome.series, chrome.info);
	bool is_read = export_pass(export, chrome_take, &chrome);
	if (is_read) {
		heap_series_settle(&chrome.series);
		json_open(&json, NULL, '{');
		json_text(&json, "displayTimeUnit", "ms");
		events_write(&chrome, &json);
		json_close(&json, '{');
	}
	if (chrome.marks_lost > 0)
		notice_write(export->command, "%" PRIu64 " marks beyond the first %d are left out",
			     chrome.marks_lost, MARKS_MAX);
	for (size_t i = 0; i < chrome.mark_count; i++)
		free(chrome.marks[i].text);
	free(chrome.marks);
	heap_series_finish(&chrome.series);
	report_count_free(&chrome.ledger);
	return is_read;
}
