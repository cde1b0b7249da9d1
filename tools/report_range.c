/* SPDX-License-Identifier: MIT */
/*
 * Ranges: binary search, and moving the tail of the array. A heap has few ranges beside its
 * blocks, and changes them seldom.
 */
#include "report_range.h"

#include <stdlib.h>
#include <string.h>

enum {
	RANGES_FIRST = 64,
};

void report_ranges_free(struct report_ranges *ranges)
{
	free(ranges->all);
	*ranges = (struct report_ranges){ .all = NULL };
}

/* Index of the first range that ends beyond `address`. */
static size_t index_of(const struct report_ranges *ranges, uint64_t address)
{
	size_t low = 0, high = ranges->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (ranges->all[middle].end > address)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

const struct report_range *report_ranges_find(const struct report_ranges *ranges, uint64_t address)
{
	size_t index = index_of(ranges, address);

	return index < ranges->count ? &ranges->all[index] : NULL;
}

static bool room_make(struct report_ranges *ranges)
{
	if (ranges->count < ranges->capacity)
		return true;
	size_t capacity = ranges->capacity > 0 ? 2 * ranges->capacity : RANGES_FIRST;
	struct report_range *all = realloc(ranges->all, capacity * sizeof(*all));
	if (all == NULL)
		return false;
	ranges->all = all;
	ranges->capacity = capacity;
	return true;
}

static bool insert_at(struct report_ranges *ranges, size_t index, struct report_range range)
{
	if (!room_make(ranges))
		return false;
	memmove(&ranges->all[index + 1], &ranges->all[index],
		(ranges->count - index) * sizeof(*ranges->all));
	ranges->all[index] = range;
	ranges->count++;
	return true;
}

static void remove_at(struct report_ranges *ranges, size_t index)
{
	ranges->count--;
	memmove(&ranges->all[index], &ranges->all[index + 1],
		(ranges->count - index) * sizeof(*ranges->all));
}

bool report_ranges_unmap(struct report_ranges *ranges, uint64_t begin, uint64_t end)
{
	size_t index = index_of(ranges, begin);

	while (begin < end && index < ranges->count && ranges->all[index].begin < end) {
		struct report_range *range = &ranges->all[index];
		struct report_range after = { end, range->end, range->use };
		uint64_t from = range->begin > begin ? range->begin : begin;
		uint64_t to = range->end < end ? range->end : end;

		ranges->bytes[range->use] -= to - from;
		if (range->begin < begin) {
			range->end = begin;
			index++;
			if (after.begin < after.end && !insert_at(ranges, index, after))
				return false;
		} else if (after.begin < after.end) {
			*range = after;
		} else {
			remove_at(ranges, index);
		}
	}
	return true;
}

bool report_ranges_map(struct report_ranges *ranges, uint64_t begin, uint64_t end,
		       enum trace_use use)
{
	if (begin >= end)
		return true;
	if ((unsigned)use >= TRACE_USES)
		use = TRACE_USE_HEAP;
	if (!report_ranges_unmap(ranges, begin, end))
		return false;
	ranges->bytes[use] += end - begin;

	size_t index = index_of(ranges, begin);
	struct report_range *next = index < ranges->count ? &ranges->all[index] : NULL;
	struct report_range *last = index > 0 ? &ranges->all[index - 1] : NULL;
	bool joins_next = next != NULL && next->begin == end && next->use == use;
	if (last != NULL && last->end == begin && last->use == use) {
		last->end = joins_next ? next->end : end;
		if (joins_next)
			remove_at(ranges, index);
		return true;
	}
	if (joins_next) {
		next->begin = begin;
		return true;
	}
	return insert_at(ranges, index, (struct report_range){ begin, end, use });
}

/* The end of an event's pages; one that would wrap around ends where addresses do. */
static uint64_t end_of(uint64_t begin, uint64_t bytes)
{
	return bytes > UINT64_MAX - begin ? UINT64_MAX : begin + bytes;
}

bool report_ranges_take(struct report_ranges *ranges, const struct trace_event *event)
{
	uint64_t end = end_of(event->address, event->bytes);

	switch (event->pages) {
	case TRACE_PAGES_MAP:
		return report_ranges_map(ranges, event->address, end, event->use);
	case TRACE_PAGES_UNMAP:
		return report_ranges_unmap(ranges, event->address, end);
	case TRACE_PAGES_MOVE:
		return report_ranges_unmap(ranges, event->old_address,
					   end_of(event->old_address, event->bytes)) &&
		       report_ranges_map(ranges, event->address, end, event->use);
	case TRACE_PAGES_RELEASE:
		break;
	}
	return true;
}

bool report_ranges_hold(const struct report_ranges *ranges, uint64_t begin, uint64_t end)
{
	size_t index = index_of(ranges, begin);

	while (begin < end) {
		if (index >= ranges->count)
			return false;
		const struct report_range *range = &ranges->all[index++];
		if (range->begin > begin || range->use > TRACE_USE_MAPPING)
			return false;
		begin = range->end;
	}
	return true;
}
