/* SPDX-License-Identifier: MIT */
/*
 * Pages: a hash of regions, and counters that are added to.
 */
#include "report_pages.h"

#include <stdlib.h>
#include <string.h>

enum {
	SLOTS_FIRST = 1024,
	PAGE_BYTES_DEFAULT = 4096,
	PAGE_BYTES_MIN = 512,
	GRANULE_SHIFT = 3,
	WORD_SHIFT = 6,
	WORD_GRANULES = 1 << WORD_SHIFT,
	GRANULE_WORDS = REPORT_REGION_BYTES / REPORT_GRANULE_BYTES / WORD_GRANULES,
	REGIONS_MAX = REPORT_EXTENT_BYTES_MAX >> REPORT_REGION_SHIFT,
};

static const uint64_t region_mask = REPORT_REGION_BYTES - 1;

bool report_pages_init(struct report_pages *pages, uint32_t page_bytes, bool has_granules)
{
	bool is_size = page_bytes >= PAGE_BYTES_MIN && page_bytes <= REPORT_REGION_BYTES &&
		       (page_bytes & (page_bytes - 1)) == 0;

	*pages = (struct report_pages){
		.page_bytes = is_size ? page_bytes : PAGE_BYTES_DEFAULT,
		.has_granules = has_granules,
		.slot_count = SLOTS_FIRST,
	};
	pages->page_shift = (uint32_t)__builtin_ctz(pages->page_bytes);
	pages->slots = calloc(SLOTS_FIRST, sizeof(*pages->slots));
	return pages->slots != NULL;
}

void report_pages_free(struct report_pages *pages)
{
	for (size_t i = 0; pages->slots != NULL && i < pages->slot_count; i++) {
		if (pages->slots[i] == NULL)
			continue;
		free(pages->slots[i]->live);
		free(pages->slots[i]->granules);
		free(pages->slots[i]);
	}
	free(pages->slots);
	*pages = (struct report_pages){ .slots = NULL };
}

/* Where the region of `base` is, or the empty slot it would have. */
static size_t slot_of(const struct report_pages *pages, uint64_t base)
{
	/* Fibonacci hashing (Knuth, The Art of Computer Programming 3, 6.4). */
	uint64_t hash = (base >> REPORT_REGION_SHIFT) * UINT64_C(0x9E3779B97F4A7C15);
	size_t slot = (size_t)(hash >> 20) & (pages->slot_count - 1);

	while (pages->slots[slot] != NULL && pages->slots[slot]->base != base)
		slot = (slot + 1) & (pages->slot_count - 1);
	return slot;
}

/* Twice as many slots. */
static bool slots_grow(struct report_pages *pages)
{
	struct report_region **before = pages->slots;
	size_t count = pages->slot_count;
	struct report_region **slots = calloc(2 * count, sizeof(*slots));

	if (slots == NULL)
		return false;
	pages->slots = slots;
	pages->slot_count = 2 * count;
	for (size_t i = 0; i < count; i++)
		if (before[i] != NULL)
			slots[slot_of(pages, before[i]->base)] = before[i];
	free(before);
	return true;
}

static struct report_region *region_make(struct report_pages *pages, uint64_t base)
{
	struct report_region *region;

	if (pages->region_count >= REGIONS_MAX ||
	    (pages->region_count >= pages->slot_count / 2 && !slots_grow(pages)) ||
	    (region = calloc(1, sizeof(*region))) == NULL) {
		pages->is_full = true;
		return NULL;
	}
	region->base = base;
	region->page_first = UINT32_MAX;
	pages->slots[slot_of(pages, base)] = region;
	pages->region_count++;
	return region;
}

/* The region that holds `address`, made when there is none; NULL when it cannot be. */
static inline struct report_region *region_take(struct report_pages *pages, uint64_t address)
{
	uint64_t base = address & ~region_mask;

	if (pages->last != NULL && pages->last->base == base)
		return pages->last;
	struct report_region *region = pages->slots[slot_of(pages, base)];
	if (region == NULL)
		region = region_make(pages, base);
	pages->last = region;
	return region;
}

const struct report_region *report_pages_find(const struct report_pages *pages, uint64_t address)
{
	return pages->slots[slot_of(pages, address & ~region_mask)];
}

static void extent_note(struct report_region *region, uint32_t first, uint32_t end)
{
	if (first < region->page_first)
		region->page_first = first;
	if (end > region->page_end)
		region->page_end = end;
}

/* Counters for a region that had none. */
static bool region_open(struct report_pages *pages, struct report_region *region)
{
	if (region->live == NULL)
		region->live = calloc(REPORT_REGION_BYTES >> pages->page_shift,
				      sizeof(*region->live));
	if (pages->has_granules && region->granules == NULL)
		region->granules = calloc(GRANULE_WORDS, sizeof(*region->granules));
	if (region->live != NULL && (region->granules != NULL || !pages->has_granules))
		return true;
	pages->is_full = true;
	return false;
}

/* Set or clear the bits of the granules that [first, last] of a region touches. */
static void granules_change(uint64_t *words, uint32_t first, uint32_t last, bool is_added)
{
	uint32_t from = first >> GRANULE_SHIFT, to = last >> GRANULE_SHIFT;

	for (uint32_t word = from >> WORD_SHIFT; word <= to >> WORD_SHIFT; word++) {
		uint64_t mask = UINT64_MAX;

		if (word == from >> WORD_SHIFT)
			mask &= UINT64_MAX << (from & (WORD_GRANULES - 1));
		if (word == to >> WORD_SHIFT)
			mask &= UINT64_MAX >> (WORD_GRANULES - 1 - (to & (WORD_GRANULES - 1)));
		words[word] = is_added ? words[word] | mask : words[word] & ~mask;
	}
}

/* Count the bytes [first, end) of a region, not all of it. `sign` is 1 or, unsigned, -1. */
static void region_change(struct report_pages *pages, struct report_region *region, uint32_t first,
			  uint32_t end, uint32_t sign)
{
	uint32_t page_bytes = pages->page_bytes, shift = pages->page_shift;
	uint32_t page = first >> shift, last = (end - 1) >> shift;

	if (!region_open(pages, region))
		return;
	extent_note(region, page, last + 1);
	if (region->granules != NULL)
		granules_change(region->granules, first, end - 1, sign == 1);
	if (page == last) {
		region->live[page] += sign * (end - first);
		return;
	}
	region->live[page] += sign * (((page + 1) << shift) - first);
	for (page++; page < last; page++)
		region->live[page] += sign * page_bytes;
	region->live[last] += sign * (end - (last << shift));
}

static inline void pages_change(struct report_pages *pages, uint64_t begin, uint64_t end,
				uint32_t sign)
{
	while (begin < end && !pages->is_full) {
		struct report_region *region = region_take(pages, begin);
		if (region == NULL)
			return;
		uint64_t left = REPORT_REGION_BYTES - (begin & region_mask);
		uint64_t bytes = end - begin < left ? end - begin : left;

		if (bytes == REPORT_REGION_BYTES) {
			region->whole_count += sign;
			extent_note(region, 0, REPORT_REGION_BYTES >> pages->page_shift);
		} else {
			uint32_t first = (uint32_t)(begin & region_mask);

			region_change(pages, region, first, first + (uint32_t)bytes, sign);
		}
		begin += bytes;
	}
}

void report_pages_add(struct report_pages *pages, uint64_t begin, uint64_t end)
{
	pages_change(pages, begin, end, 1);
}

void report_pages_remove(struct report_pages *pages, uint64_t begin, uint64_t end)
{
	pages_change(pages, begin, end, UINT32_MAX);
}

void report_pages_touch(struct report_pages *pages, uint64_t begin, uint64_t end)
{
	while (begin < end && !pages->is_full) {
		struct report_region *region = region_take(pages, begin);
		if (region == NULL)
			return;
		uint64_t left = REPORT_REGION_BYTES - (begin & region_mask);
		uint64_t bytes = end - begin < left ? end - begin : left;
		uint32_t first = (uint32_t)(begin & region_mask);

		extent_note(region, first >> pages->page_shift,
			    (first + (uint32_t)bytes - 1) / pages->page_bytes + 1);
		begin += bytes;
	}
}

static inline uint64_t page_live(const struct report_pages *pages,
				 const struct report_region *region, uint32_t page)
{
	return (region->live != NULL ? region->live[page] : 0) +
	       (uint64_t)region->whole_count * pages->page_bytes;
}

uint64_t report_pages_live(const struct report_pages *pages, uint64_t address)
{
	const struct report_region *region = report_pages_find(pages, address);

	if (region == NULL)
		return 0;
	return page_live(pages, region, (uint32_t)(address & region_mask) >> pages->page_shift);
}

/* Pages [first, end) of a region that no block covers wholly. Plain sums, for the compiler. */
static void counters_sum(const uint32_t *live, uint32_t first, uint32_t end, uint32_t page_bytes,
			 struct report_page_sum *out)
{
	uint64_t live_sum = 0, pinned = 0, reclaimable = 0, overlap = 0;

	for (uint32_t page = first; page < end; page++) {
		uint32_t here = live[page];
		uint32_t rest = here < page_bytes ? page_bytes - here : 0;

		live_sum += here;
		overlap += here > page_bytes ? here - page_bytes : 0;
		pinned += here > 0 ? rest : 0;
		reclaimable += here > 0 ? 0 : rest;
	}
	out->live_bytes += live_sum;
	out->pinned_bytes += pinned;
	out->reclaimable_bytes += reclaimable;
	out->overlap_bytes += overlap;
}

static void region_sum(const struct report_pages *pages, const struct report_region *region,
		       uint32_t first, uint32_t end, struct report_page_sum *out)
{
	uint32_t page_bytes = pages->page_bytes;

	if (region == NULL || (region->live == NULL && region->whole_count == 0)) {
		out->reclaimable_bytes += (uint64_t)(end - first) * page_bytes;
	} else if (region->whole_count == 0) {
		counters_sum(region->live, first, end, page_bytes, out);
	} else {
		for (uint32_t page = first; page < end; page++) {
			uint64_t live = page_live(pages, region, page);

			out->live_bytes += live;
			out->overlap_bytes += live - page_bytes;
		}
	}
}

void report_pages_sum(const struct report_pages *pages, uint64_t begin, uint64_t end,
		      struct report_page_sum *out)
{
	begin &= ~(uint64_t)(pages->page_bytes - 1);
	while (begin < end) {
		uint64_t base = begin & ~region_mask;
		uint64_t stop = end - base < REPORT_REGION_BYTES ? end : base + REPORT_REGION_BYTES;
		uint32_t last = (uint32_t)(stop - 1 - base) >> pages->page_shift;

		region_sum(pages, report_pages_find(pages, base),
			   (uint32_t)(begin - base) >> pages->page_shift, last + 1, out);
		begin = stop;
	}
}

void report_pages_sum_sample(const struct report_pages *pages, const struct trace_sample *sample,
			     struct report_page_sum *out)
{
	for (size_t i = 0; i < sample->run_count; i++) {
		const struct trace_run *run = &sample->runs[i];

		if (run->use <= TRACE_USE_MAPPING && run->bytes <= REPORT_EXTENT_BYTES_MAX)
			report_pages_sum(pages, run->address, run->address + run->bytes, out);
	}
}

static int region_compare(const void *a, const void *b)
{
	const struct report_region *first = *(const struct report_region *const *)a;
	const struct report_region *second = *(const struct report_region *const *)b;

	return (first->base > second->base) - (first->base < second->base);
}

const struct report_region **report_pages_sorted(const struct report_pages *pages)
{
	const struct report_region **sorted = calloc(pages->region_count + 1, sizeof(*sorted));
	size_t count = 0;

	for (size_t i = 0; sorted != NULL && i < pages->slot_count; i++)
		if (pages->slots[i] != NULL)
			sorted[count++] = pages->slots[i];
	if (sorted != NULL)
		qsort(sorted, count, sizeof(struct report_region *), region_compare);
	return sorted;
}
