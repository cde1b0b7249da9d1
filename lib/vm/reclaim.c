/* SPDX-License-Identifier: MIT */
/*
 * Reclaim: two lists of pages under a limit. See reclaim.h.
 *
 * Every look at a page clears its accessed bit, so that a page can stay two rounds at most without
 * being accessed again: the search for victims ends.
 */
#include "vm/reclaim.h"

#include "base/bits.h"
#include "vm/memory.h"

enum {
	PAGES_PER_GB_SHIFT = 18,  /* of 4 KiB */
	RATIO_PER_GB = 10,        /* the ratio of the lists is the root of so much a gigabyte */
};

bool reclaim_init(struct reclaim *reclaim, uint32_t count)
{
	*reclaim = (struct reclaim){
		.count = count,
		.heads = {RECLAIM_NO_PAGE, RECLAIM_NO_PAGE},
		.tails = {RECLAIM_NO_PAGE, RECLAIM_NO_PAGE},
	};
	reclaim->pages = memory_take(count * sizeof(reclaim->pages[0]));
	if (reclaim->pages == NULL)
		return false;
	for (uint32_t i = 0; i < count; i++)
		reclaim->pages[i].list = RECLAIM_ABSENT;
	return true;
}

void reclaim_finish(struct reclaim *reclaim)
{
	if (reclaim->pages != NULL)
		memory_give(reclaim->pages, reclaim->count * sizeof(reclaim->pages[0]));
	*reclaim = (struct reclaim){0};
}

/* ---- lists ---- */

static void head_insert(struct reclaim *reclaim, uint32_t number, enum reclaim_list list)
{
	struct reclaim_page *page = &reclaim->pages[number];
	uint32_t first = reclaim->heads[list];
	page->list = (uint8_t)list;
	page->previous = RECLAIM_NO_PAGE;
	page->next = first;
	if (first != RECLAIM_NO_PAGE)
		reclaim->pages[first].previous = number;
	else
		reclaim->tails[list] = number;
	reclaim->heads[list] = number;
	reclaim->lengths[list]++;
}

static void unlink_page(struct reclaim *reclaim, uint32_t number)
{
	struct reclaim_page *page = &reclaim->pages[number];
	enum reclaim_list list = page->list;
	if (page->previous != RECLAIM_NO_PAGE)
		reclaim->pages[page->previous].next = page->next;
	else
		reclaim->heads[list] = page->next;
	if (page->next != RECLAIM_NO_PAGE)
		reclaim->pages[page->next].previous = page->previous;
	else
		reclaim->tails[list] = page->previous;
	page->list = RECLAIM_ABSENT;
	reclaim->lengths[list]--;
}

void reclaim_add(struct reclaim *reclaim, uint32_t page)
{
	assert(!reclaim_is_present(reclaim, page));
	head_insert(reclaim, page, RECLAIM_INACTIVE);
	reclaim->pages[page].is_accessed = true;
	reclaim->pages[page].is_referenced = false;
}

void reclaim_remove(struct reclaim *reclaim, uint32_t page)
{
	assert(reclaim_is_present(reclaim, page));
	unlink_page(reclaim, page);
}

/* ---- looking at pages ---- */

/* mm/vmscan.c inactive_is_low(): one to one below a gigabyte. */
static bool inactive_is_low(const struct reclaim *reclaim)
{
	uint64_t gigabytes = reclaim_present(reclaim) >> PAGES_PER_GB_SHIFT, ratio = 1;
	while (gigabytes != 0 && (ratio + 1) * (ratio + 1) <= RATIO_PER_GB * gigabytes)
		ratio++;
	return reclaim->lengths[RECLAIM_INACTIVE] * ratio < reclaim->lengths[RECLAIM_ACTIVE];
}

/* The tail of the active list goes to the head of the other: accessed or not, it may stay once. */
static void deactivate(struct reclaim *reclaim)
{
	for (int i = 0; i < RECLAIM_BATCH && reclaim->lengths[RECLAIM_ACTIVE] > 0; i++) {
		uint32_t number = reclaim->tails[RECLAIM_ACTIVE];
		unlink_page(reclaim, number);
		reclaim->pages[number].is_accessed = false;
		reclaim->pages[number].is_referenced = false;
		head_insert(reclaim, number, RECLAIM_INACTIVE);
	}
}

/* What becomes of the page at the inactive tail; true: it leaves (folio_check_references()). */
static bool look(struct reclaim *reclaim, uint32_t number)
{
	struct reclaim_page *page = &reclaim->pages[number];
	bool was_accessed = page->is_accessed, was_referenced = page->is_referenced;
	reclaim->scanned++;
	unlink_page(reclaim, number);
	page->is_accessed = false;
	page->is_referenced = was_accessed;
	if (!was_accessed) {
		reclaim->stolen++;
		return true;
	}
	reclaim->activated += was_referenced;
	head_insert(reclaim, number, was_referenced ? RECLAIM_ACTIVE : RECLAIM_INACTIVE);
	return false;
}

uint32_t reclaim_pages(struct reclaim *reclaim, uint32_t wanted, uint32_t *out_victims)
{
	uint32_t found = 0;
	while (found < wanted && reclaim_present(reclaim) > 0) {
		if (inactive_is_low(reclaim) || reclaim->lengths[RECLAIM_INACTIVE] == 0)
			deactivate(reclaim);
		for (int i = 0; i < RECLAIM_BATCH && found < wanted &&
		     reclaim->lengths[RECLAIM_INACTIVE] > 0; i++) {
			uint32_t number = reclaim->tails[RECLAIM_INACTIVE];
			if (look(reclaim, number))
				out_victims[found++] = number;
		}
	}
	return found;
}

/* ---- checking ---- */

bool reclaim_check(const struct reclaim *reclaim, const char **why)
{
	uint64_t present = 0;
	for (enum reclaim_list list = 0; list < RECLAIM_LISTS; list++) {
		uint64_t length = 0;
		uint32_t previous = RECLAIM_NO_PAGE;
		*why = "a list of pages is broken";
		for (uint32_t i = reclaim->heads[list]; i != RECLAIM_NO_PAGE;
		     i = reclaim->pages[i].next) {
			if (reclaim->pages[i].list != list ||
			    reclaim->pages[i].previous != previous || ++length > reclaim->count)
				return false;
			previous = i;
		}
		*why = "a list of pages is miscounted";
		if (length != reclaim->lengths[list] || reclaim->tails[list] != previous)
			return false;
	}
	for (uint32_t i = 0; i < reclaim->count; i++)
		present += reclaim->pages[i].list != RECLAIM_ABSENT;
	*why = "a page is on no list";
	return present == reclaim_present(reclaim);
}
