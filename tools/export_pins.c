/* SPDX-License-Identifier: MIT */
/*
 * Pins for exports: blocks are gathered up to the moment and laid out by address (report_pin.h).
 *
 * Which pages are resident is known at samples. If the moment is one, pins are measured; else a
 * page with a live byte on it is taken to be resident.
 */
#include "export_pins.h"

#include <stdlib.h>
#include <string.h>

#include "notice.h"
#include "report_live.h"
#include "report_pin.h"
#include "room.h"

struct gathering {
	const struct trace_info *info;
	const struct stack_totals *totals;
	struct report_live live;
	struct report_pins pins;
	size_t frame_count;
	uint64_t event_count;
	bool is_measured;
	bool has_failed; /* no memory */
};

bool export_pins_can(const struct export *export)
{
	const struct trace_info *info = trace_info_get(export->trace);

	return info->has_addresses && info->page_bytes > 0;
}

/* `sample`: of this moment, or NULL. */
static void pins_make(struct gathering *gathering, const struct trace_sample *sample)
{
	struct report_live_entry *entries = report_live_sorted(
		&gathering->live, gathering->info->tag_bytes, gathering->info->page_bytes);
	struct report_pin_input input = {
		.entries = entries,
		.count = gathering->live.count,
		.runs = sample != NULL ? sample->runs : NULL,
		.run_count = sample != NULL ? sample->run_count : 0,
		.page_bytes = gathering->info->page_bytes,
		.tag_bytes = gathering->info->tag_bytes,
		.time = gathering->totals->kept_time,
		.stack_count = gathering->frame_count,
	};

	gathering->is_measured = sample != NULL;
	gathering->has_failed = gathering->live.is_short || entries == NULL ||
				!report_pins_make(&gathering->pins, &input);
	free(entries);
}

static void gathering_take(void *context, const struct trace_event *event)
{
	struct gathering *gathering = context;
	bool is_sample = event->kind == TRACE_SAMPLE && event->sample->has_runs;

	if (++gathering->event_count > gathering->totals->kept_event)
		return;
	report_live_take(&gathering->live, event);
	if (gathering->event_count == gathering->totals->kept_event)
		pins_make(gathering, is_sample ? event->sample : NULL);
}

bool export_pins_add(struct export *export, struct stack_totals *totals, const char **out_label)
{
	struct gathering gathering = {
		.info = trace_info_get(export->trace),
		.totals = totals,
		.frame_count = trace_frame_count(export->trace),
	};

	/* No stack is one as well. */
	if (gathering.frame_count == 0)
		gathering.frame_count = 1;
	bool is_read = export_pass(export, gathering_take, &gathering);
	if (gathering.has_failed)
		notice_write(export->command, "out of memory");
	for (size_t i = 0; is_read && !gathering.has_failed && i < gathering.pins.row_count; i++) {
		const struct report_pin *pin = &gathering.pins.rows[i];

		if (pin->pinned_bytes == 0 && pin->exclusive_pages == 0)
			continue;
		totals->rows = room_grow(totals->rows, &totals->row_room, totals->row_count + 1,
					 sizeof(*totals->rows));
		totals->rows[totals->row_count++] = (struct stack_row){
			.stack = pin->stack, .thread = EXPORT_NO_THREAD,
			.pinned_bytes = pin->pinned_bytes,
			.exclusive_pages = pin->exclusive_pages,
		};
	}
	*out_label = gathering.is_measured
		? "measured, by the pages that were resident at this moment"
		: "estimate, as if every page with a live byte on it were resident";
	report_pins_free(&gathering.pins);
	report_live_free(&gathering.live);
	return is_read && !gathering.has_failed;
}
