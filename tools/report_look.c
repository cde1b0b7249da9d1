/* SPDX-License-Identifier: MIT */
/*
 * Looking: keep what is live, and stop where something is wanted.
 */
#include "report_look.h"

#include <stdlib.h>
#include <string.h>

#include "report_block.h"

bool report_look_init(struct report_look *look, const struct trace_info *info,
		      const struct report_pages *seen, size_t stack_count)
{
	memset(look, 0, sizeof(*look));
	look->tag_bytes = info->tag_bytes;
	look->stack_count = stack_count > 0 ? stack_count : 1;
	return report_pages_init(&look->pages, info->page_bytes, true) &&
	       report_map_init(&look->map, seen);
}

void report_look_free(struct report_look *look)
{
	report_map_free(&look->map);
	report_live_free(&look->live);
	report_pages_free(&look->pages);
	report_ranges_free(&look->ranges);
}

void report_moment_free(struct report_moment *moment)
{
	report_pins_free(&moment->pins);
	report_inspect_free(&moment->inspected);
}

static void block_add(struct report_look *look, const struct trace_block *it, bool is_added)
{
	struct report_block block = report_block_of(it, look->tag_bytes, look->pages.page_bytes);

	if (is_added)
		report_pages_add(&look->pages, block.begin, block.end);
	else
		report_pages_remove(&look->pages, block.begin, block.end);
}

/* The live terms of the ledger, for traces that have no samples to take them from. */
static void point_make(struct report_look *look, const struct trace_event *event,
		       struct report_moment *moment)
{
	struct report_point *point = &moment->point;

	*point = (struct report_point){ .time = event->time, .ordinal = look->ordinal };
	for (size_t i = 0; i < look->live.slot_count; i++) {
		if (!look->live.slots[i].is_live)
			continue;
		struct report_block block = report_block_of(&look->live.slots[i].block,
							    look->tag_bytes,
							    look->pages.page_bytes);
		point->terms[REPORT_REQUESTED] += block.requested_bytes;
		point->terms[REPORT_ROUNDING] += block.rounding_bytes;
		point->terms[REPORT_TAGS] += block.tag_bytes;
	}
	point->live_blocks = look->live.count;
	for (int use = 0; use < TRACE_USES; use++)
		point->mapped_bytes += look->ranges.bytes[use];
}

static const struct trace_sample *sample_of(const struct trace_event *event)
{
	return event->kind == TRACE_SAMPLE && event->sample->has_runs ? event->sample : NULL;
}

static void moment_make(struct report_look *look, const struct trace_event *event,
			struct report_moment *moment)
{
	const struct trace_sample *sample = sample_of(event);
	struct report_live_entry *entries =
		report_live_sorted(&look->live, look->tag_bytes, look->pages.page_bytes);
	struct report_pin_input input = {
		.entries = entries,
		.count = look->live.count,
		.runs = sample != NULL ? sample->runs : NULL,
		.run_count = sample != NULL ? sample->run_count : 0,
		.page_bytes = look->pages.page_bytes,
		.tag_bytes = look->tag_bytes,
		.time = event->time,
		.stack_count = look->stack_count,
	};

	if (moment->point.ordinal != look->ordinal)
		point_make(look, event, moment);
	report_gaps_make(&moment->gaps, &look->pages, &look->ranges, look->tag_bytes);
	moment->is_made = entries != NULL && report_pins_make(&moment->pins, &input) &&
			  (!moment->is_inspected || report_inspect(&moment->inspected, &input));
	if (!moment->is_made)
		look->is_short = true;
	free(entries);
}

static void wanted_make(struct report_look *look, const struct trace_event *event)
{
	while (look->moment < look->moment_count &&
	       look->moments[look->moment].ordinal <= look->ordinal)
		moment_make(look, event, &look->moments[look->moment++]);
	if (look->column < look->column_count && look->columns[look->column] <= look->ordinal) {
		report_gaps_make(&look->gaps[look->column], &look->pages, &look->ranges,
				 look->tag_bytes);
		report_map_add(&look->map, event->time, &look->pages, &look->ranges,
			       sample_of(event));
		look->column++;
	}
}

void report_look_take(struct report_look *look, const struct trace_event *event)
{
	look->ordinal++;
	switch (event->kind) {
	case TRACE_ALLOCATE:
		block_add(look, &event->block, true);
		break;
	case TRACE_FREE:
		if (!event->is_unknown)
			block_add(look, &event->block, false);
		break;
	case TRACE_RESIZE:
		if (!event->is_unknown)
			block_add(look, &event->old, false);
		block_add(look, &event->block, true);
		break;
	case TRACE_PAGES:
		if (!report_ranges_take(&look->ranges, event))
			look->is_short = true;
		break;
	default:
		break;
	}
	report_live_take(&look->live, event);
	wanted_make(look, event);
}
