/* SPDX-License-Identifier: MIT */
/*
 * What exports have in common: reading the trace, and choosing a figure of a stack.
 */
#include "export.h"

#include <inttypes.h>
#include <string.h>

#include "export_pins.h"
#include "notice.h"
#include "report_count.h"

const struct stack_metric_name stack_metrics[METRIC_COUNT] = {
	[METRIC_ALLOC_OBJECTS] = { "alloc_objects", "count" },
	[METRIC_ALLOC_SPACE] = { "alloc_space", "bytes" },
	[METRIC_INUSE_OBJECTS] = { "inuse_objects", "count" },
	[METRIC_INUSE_SPACE] = { "inuse_space", "bytes" },
	[METRIC_SLACK_SPACE] = { "slack_space", "bytes" },
	[METRIC_PINNED_SPACE] = { "pinned_space", "bytes" },
	[METRIC_EXCLUSIVE_PAGES] = { "exclusive_pages", "count" },
};

uint64_t stack_metric_value(const struct stack_row *row, enum stack_metric metric)
{
	switch (metric) {
	case METRIC_ALLOC_OBJECTS:
		return row->allocation_count;
	case METRIC_ALLOC_SPACE:
		return row->allocated_bytes;
	case METRIC_INUSE_OBJECTS:
		return row->at_moment.block_count;
	case METRIC_INUSE_SPACE:
		return row->at_moment.bytes;
	case METRIC_SLACK_SPACE:
		return row->at_moment.rounding_bytes;
	case METRIC_PINNED_SPACE:
		return row->pinned_bytes;
	case METRIC_EXCLUSIVE_PAGES:
		return row->exclusive_pages;
	case METRIC_COUNT:
		break;
	}
	return 0;
}

enum stack_metric export_metric(const struct export *export)
{
	enum stack_metric metric = METRIC_INUSE_SPACE;

	for (int i = 0; i < METRIC_COUNT; i++)
		if (strcmp(stack_metrics[i].name, export->metric) == 0)
			metric = (enum stack_metric)i;
	return metric;
}

bool export_pass(struct export *export,
		 void (*take)(void *context, const struct trace_event *event), void *context)
{
	struct trace_event event;
	enum trace_status status = trace_rewind(export->trace);

	while (status == TRACE_OK || status == TRACE_DAMAGED) {
		status = trace_next(export->trace, &event);
		if (status == TRACE_OK) {
			take(context, &event);
		} else if (status == TRACE_DAMAGED) {
			export->is_damaged = true;
			if (!export->is_told)
				notice_write(export->command, "%s: %s", export->path,
					     trace_message(export->trace));
		}
	}
	export->is_told = true;
	if (status == TRACE_FAILED)
		notice_write(export->command, "%s: %s", export->path,
			     trace_message(export->trace));
	return status == TRACE_END;
}

static void totals_take(void *context, const struct trace_event *event)
{
	stack_totals_add(context, event);
}

bool export_totals(struct export *export, bool has_pins, struct stack_totals *out_totals)
{
	stack_totals_init(out_totals, export->moment, export->moment_time);
	bool is_made = export_pass(export, totals_take, out_totals);
	if (is_made && export->moment == STACK_AT_RSS && out_totals->kept_event == 0) {
		notice_write(export->command, "%s: no sample tells what was resident, so there is "
			     "no moment rss", export->path);
		is_made = false;
	}
	stack_totals_settle(out_totals);
	export->pins_label = NULL;
	if (is_made && has_pins && export_pins_can(export))
		is_made = export_pins_add(export, out_totals, &export->pins_label);
	if (!is_made)
		stack_totals_finish(out_totals);
	return is_made;
}

bool export_ledger_init(const struct export *export, struct report_count *out_ledger)
{
	/* No stack is one as well. */
	bool is_begun = report_count_init(out_ledger, trace_info_get(export->trace),
					  trace_frame_count(export->trace) + 1);

	if (!is_begun)
		notice_write(export->command, "out of memory");
	return is_begun;
}

const char *export_thread(const struct export *export, uint32_t thread,
			  char buffer[EXPORT_THREAD_BYTES])
{
	const char *name = "";

	if (thread == EXPORT_NO_THREAD)
		return "";
	if (thread < trace_thread_count(export->trace))
		name = trace_thread_name(export->trace, thread);
	if (name != NULL && name[0] != '\0')
		return name;
	snprintf(buffer, EXPORT_THREAD_BYTES, "thread %" PRIu32, thread);
	return buffer;
}
