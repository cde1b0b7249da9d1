/* SPDX-License-Identifier: MIT */
/*
 * Reclaim: two lists of pages, active and inactive, under a limit.
 *
 * A page comes in at the head of the inactive list with its accessed bit set by the fault that
 * brought it (mm/swap.c). When room is short the tail of the inactive list is looked at, 32 pages
 * at a time (mm/vmscan.c):
 *   - accessed since the last look, for the first time: kept, back to the head, and remembered;
 *   - accessed again: it becomes active;
 *   - not accessed: it leaves.
 * While the inactive list is the shorter one the tail of the active list goes to its head.
 *
 * What a page is, and where it goes, is the caller's: pages are numbers below `count`.
 */
#ifndef VM_RECLAIM_H
#define VM_RECLAIM_H

#include <stdbool.h>
#include <stdint.h>

enum {
	RECLAIM_BATCH = 32,       /* SWAP_CLUSTER_MAX */
	RECLAIM_NO_PAGE = UINT32_MAX,
};

enum reclaim_list {
	RECLAIM_INACTIVE,
	RECLAIM_ACTIVE,
	RECLAIM_LISTS,
	RECLAIM_ABSENT = RECLAIM_LISTS,
};

struct reclaim_page {
	uint32_t next, previous;  /* towards the tail and the head */
	uint8_t list;             /* enum reclaim_list */
	bool is_accessed;         /* the bit of its page table entry */
	bool is_referenced;       /* was found accessed once */
};

struct reclaim {
	struct reclaim_page *pages;
	uint32_t count;
	uint32_t heads[RECLAIM_LISTS], tails[RECLAIM_LISTS];
	uint64_t lengths[RECLAIM_LISTS];
	uint64_t scanned, stolen, activated; /* pgscan, pgsteal, pgactivate */
};

/* `count` pages, all absent. False when the system has no memory. */
bool reclaim_init(struct reclaim *reclaim, uint32_t count);
void reclaim_finish(struct reclaim *reclaim);

/* A page came, by an access; or it went by itself. */
void reclaim_add(struct reclaim *reclaim, uint32_t page);
void reclaim_remove(struct reclaim *reclaim, uint32_t page);

/* A page that is present is accessed. */
static inline void reclaim_touch(struct reclaim *reclaim, uint32_t page)
{
	reclaim->pages[page].is_accessed = true;
}

static inline bool reclaim_is_present(const struct reclaim *reclaim, uint32_t page)
{
	return reclaim->pages[page].list != RECLAIM_ABSENT;
}

static inline uint64_t reclaim_present(const struct reclaim *reclaim)
{
	return reclaim->lengths[RECLAIM_INACTIVE] + reclaim->lengths[RECLAIM_ACTIVE];
}

/*
 * Make up to `wanted` pages leave, into `out_victims`, which has room for as many. How many did:
 * fewer only when fewer are present.
 */
uint32_t reclaim_pages(struct reclaim *reclaim, uint32_t wanted, uint32_t *out_victims);

/* Walk both lists; false with the reason in `why`. */
bool reclaim_check(const struct reclaim *reclaim, const char **why);

#endif
