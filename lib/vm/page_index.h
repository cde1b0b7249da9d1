/* SPDX-License-Identifier: MIT */
/*
 * Page index: a number for each of some pages. Open addressing with linear probing, never more
 * than half full; a removal moves what follows into the gap, so that there are no tombstones.
 */
#ifndef VM_PAGE_INDEX_H
#define VM_PAGE_INDEX_H

#include <allot/vm.h>

#include "base/bits.h"

/* Memory is the user's: page_index_bytes(). */
struct page_index {
	uint64_t *pages;  /* VM_NO_PAGE: nothing there */
	uint32_t *values;
	uint32_t mask;
};

/* Places for `pages_max` pages. */
static inline uint64_t page_index_places(uint64_t pages_max)
{
	return (uint64_t)1 << log2_ceil(size_max(pages_max, 1) * 2);
}

static inline size_t page_index_bytes(uint64_t pages_max)
{
	return page_index_places(pages_max) * (sizeof(uint64_t) + sizeof(uint32_t));
}

static inline void page_index_init(struct page_index *index, void *memory, uint64_t pages_max)
{
	uint64_t places = page_index_places(pages_max);
	index->pages = (uint64_t *)memory;
	index->values = (uint32_t *)(void *)(index->pages + places);
	index->mask = (uint32_t)(places - 1);
	for (uint64_t i = 0; i < places; i++)
		index->pages[i] = VM_NO_PAGE;
}

/* Where a page is, or the empty place where it would be. */
static inline uint32_t page_index_place(const struct page_index *index, uint64_t page)
{
	uint32_t place = (uint32_t)((page * 0x9E3779B97F4A7C15u) >> 32) & index->mask;
	while (index->pages[place] != page && index->pages[place] != VM_NO_PAGE)
		place = (place + 1) & index->mask;
	return place;
}

static inline bool page_index_has(const struct page_index *index, uint32_t place)
{
	return index->pages[place] != VM_NO_PAGE;
}

static inline void page_index_put(struct page_index *index, uint32_t place, uint64_t page,
				  uint32_t value)
{
	index->pages[place] = page;
	index->values[place] = value;
}

static inline void page_index_remove(struct page_index *index, uint64_t page)
{
	uint32_t gap = page_index_place(index, page);
	index->pages[gap] = VM_NO_PAGE;
	for (uint32_t at = (gap + 1) & index->mask; index->pages[at] != VM_NO_PAGE;
	     at = (at + 1) & index->mask) {
		uint64_t moved = index->pages[at];
		index->pages[at] = VM_NO_PAGE;
		page_index_put(index, page_index_place(index, moved), moved, index->values[at]);
	}
}

#endif
