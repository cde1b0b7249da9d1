/* SPDX-License-Identifier: MIT */
/*
 * Points: the words for the ledger's terms, and series that stay small.
 */
#include "report_point.h"

#include <stdlib.h>
#include <string.h>

static const struct {
	const char *key, *name, *meaning;
} terms[REPORT_TERMS] = {
	[REPORT_REQUESTED] = { "requested", "requested",
			       "bytes the program asked for and has not freed" },
	[REPORT_ROUNDING] = { "rounding", "rounding",
			      "bytes of blocks beyond those asked for: size classes, alignment, "
			      "whole pages of large blocks" },
	[REPORT_TAGS] = { "tags", "tags", "boundary tags of live blocks" },
	[REPORT_PINNED_FREE] = { "pinned_free", "pinned free",
				 "free bytes on resident pages that hold a live byte: no trim can "
				 "give them back" },
	[REPORT_RECLAIMABLE_FREE] = { "reclaimable_free", "reclaimable",
				      "resident pages without a live byte: a trim or purge could "
				      "give them back" },
	[REPORT_METADATA] = { "metadata", "metadata",
			      "resident tables of the heap beside its blocks" },
	[REPORT_RECORDER] = { "recorder", "recorder", "resident memory of the recording itself" },
	[REPORT_UNTOUCHED] = { "untouched", "untouched",
			       "bytes of live blocks on pages that are not resident, being never "
			       "touched or swapped out" },
};

const char *report_term_key(enum report_term term)
{
	return terms[term].key;
}

const char *report_term_name(enum report_term term)
{
	return terms[term].name;
}

const char *report_term_meaning(enum report_term term)
{
	return terms[term].meaning;
}

uint64_t report_point_sum(const struct report_point *point)
{
	uint64_t sum = 0;

	for (int term = 0; term < REPORT_UNTOUCHED; term++)
		sum += point->terms[term];
	return sum - point->terms[REPORT_UNTOUCHED];
}

uint64_t report_point_touched(const struct report_point *point, enum report_term term)
{
	uint64_t untouched = point->terms[REPORT_UNTOUCHED];

	if (term == REPORT_UNTOUCHED)
		return 0;
	for (int before = 0; before < (int)term; before++)
		untouched -= untouched < point->terms[before] ? untouched : point->terms[before];
	return point->terms[term] > untouched ? point->terms[term] - untouched : 0;
}

uint64_t report_point_waste(const struct report_point *point)
{
	uint64_t touched = report_point_touched(point, REPORT_REQUESTED);

	return point->heap_bytes > touched ? point->heap_bytes - touched : 0;
}

bool report_series_init(struct report_series *series, size_t capacity)
{
	*series = (struct report_series){ .capacity = capacity, .stride = 1 };
	series->all = calloc(capacity + 1, sizeof(*series->all));
	return series->all != NULL;
}

void report_series_free(struct report_series *series)
{
	free(series->all);
	series->all = NULL;
	series->count = 0;
}

void report_series_offer(struct report_series *series, const struct report_point *point)
{
	if (++series->skipped < series->stride)
		return;
	series->skipped = 0;
	if (series->count == series->capacity) {
		size_t kept = 0;

		for (size_t i = 0; i < series->count; i += 2)
			series->all[kept++] = series->all[i];
		series->count = kept;
		series->stride *= 2;
	}
	series->all[series->count++] = *point;
}

size_t report_series_find(const struct report_series *series, uint64_t ordinal)
{
	size_t low = 0, high = series->count;

	/* The first beyond it, then one back. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (series->all[middle].ordinal > ordinal)
			high = middle;
		else
			low = middle + 1;
	}
	return low > 0 ? low - 1 : 0;
}

bool report_series_insert(struct report_series *series, const struct report_point *point)
{
	size_t index = report_series_find(series, point->ordinal);

	if (series->count > 0 && series->all[index].ordinal == point->ordinal)
		return true;
	struct report_point *all = realloc(series->all, (series->count + 2) * sizeof(*all));
	if (all == NULL)
		return false;
	series->all = all;
	if (series->count > 0 && all[index].ordinal < point->ordinal)
		index++;
	memmove(&all[index + 1], &all[index], (series->count - index) * sizeof(*all));
	all[index] = *point;
	series->count++;
	return true;
}

static bool is_kept(uint64_t ordinal, const uint64_t *kept, size_t kept_count)
{
	for (size_t i = 0; i < kept_count; i++)
		if (kept[i] == ordinal)
			return true;
	return false;
}

void report_series_thin(struct report_series *series, size_t count, const uint64_t *kept,
			size_t kept_count)
{
	size_t before = series->count, out = 0;
	size_t room = count > kept_count + 2 ? count - kept_count - 2 : 1;

	if (before <= count)
		return;
	for (size_t i = 0; i < before; i++) {
		/* Evenly: the point at which the count of those wanted goes up. */
		bool is_next = (i + 1) * room / before > i * room / before;

		if (is_next || i == 0 || i == before - 1 ||
		    is_kept(series->all[i].ordinal, kept, kept_count))
			series->all[out++] = series->all[i];
	}
	series->count = out;
}
