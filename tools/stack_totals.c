/* SPDX-License-Identifier: MIT */
/*
 * Stack totals: rows found by a hash of stack and thread, and by the number of a live block.
 */
#include "stack_totals.h"

#include <assert.h>
#include <stdlib.h>

#include "heap_figures.h"
#include "room.h"
#include "sample_peak.h"

enum { SLOTS_MIN = 1024 };

void stack_totals_init(struct stack_totals *totals, enum stack_moment moment, uint64_t moment_time)
{
	*totals = (struct stack_totals){
		.moment = moment,
		.moment_time = moment_time,
		.slots = room_take(SLOTS_MIN, sizeof(*totals->slots)),
		.slot_count = SLOTS_MIN,
	};
}

void stack_totals_finish(struct stack_totals *totals)
{
	free(totals->rows);
	free(totals->slots);
	free(totals->row_of);
}

/* ---- rows --------------------------------------------------------------------------------- */

/* The slot of a stack's row, or the empty one where it belongs. */
static uint32_t *slot_find(const struct stack_totals *totals, uint32_t stack, uint32_t thread)
{
	uint64_t key = (uint64_t)thread << 32 | stack;
	size_t i = key * UINT64_C(0x9e3779b97f4a7c15) >> 32 & (totals->slot_count - 1);

	for (; totals->slots[i] != 0; i = (i + 1) & (totals->slot_count - 1)) {
		const struct stack_row *row = &totals->rows[totals->slots[i] - 1];

		if (row->stack == stack && row->thread == thread)
			break;
	}
	return &totals->slots[i];
}

static void slots_grow(struct stack_totals *totals)
{
	if (2 * (totals->row_count + 1) < totals->slot_count)
		return;
	free(totals->slots);
	totals->slot_count *= 2;
	totals->slots = room_take(totals->slot_count, sizeof(*totals->slots));
	for (size_t i = 0; i < totals->row_count; i++)
		*slot_find(totals, totals->rows[i].stack, totals->rows[i].thread) =
			(uint32_t)i + 1;
}

static uint32_t row_find(struct stack_totals *totals, uint32_t stack, uint32_t thread)
{
	slots_grow(totals);

	uint32_t *slot = slot_find(totals, stack, thread);
	if (*slot == 0) {
		totals->rows = room_grow(totals->rows, &totals->row_room, totals->row_count + 1,
					 sizeof(*totals->rows));
		totals->rows[totals->row_count] =
			(struct stack_row){ .stack = stack, .thread = thread };
		*slot = (uint32_t)++totals->row_count;
	}
	return *slot - 1;
}

/* `row` is about to change: what it had at the moment is remembered, unless it was before. */
static void row_keep(const struct stack_totals *totals, struct stack_row *row)
{
	if (row->changed <= totals->kept_event)
		row->at_moment = row->now;
}

static void row_change(const struct stack_totals *totals, struct stack_row *row)
{
	row_keep(totals, row);
	row->changed = totals->event_count;
}

/* ---- events ------------------------------------------------------------------------------- */

static void block_come(struct stack_totals *totals, const struct trace_event *event)
{
	const struct trace_block *block = &event->block;
	uint32_t index = row_find(totals, block->stack, block->thread);
	struct stack_row *row = &totals->rows[index];
	size_t count = (size_t)event->number + 1;

	totals->row_of = room_grow(totals->row_of, &totals->row_of_room, count,
				   sizeof(*totals->row_of));
	totals->row_of[event->number] = index;
	row_change(totals, row);
	row->allocation_count++;
	row->allocated_bytes += block->bytes;
	row->now.block_count++;
	row->now.bytes += block->bytes;
	row->now.rounding_bytes += trace_block_rounding(block);
	if (row->now.bytes > row->most.bytes)
		row->most = row->now;
	/* How long it lived is the time when it goes, less this. */
	row->lifetime_ns -= event->time;
	totals->bytes_live += block->bytes;
}

static void block_go(struct stack_totals *totals, const struct trace_event *event,
		     const struct trace_block *block)
{
	assert(event->number < totals->row_of_room);
	struct stack_row *row = &totals->rows[totals->row_of[event->number]];

	row_change(totals, row);
	row->now.block_count--;
	row->now.bytes -= block->bytes;
	row->now.rounding_bytes -= trace_block_rounding(block);
	row->lifetime_ns += event->time;
	totals->bytes_live -= block->bytes;
}

/* Is it the heap's peak so far? */
static bool is_most_resident(struct stack_totals *totals, const struct trace_event *event)
{
	if (event->kind != TRACE_SAMPLE || !event->sample->has_runs)
		return false;
	uint64_t resident = sample_heap_bytes(event->sample->heap_resident_bytes);
	if (!sample_is_higher(resident, totals->bytes_live, totals->resident_bytes_peak,
			      totals->resident_peak_bytes_live))
		return false;
	totals->resident_bytes_peak = resident;
	totals->resident_peak_bytes_live = totals->bytes_live;
	return true;
}

/* Is the moment after `event` one to be remembered? */
static void moment_note(struct stack_totals *totals, const struct trace_event *event)
{
	bool is_peak = totals->bytes_live > totals->bytes_peak;
	bool is_resident_peak = is_most_resident(totals, event);

	if (is_peak)
		totals->bytes_peak = totals->bytes_live;
	if (totals->is_kept || (totals->moment == STACK_AT_PEAK && !is_peak) ||
	    (totals->moment == STACK_AT_RSS && !is_resident_peak))
		return;
	totals->kept_event = totals->event_count;
	totals->kept_time = event->time;
}

void stack_totals_add(struct stack_totals *totals, const struct trace_event *event)
{
	if (totals->moment == STACK_AT_TIME && event->time > totals->moment_time)
		totals->is_kept = true;
	totals->event_count++;
	totals->end_time = event->time;
	if ((event->kind == TRACE_FREE || event->kind == TRACE_RESIZE) && !event->is_unknown)
		block_go(totals, event,
			 event->kind == TRACE_FREE ? &event->block : &event->old);
	if (event->kind == TRACE_ALLOCATE || event->kind == TRACE_RESIZE)
		block_come(totals, event);
	moment_note(totals, event);
}

void stack_totals_settle(struct stack_totals *totals)
{
	for (size_t i = 0; i < totals->row_count; i++) {
		struct stack_row *row = &totals->rows[i];

		row_keep(totals, row);
		row->lifetime_ns += row->now.block_count * totals->end_time;
	}
}

struct stack_live stack_totals_sum(const struct stack_totals *totals)
{
	struct stack_live sum = { 0 };

	for (size_t i = 0; i < totals->row_count; i++) {
		sum.block_count += totals->rows[i].at_moment.block_count;
		sum.bytes += totals->rows[i].at_moment.bytes;
		sum.rounding_bytes += totals->rows[i].at_moment.rounding_bytes;
	}
	return sum;
}
