/* SPDX-License-Identifier: MIT */
/*
 * The map: rows chosen so that they fit, cells summed up page by page.
 */
#include "report_map.h"

#include <stdlib.h>
#include <string.h>

/* A stretch of addresses that rows cover. */
struct extent {
	uint64_t begin, end;
};

void report_map_free(struct report_map *map)
{
	free(map->row_address);
	free(map->breaks);
	free(map->time);
	free(map->cells);
	free(map->was_resident);
	*map = (struct report_map){ .row_bytes = 0 };
}

/* What ever held something, by address, neighbours joined; the caller frees it. */
static struct extent *extents_make(const struct report_pages *pages, size_t *out_count)
{
	const struct report_region **regions = report_pages_sorted(pages);
	struct extent *extents = calloc(pages->region_count + 1, sizeof(*extents));
	size_t count = 0;

	*out_count = 0;
	for (size_t i = 0; regions != NULL && extents != NULL && i < pages->region_count; i++) {
		struct extent next = {
			regions[i]->base + (uint64_t)regions[i]->page_first * pages->page_bytes,
			regions[i]->base + (uint64_t)regions[i]->page_end * pages->page_bytes,
		};

		if (next.begin >= next.end)
			continue;
		if (count > 0 && extents[count - 1].end == next.begin)
			extents[count - 1].end = next.end;
		else
			extents[count++] = next;
	}
	free(regions);
	*out_count = count;
	return extents;
}

/* Join extents that are less than a row apart; returns how many rows the rest takes. */
static size_t extents_join(struct extent *extents, size_t *count, uint64_t row_bytes)
{
	size_t kept = 0, rows = 0;

	for (size_t i = 1; i < *count; i++) {
		if (extents[i].begin - extents[kept].end < row_bytes)
			extents[kept].end = extents[i].end;
		else
			extents[++kept] = extents[i];
	}
	*count = *count > 0 ? kept + 1 : 0;
	for (size_t i = 0; i < *count; i++)
		rows += (size_t)((extents[i].end - extents[i].begin + row_bytes - 1) / row_bytes);
	return rows;
}

static bool map_allocate(struct report_map *map)
{
	map->row_address = calloc(REPORT_MAP_ROWS, sizeof(*map->row_address));
	map->breaks = calloc(REPORT_MAP_ROWS, sizeof(*map->breaks));
	map->time = calloc(REPORT_MAP_COLUMNS, sizeof(*map->time));
	map->cells = calloc((size_t)REPORT_MAP_ROWS * REPORT_MAP_COLUMNS, sizeof(*map->cells));
	map->was_resident = calloc(REPORT_MAP_ROWS, sizeof(*map->was_resident));
	return map->row_address != NULL && map->breaks != NULL && map->time != NULL &&
	       map->cells != NULL && map->was_resident != NULL;
}

bool report_map_init(struct report_map *map, const struct report_pages *pages)
{
	size_t count;
	struct extent *extents = extents_make(pages, &count);

	*map = (struct report_map){ .row_bytes = pages->page_bytes };
	if (extents == NULL || !map_allocate(map)) {
		free(extents);
		return false;
	}
	while (extents_join(extents, &count, map->row_bytes) > REPORT_MAP_ROWS)
		map->row_bytes *= 2;
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			map->breaks[map->break_count++] = map->row_count;
		for (uint64_t at = extents[i].begin; at < extents[i].end; at += map->row_bytes)
			map->row_address[map->row_count++] = at;
	}
	free(extents);
	return true;
}

/* What is known of a row at one moment. */
struct row_sum {
	uint64_t mapped, metadata, resident, resident_metadata, live;
};

static uint64_t overlap(uint64_t begin, uint64_t end, uint64_t from, uint64_t to)
{
	uint64_t low = begin > from ? begin : from, high = end < to ? end : to;

	return low < high ? high - low : 0;
}

static void row_map(struct row_sum *sum, const struct report_ranges *ranges, uint64_t begin,
		    uint64_t end)
{
	const struct report_range *range = report_ranges_find(ranges, begin);
	const struct report_range *stop = ranges->all + ranges->count;

	for (; range != NULL && range < stop && range->begin < end; range++) {
		uint64_t bytes = overlap(range->begin, range->end, begin, end);

		sum->mapped += bytes;
		if (range->use > TRACE_USE_MAPPING)
			sum->metadata += bytes;
	}
}

static uint64_t live_sum(const struct report_pages *pages, uint64_t begin, uint64_t end)
{
	struct report_page_sum sum = { .live_bytes = 0 };

	report_pages_sum(pages, begin, end, &sum);
	return sum.live_bytes;
}

/* Runs by address: `*index` goes up with the rows. */
static void row_reside(struct row_sum *sum, const struct report_pages *pages,
		       const struct trace_sample *sample, size_t *index, uint64_t begin,
		       uint64_t end)
{
	while (*index < sample->run_count &&
	       sample->runs[*index].address + sample->runs[*index].bytes <= begin)
		(*index)++;
	for (size_t i = *index; i < sample->run_count && sample->runs[i].address < end; i++) {
		const struct trace_run *run = &sample->runs[i];
		uint64_t from = run->address > begin ? run->address : begin;
		uint64_t to = run->address + run->bytes < end ? run->address + run->bytes : end;

		if (from >= to)
			continue;
		sum->resident += to - from;
		if (run->use > TRACE_USE_MAPPING)
			sum->resident_metadata += to - from;
		else
			sum->live += live_sum(pages, from, to);
	}
}

static uint8_t cell_of(const struct row_sum *sum, bool was_resident)
{
	if (sum->resident_metadata > sum->resident / 2 ||
	    (sum->resident == 0 && sum->metadata > sum->mapped / 2))
		return REPORT_CELL_METADATA;
	if (sum->resident > 0 && sum->live == 0)
		return REPORT_CELL_FREE;
	if (sum->resident > 0) {
		uint64_t share = (sum->live * 100 + sum->resident / 2) / sum->resident;

		return share < REPORT_CELL_FULL ? (uint8_t)share : REPORT_CELL_FULL;
	}
	if (sum->mapped == 0)
		return REPORT_CELL_UNMAPPED;
	return was_resident ? REPORT_CELL_RELEASED : REPORT_CELL_UNTOUCHED;
}

void report_map_add(struct report_map *map, uint64_t time, const struct report_pages *pages,
		    const struct report_ranges *ranges, const struct trace_sample *sample)
{
	size_t run = 0;

	if (map->column_count == REPORT_MAP_COLUMNS)
		return;
	for (size_t row = 0; row < map->row_count; row++) {
		uint64_t begin = map->row_address[row], end = begin + map->row_bytes;
		struct row_sum sum = { .mapped = 0 };

		row_map(&sum, ranges, begin, end);
		if (sample != NULL) {
			row_reside(&sum, pages, sample, &run, begin, end);
		} else {
			sum.live = live_sum(pages, begin, end);
			sum.resident = sum.live > 0 ? map->row_bytes : 0;
		}
		map->cells[row * REPORT_MAP_COLUMNS + map->column_count] =
			cell_of(&sum, map->was_resident[row]);
		map->was_resident[row] = map->was_resident[row] || sum.resident > 0;
	}
	map->time[map->column_count++] = time;
}
