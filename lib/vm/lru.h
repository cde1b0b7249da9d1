/* SPDX-License-Identifier: MIT */
/*
 * Lists of pages in the order they were last moved: what reclaim takes its victims from
 * (mm/swap.c, mm/mm_inline.h).
 *
 * Pages of processes and of files each have an active and an inactive list; those that may not
 * leave are on one of their own. A page that comes waits, with up to 30 others, until all of them
 * are entered at once: the batch of one processor. Pages are numbers below `count`.
 *
 * Not here: who leaves, and when (reclaim.c); what a page is (group.c).
 */
#ifndef VM_LRU_H
#define VM_LRU_H

#include <stdbool.h>
#include <stdint.h>

enum {
	LRU_BATCH = 31,           /* PAGEVEC_SIZE */
	LRU_NO_PAGE = UINT32_MAX,
};

enum lru_list {
	LRU_ABSENT,
	LRU_INACTIVE_ANON,        /* from here on in the order they are scanned */
	LRU_ACTIVE_ANON,
	LRU_INACTIVE_FILE,
	LRU_ACTIVE_FILE,
	LRU_LOCKED,               /* unevictable */
	LRU_LISTS,
	LRU_WAITING = LRU_LISTS,  /* in the batch */
	LRU_ISOLATED,             /* being looked at */
};

struct lru_page {
	uint32_t next, previous;  /* towards the tail and the head */
	uint8_t list;             /* enum lru_list */
	bool is_file;             /* of a file, not a process's own */
	bool is_active;           /* belongs on the active list: PG_active */
	bool is_referenced;       /* was found accessed at the last look: PG_referenced */
	bool is_workingset;       /* has been active: PG_workingset */
};

struct lru {
	struct lru_page *pages;
	uint32_t count;
	uint32_t heads[LRU_LISTS], tails[LRU_LISTS];
	uint64_t lengths[LRU_LISTS];
	uint32_t waiting[LRU_BATCH];
	uint32_t waiting_count;
};

/* `count` pages, all absent. False when the system has no memory. */
bool lru_init(struct lru *lru, uint32_t count);
void lru_finish(struct lru *lru);

/* An absent page comes; `is_active` puts it on the active list. */
void lru_add(struct lru *lru, uint32_t page, bool is_file, bool is_active);

/* A page goes, wherever it is. */
void lru_remove(struct lru *lru, uint32_t page);

/* Enter those that wait: lru_add_drain(). */
void lru_drain(struct lru *lru);

/* Take up to `wanted` pages off the tail of a list into `out`, the last one first. */
uint32_t lru_isolate(struct lru *lru, enum lru_list list, uint32_t wanted, uint32_t *out);

/* Take a page that is on a list, or waits, and may leave; false: it is neither. */
bool lru_take(struct lru *lru, uint32_t page);

/* Enter an isolated page at the head of its list, or of that of pages that may not leave. */
void lru_put_back(struct lru *lru, uint32_t page, bool is_locked);

/* A page is used by other means than its entries: the second time makes it active
 * (mm/swap.c folio_mark_accessed). True: it became so while on a list. */
bool lru_mark(struct lru *lru, uint32_t page);

/* Move a page that is on a list, or waits, to the one of pages that may not leave, or back. */
void lru_lock(struct lru *lru, uint32_t page, bool is_locked);

static inline enum lru_list lru_list_of(const struct lru_page *page)
{
	return (enum lru_list)(LRU_INACTIVE_ANON + 2 * page->is_file + page->is_active);
}

/* Walk all lists; false with the reason in `why`. */
bool lru_check(const struct lru *lru, const char **why);

#endif
