/* SPDX-License-Identifier: MIT */
/*
 * allot vm timeline: the faults of a script, operation by operation, by their reasons.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "vm_picture.h"

enum {
	OPERATION_COLUMNS = 34,
	REASONS_ROOM = 8,       /* cells kept for reasons whose faults are rounded up */
};

/* Of enum vm_reason, in its order. Hollow: a page was mapped; full: a frame was taken. */
static const struct picture_state states[] = {
	[VM_REASON_ZERO_READ] = { 'z', SVG_SECOND, false, false },
	[VM_REASON_DEMAND_ZERO] = { 'd', SVG_FIRST, true, false },
	[VM_REASON_ZERO_WRITE] = { 'Z', SVG_SECOND, true, false },
	[VM_REASON_FILE_READ] = { 'f', SVG_THIRD, false, false },
	[VM_REASON_FILE_COPY] = { 'F', SVG_THIRD, true, false },
	[VM_REASON_FILE_WRITE] = { 'w', SVG_THIRD, false, false },
	[VM_REASON_SHARED_READ] = { 's', SVG_FOURTH, false, false },
	[VM_REASON_SHARED_WRITE] = { 'S', SVG_FOURTH, true, false },
	[VM_REASON_WRITE_NOTIFY] = { 'n', SVG_PALE, false, false },
	[VM_REASON_SHARED_UPGRADE] = { 'u', SVG_PALE, true, false },
	[VM_REASON_COW_COPY] = { 'C', SVG_FIFTH, true, false },
	[VM_REASON_COW_REUSE] = { 'c', SVG_FIFTH, false, false },
	[VM_REASON_HUGE_ZERO] = { 'h', SVG_INK, false, false },
	[VM_REASON_HUGE_DEMAND] = { 'H', SVG_INK, true, false },
	[VM_REASON_HUGE_ZERO_WRITE] = { 'X', SVG_INK, true, false },
	[VM_REASON_HUGE_REUSE] = { 'x', SVG_INK, false, false },
	[VM_REASON_SWAP_CACHE] = { 'k', SVG_SECOND, false, false },
	[VM_REASON_SWAP_IN] = { 'K', SVG_SECOND, true, false },
	[VM_REASON_FILE_IN] = { 'D', SVG_THIRD, true, false },
};
_Static_assert(sizeof(states) / sizeof(states[0]) == VM_REASON_COUNT, "a reason is missing");

static const char *state_name(unsigned state)
{
	return vm_reason_name((enum vm_reason)state);
}

/* An operation, and its faults. */
struct event {
	const struct script_op *op;
	uint64_t total, by_reason[VM_REASON_COUNT];
};

static struct {
	struct event *all;
	size_t count, capacity;
} events;

/* Note the operation that was played. */
static bool timeline_step(struct picture *picture)
{
	const struct vm_play *play = &picture->after.play;
	if (events.count == events.capacity) {
		size_t capacity = events.capacity == 0 ? 64 : 2 * events.capacity;
		struct event *all = realloc(events.all, capacity * sizeof(*all));
		if (all == NULL)
			return false;
		events.all = all;
		events.capacity = capacity;
	}
	struct event *event = &events.all[events.count++];
	*event = (struct event){ .op = play->op };
	/* A process that is gone has no counters left. */
	if (play->is_skipped || play->model.spaces[play->op->process] == NULL)
		return true;
	for (int i = 0; i < VM_REASON_COUNT; i++) {
		event->by_reason[i] = play->counters.by_reason[i] -
				      play->counters_before.by_reason[i];
		event->total += event->by_reason[i];
	}
	return true;
}

/* Faults that a cell stands for, so that the longest row has room. */
static uint64_t cell_faults(void)
{
	const uint64_t room = PICTURE_COLUMNS - REASONS_ROOM;
	uint64_t most = 1;
	for (size_t i = 0; i < events.count; i++)
		if (events.all[i].total > most)
			most = events.all[i].total;
	return (most + room - 1) / room;
}

static bool event_row(struct picture *picture, const struct event *event, uint64_t each)
{
	struct picture_row *row = picture_row_add(picture);
	if (row == NULL)
		return false;
	snprintf(row->text, sizeof(row->text), "%-*.*s %7" PRIu64, OPERATION_COLUMNS,
		 OPERATION_COLUMNS, event->op->text, event->total);
	for (unsigned i = 0; i < VM_REASON_COUNT; i++)
		picture_cells_add(row, i, (event->by_reason[i] + each - 1) / each);
	return true;
}

static bool timeline_make(struct picture *picture)
{
	uint64_t each = cell_faults(), total = 0;
	struct picture_row *row = picture_row_add(picture);
	if (row == NULL)
		return false;
	for (size_t i = 0; i < events.count; i++)
		total += events.all[i].total;
	snprintf(row->text, sizeof(row->text), "%-*s %7s    a cell is %" PRIu64 " fault%s",
		 OPERATION_COLUMNS, "operation", "faults", each, each == 1 ? "" : "s or fewer");
	for (size_t i = 0; i < events.count; i++)
		if (!event_row(picture, &events.all[i], each))
			return false;
	row = picture_row_add(picture);
	if (row == NULL)
		return false;
	snprintf(row->text, sizeof(row->text), "%-*s %7" PRIu64, OPERATION_COLUMNS, "all", total);
	return true;
}

int vm_timeline_main(int argc, char **argv)
{
	static struct picture picture = { /* too large for a stack */
		.title = "Faults by reason",
		.states = states,
		.state_count = sizeof(states) / sizeof(states[0]),
		.state_name = state_name,
		.text_columns = OPERATION_COLUMNS + 12,
		.is_stepwise = true,
		.step = timeline_step,
		.make = timeline_make,
		.after.is_of_machine = true,
	};
	int status = picture_main(&command_vm_timeline, argc, argv, &picture);
	free(events.all);
	return status;
}
