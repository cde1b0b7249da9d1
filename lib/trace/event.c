/* SPDX-License-Identifier: MIT */
/*
 * Events: what readers are told, made of a record and of the blocks there are. See event.h.
 */
#include "trace/event.h"

#include <string.h>

#include "base/compiler.h"

bool events_init(struct events *events, uint64_t ns_per_unit)
{
	memset(events, 0, sizeof(*events));
	events->ns_per_unit = ns_per_unit;
	return live_init(&events->live);
}

void events_finish(struct events *events)
{
	live_finish(&events->live);
}

static inline uint64_t time_ns(struct events *events, uint64_t unit)
{
	if (unit != events->unit) {
		events->unit = unit;
		events->unit_ns = (uint64_t)(((unsigned __int128)unit *
					     events->ns_per_unit) >> 32);
	}
	if (events->unit_ns > events->time)
		events->time = events->unit_ns;
	return events->time;
}

static inline void block_fill(struct trace_block *block, const struct trace_record *record,
			      const struct trace_event *event)
{
	block->address = record->address;
	block->bytes = record->bytes;
	block->usable_bytes = record->usable_bytes;
	block->time = event->time;
	block->stack = record->stack;
	block->thread = event->thread;
	block->place = record->place;
	block->call = record->call;
	block->align_log2 = record->align_log2;
}

static void block_unknown(struct trace_block *block, uint64_t address)
{
	memset(block, 0, sizeof(*block));
	block->address = address;
	block->place = TRACE_IN_UNKNOWN;
	block->align_log2 = 4;
}

/* The block at `place` goes, by this event. */
static inline void block_free(struct events *events, size_t place, struct trace_event *out)
{
	uint32_t number = events->live.index[place].number - 1;

	out->kind = TRACE_FREE;
	out->number = number;
	out->is_unknown = false;
	out->block = events->live.blocks[number];
	live_remove(&events->live, place);
}

static inline enum event_verdict event_allocate(struct events *events,
						const struct trace_record *record,
						struct trace_event *out)
{
	size_t place;

	if (unlikely(!live_reserve(&events->live)))
		return EVENT_NO_MEMORY;
	if (unlikely(live_look(&events->live, record->address, &place) != LIVE_NONE))
		return EVENT_IMPOSSIBLE;
	block_fill(&out->block, record, out);
	out->number = live_add(&events->live, place, &out->block);
	return EVENT_HAPPENED;
}

static inline enum event_verdict event_free(struct events *events,
					    const struct trace_record *record,
					    struct trace_event *out, bool is_forced)
{
	size_t place;

	if (likely(live_look(&events->live, record->address, &place) != LIVE_NONE)) {
		block_free(events, place, out);
		return EVENT_HAPPENED;
	}
	if (!is_forced)
		return EVENT_NOT_YET;
	out->is_unknown = true;
	out->number = 0;
	block_unknown(&out->block, record->address);
	return EVENT_HAPPENED;
}

static enum event_verdict event_resize(struct events *events, const struct trace_record *record,
				       struct trace_event *out, bool is_forced)
{
	int64_t number = live_find(&events->live, record->old_address);
	size_t place;

	if (number == LIVE_NONE && !is_forced)
		return EVENT_NOT_YET;
	if (!live_reserve(&events->live))
		return EVENT_NO_MEMORY;
	if ((record->address != record->old_address || number == LIVE_NONE) &&
	    live_look(&events->live, record->address, &place) != LIVE_NONE)
		return EVENT_IMPOSSIBLE;
	block_fill(&out->block, record, out);
	if (number == LIVE_NONE) {
		out->is_unknown = true;
		block_unknown(&out->old, record->old_address);
		number = live_add(&events->live, place, &out->block);
	} else {
		out->old = events->live.blocks[number];
		live_change(&events->live, (uint32_t)number, &out->block);
	}
	out->number = (uint32_t)number;
	return EVENT_HAPPENED;
}

static void event_other(const struct trace_record *record, struct trace_event *out)
{
	out->number = 0;
	switch (record->kind) {
	case TRACE_FAIL:
		block_fill(&out->block, record, out);
		break;
	case TRACE_PAGES:
		out->pages = record->place;
		out->use = record->call;
		out->address = record->address;
		out->old_address = record->old_address;
		out->bytes = record->bytes;
		break;
	case TRACE_SAMPLE:
		out->sample = record_payload(record);
		break;
	case TRACE_MARK:
		out->text = record_payload(record);
		break;
	}
}

enum event_verdict event_make(struct events *events, const struct trace_record *record,
			      struct trace_event *out, bool is_forced)
{
	out->kind = record->kind;
	out->is_unknown = false;
	out->time = time_ns(events, record->time);
	switch (record->kind) {
	case TRACE_ALLOCATE:
		return event_allocate(events, record, out);
	case TRACE_FREE:
		return event_free(events, record, out, is_forced);
	case TRACE_RESIZE:
		return event_resize(events, record, out, is_forced);
	default:
		event_other(record, out);
		return EVENT_HAPPENED;
	}
}

void event_make_free(struct events *events, uint64_t address, struct trace_event *out)
{
	size_t place;

	out->time = events->time;
	if (live_look(&events->live, address, &place) != LIVE_NONE)
		block_free(events, place, out);
}
