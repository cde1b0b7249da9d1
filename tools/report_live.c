/* SPDX-License-Identifier: MIT */
/*
 * Live blocks: a table that grows with the highest number, and a radix sort by address.
 */
#include "report_live.h"

#include <stdlib.h>
#include <string.h>

#include "report_block.h"

enum {
	SLOTS_FIRST = 1024,
	DIGIT_BITS = 11,
	DIGITS = 1 << DIGIT_BITS,
	ADDRESS_BITS = 64,
	SORT_SMALL = 4096, /* below it qsort(3) is as fast */
};

void report_live_free(struct report_live *live)
{
	free(live->slots);
	*live = (struct report_live){ .slots = NULL };
}

static struct report_live_slot *slot_take(struct report_live *live, uint32_t number)
{
	if (number >= live->slot_count) {
		size_t count = 2 * (size_t)number + SLOTS_FIRST;
		struct report_live_slot *slots = realloc(live->slots, count * sizeof(*slots));

		if (slots == NULL) {
			live->is_short = true;
			return NULL;
		}
		memset(slots + live->slot_count, 0, (count - live->slot_count) * sizeof(*slots));
		live->slots = slots;
		live->slot_count = count;
	}
	return &live->slots[number];
}

static void slot_fill(struct report_live *live, const struct trace_event *event)
{
	struct report_live_slot *slot = slot_take(live, event->number);

	if (slot == NULL)
		return;
	live->count += !slot->is_live;
	slot->is_live = true;
	slot->block = event->block;
}

void report_live_take(struct report_live *live, const struct trace_event *event)
{
	switch (event->kind) {
	case TRACE_ALLOCATE:
	case TRACE_RESIZE:
		slot_fill(live, event);
		break;
	case TRACE_FREE:
		if (!event->is_unknown && event->number < live->slot_count &&
		    live->slots[event->number].is_live) {
			live->slots[event->number].is_live = false;
			live->count--;
		}
		break;
	default:
		break;
	}
}

static int entry_compare(const void *a, const void *b)
{
	const struct report_live_entry *first = a, *second = b;

	if (first->begin != second->begin)
		return first->begin < second->begin ? -1 : 1;
	return (first->end > second->end) - (first->end < second->end);
}

/* Sort by one digit of the address, from `from` to `to`; false when all have the same. */
static bool digit_sort(const struct report_live_entry *from, struct report_live_entry *to,
		       size_t count, unsigned shift)
{
	size_t starts[DIGITS] = { 0 };
	size_t start = 0;

	for (size_t i = 0; i < count; i++)
		starts[from[i].begin >> shift & (DIGITS - 1)]++;
	if (starts[from[0].begin >> shift & (DIGITS - 1)] == count)
		return false;
	for (size_t digit = 0; digit < DIGITS; digit++) {
		size_t here = starts[digit];

		starts[digit] = start;
		start += here;
	}
	for (size_t i = 0; i < count; i++)
		to[starts[from[i].begin >> shift & (DIGITS - 1)]++] = from[i];
	return true;
}

/* Sort `entries`; the array returned is that or another one, the one not returned is freed. */
static struct report_live_entry *entries_sort(struct report_live_entry *entries, size_t count)
{
	struct report_live_entry *other = NULL;

	if (count > SORT_SMALL)
		other = malloc(count * sizeof(*other));
	if (other == NULL) {
		qsort(entries, count, sizeof(*entries), entry_compare);
		return entries;
	}
	for (unsigned shift = 0; shift < ADDRESS_BITS; shift += DIGIT_BITS) {
		if (!digit_sort(entries, other, count, shift))
			continue;
		struct report_live_entry *swap = entries;
		entries = other;
		other = swap;
	}
	free(other);
	return entries;
}

struct report_live_entry *report_live_sorted(const struct report_live *live, uint64_t tag_bytes,
					     uint64_t page_bytes)
{
	struct report_live_entry *entries = calloc(live->count + 1, sizeof(*entries));
	size_t count = 0;

	for (size_t i = 0; entries != NULL && i < live->slot_count; i++) {
		if (!live->slots[i].is_live)
			continue;
		const struct trace_block *block = &live->slots[i].block;
		struct report_block shape = report_block_of(block, tag_bytes, page_bytes);

		entries[count++] = (struct report_live_entry){ shape.begin, shape.end, block };
	}
	return entries != NULL ? entries_sort(entries, count) : NULL;
}
