/* SPDX-License-Identifier: MIT */
/*
 * Lists of pages. See lru.h.
 */
#include "vm/lru.h"

#include <assert.h>
#include <stddef.h>

#include "vm/memory.h"

bool lru_init(struct lru *lru, uint32_t count)
{
	*lru = (struct lru){.count = count};
	for (int i = 0; i < LRU_LISTS; i++)
		lru->heads[i] = lru->tails[i] = LRU_NO_PAGE;
	lru->pages = memory_take(count * sizeof(lru->pages[0]));
	return lru->pages != NULL;
}

void lru_finish(struct lru *lru)
{
	if (lru->pages != NULL)
		memory_give(lru->pages, lru->count * sizeof(lru->pages[0]));
	*lru = (struct lru){0};
}

/* ---- lists ---- */

static void head_insert(struct lru *lru, uint32_t number, enum lru_list list)
{
	struct lru_page *page = &lru->pages[number];
	uint32_t first = lru->heads[list];
	page->list = (uint8_t)list;
	page->previous = LRU_NO_PAGE;
	page->next = first;
	if (first != LRU_NO_PAGE)
		lru->pages[first].previous = number;
	else
		lru->tails[list] = number;
	lru->heads[list] = number;
	lru->lengths[list]++;
}

static void list_remove(struct lru *lru, uint32_t number)
{
	struct lru_page *page = &lru->pages[number];
	enum lru_list list = page->list;
	if (page->previous != LRU_NO_PAGE)
		lru->pages[page->previous].next = page->next;
	else
		lru->heads[list] = page->next;
	if (page->next != LRU_NO_PAGE)
		lru->pages[page->next].previous = page->previous;
	else
		lru->tails[list] = page->previous;
	lru->lengths[list]--;
}

/* ---- coming and going ---- */

void lru_drain(struct lru *lru)
{
	for (uint32_t i = 0; i < lru->waiting_count; i++) {
		uint32_t number = lru->waiting[i];
		head_insert(lru, number, lru_list_of(&lru->pages[number]));
	}
	lru->waiting_count = 0;
}

void lru_add(struct lru *lru, uint32_t page, bool is_file, bool is_active)
{
	assert(lru->pages[page].list == LRU_ABSENT);
	lru->pages[page] = (struct lru_page){
		.list = LRU_WAITING,
		.is_file = is_file,
		.is_active = is_active,
	};
	lru->waiting[lru->waiting_count++] = page;
	if (lru->waiting_count == LRU_BATCH)
		lru_drain(lru);
}

/* Take a page off its list, or out of the batch, whose order stays. */
static void detach(struct lru *lru, uint32_t number)
{
	uint32_t kept = 0;
	if (lru->pages[number].list < LRU_LISTS) {
		list_remove(lru, number);
		return;
	}
	for (uint32_t i = 0; i < lru->waiting_count; i++) {
		if (lru->waiting[i] != number)
			lru->waiting[kept++] = lru->waiting[i];
	}
	lru->waiting_count = kept;
}

void lru_remove(struct lru *lru, uint32_t page)
{
	assert(lru->pages[page].list != LRU_ABSENT);
	if (lru->pages[page].list != LRU_ISOLATED)
		detach(lru, page);
	lru->pages[page] = (struct lru_page){.list = LRU_ABSENT};
}

/* ---- being looked at ---- */

uint32_t lru_isolate(struct lru *lru, enum lru_list list, uint32_t wanted, uint32_t *out)
{
	uint32_t count = 0;
	while (count < wanted && lru->tails[list] != LRU_NO_PAGE) {
		uint32_t number = lru->tails[list];
		list_remove(lru, number);
		lru->pages[number].list = LRU_ISOLATED;
		out[count++] = number;
	}
	return count;
}

bool lru_take(struct lru *lru, uint32_t page)
{
	enum lru_list list = lru->pages[page].list;
	if (list == LRU_ABSENT || list == LRU_LOCKED || list == LRU_ISOLATED)
		return false;
	detach(lru, page);
	lru->pages[page].list = LRU_ISOLATED;
	return true;
}

void lru_put_back(struct lru *lru, uint32_t page, bool is_locked)
{
	assert(lru->pages[page].list == LRU_ISOLATED);
	head_insert(lru, page, is_locked ? LRU_LOCKED : lru_list_of(&lru->pages[page]));
}

void lru_lock(struct lru *lru, uint32_t page, bool is_locked)
{
	if (lru->pages[page].list == LRU_ABSENT || lru->pages[page].list == LRU_ISOLATED ||
	    (lru->pages[page].list == LRU_LOCKED) == is_locked)
		return;
	detach(lru, page);
	lru->pages[page].list = LRU_ISOLATED;
	lru_put_back(lru, page, is_locked);
}

bool lru_mark(struct lru *lru, uint32_t number)
{
	struct lru_page *page = &lru->pages[number];
	if (page->list == LRU_ABSENT)
		return false;
	if (!page->is_referenced) {
		page->is_referenced = true;
		return false;
	}
	if (page->list == LRU_LOCKED || page->is_active)
		return false;
	page->is_referenced = false;
	page->is_active = true;
	if (page->list >= LRU_LISTS)
		return false;
	list_remove(lru, number);
	head_insert(lru, number, lru_list_of(page));
	return true;
}

/* ---- checking ---- */

bool lru_check(const struct lru *lru, const char **why)
{
	uint64_t present = lru->waiting_count, found = 0;
	for (int list = LRU_INACTIVE_ANON; list < LRU_LISTS; list++) {
		uint64_t length = 0;
		uint32_t previous = LRU_NO_PAGE;
		*why = "a list of pages is broken";
		for (uint32_t i = lru->heads[list]; i != LRU_NO_PAGE; i = lru->pages[i].next) {
			if (lru->pages[i].list != list || lru->pages[i].previous != previous ||
			    ++length > lru->count)
				return false;
			previous = i;
		}
		*why = "a list of pages is miscounted";
		if (length != lru->lengths[list] || lru->tails[list] != previous)
			return false;
		present += length;
	}
	for (uint32_t i = 0; i < lru->count; i++)
		found += lru->pages[i].list != LRU_ABSENT;
	*why = "a page is on no list";
	return found == present;
}
