/* SPDX-License-Identifier: MIT */
/*
 * Gaps: a scan over the bits of what is live, a word of 64 at a time.
 */
#include "report_gap.h"

#include <stdlib.h>

enum {
	GRANULE_SHIFT = 3,
	WORD_GRANULES = 64,
	WORD_BYTES = WORD_GRANULES * REPORT_GRANULE_BYTES,
};

struct scan {
	struct report_gaps *gaps;
	uint64_t tag_bytes;
	uint64_t gap; /* bytes of the one at hand */
};

/* The gap at hand ends. */
static void gap_end(struct scan *scan)
{
	uint64_t bytes = scan->gap;

	if (bytes == 0)
		return;
	scan->gap = 0;
	scan->gaps->count++;
	scan->gaps->free_bytes += bytes;
	if (bytes > scan->gaps->largest_bytes)
		scan->gaps->largest_bytes = bytes;
	for (unsigned i = 0; i < REPORT_GAP_SIZES; i++) {
		if ((UINT64_C(1) << (REPORT_GAP_LOG2_FIRST + i)) + scan->tag_bytes > bytes)
			break;
		scan->gaps->usable_bytes[i] += bytes;
	}
}

/* `count` granules from the lowest bit of `word` on. */
static void word_scan(struct scan *scan, uint64_t word, unsigned count)
{
	while (count > 0) {
		unsigned zeros = word != 0 ? (unsigned)__builtin_ctzll(word) : count;

		zeros = zeros < count ? zeros : count;
		scan->gap += (uint64_t)zeros << GRANULE_SHIFT;
		count -= zeros;
		if (count == 0)
			return;
		gap_end(scan);
		word >>= zeros;
		unsigned ones = ~word != 0 ? (unsigned)__builtin_ctzll(~word) : count;
		ones = ones < count ? ones : count;
		count -= ones;
		word = ones < WORD_GRANULES ? word >> ones : 0;
	}
}

/* [begin, end) of one region. */
static void region_scan(struct scan *scan, const struct report_region *region, uint64_t begin,
			uint64_t end)
{
	if (region == NULL || (region->granules == NULL && region->whole_count == 0)) {
		scan->gap += end - begin;
		return;
	}
	if (region->whole_count > 0) {
		gap_end(scan);
		return;
	}
	while (begin < end) {
		uint64_t offset = begin & (REPORT_REGION_BYTES - 1);
		uint64_t word = region->granules[offset / WORD_BYTES];
		unsigned skip = (unsigned)(offset % WORD_BYTES) >> GRANULE_SHIFT;
		uint64_t left = (end - begin) >> GRANULE_SHIFT;
		unsigned count = WORD_GRANULES - skip;

		if (left < count)
			count = left > 0 ? (unsigned)left : 1;
		word >>= skip;
		/* Most words are all free or all live. */
		if (word == 0)
			scan->gap += (uint64_t)count << GRANULE_SHIFT;
		else
			word_scan(scan, word, count);
		begin += (uint64_t)count << GRANULE_SHIFT;
	}
}

static void range_scan(struct scan *scan, const struct report_pages *pages, uint64_t begin,
		       uint64_t end)
{
	while (begin < end) {
		uint64_t base = begin & ~(uint64_t)(REPORT_REGION_BYTES - 1);
		uint64_t stop = end - base < REPORT_REGION_BYTES ? end : base + REPORT_REGION_BYTES;

		region_scan(scan, report_pages_find(pages, base), begin, stop);
		begin = stop;
	}
	gap_end(scan);
}

/* Where no ranges are known: from the first to the last page of each region that held a block. */
static void regions_scan(struct scan *scan, const struct report_pages *pages)
{
	const struct report_region **regions = report_pages_sorted(pages);
	uint64_t before = 0;

	for (size_t i = 0; regions != NULL && i < pages->region_count; i++) {
		uint64_t base = regions[i]->base, size = pages->page_bytes;
		uint64_t begin = base + regions[i]->page_first * size;
		uint64_t end = base + regions[i]->page_end * size;

		if (begin != before)
			gap_end(scan);
		if (begin < end)
			region_scan(scan, regions[i], begin, end);
		before = end;
	}
	gap_end(scan);
	free(regions);
}

void report_gaps_make(struct report_gaps *gaps, const struct report_pages *pages,
		      const struct report_ranges *ranges, uint64_t tag_bytes)
{
	struct scan scan = { .gaps = gaps, .tag_bytes = tag_bytes };

	*gaps = (struct report_gaps){ .free_bytes = 0 };
	for (size_t i = 0; i < ranges->count; i++) {
		const struct report_range *range = &ranges->all[i];

		if (range->use == TRACE_USE_HEAP &&
		    range->end - range->begin <= REPORT_EXTENT_BYTES_MAX)
			range_scan(&scan, pages, range->begin, range->end);
	}
	if (ranges->count == 0)
		regions_scan(&scan, pages);
}

double report_gaps_unusable(const struct report_gaps *gaps, unsigned index)
{
	if (gaps->free_bytes == 0)
		return 1;
	return 1 - (double)gaps->usable_bytes[index] / (double)gaps->free_bytes;
}
