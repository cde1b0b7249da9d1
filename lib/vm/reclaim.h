/* SPDX-License-Identifier: MIT */
/*
 * Reclaim: who has to leave when room is short (mm/vmscan.c, mm/workingset.c, mm/swap.c), with the
 * two lists of kernels without, or not using, generations.
 *
 * A part of each list is looked at, 32 pages at a time, a twice as large part in each of up to 13
 * rounds, until 32 pages have left. Of the inactive lists:
 *   - accessed since the last look, for the first time: kept, and remembered;
 *   - accessed at two looks, or through two entries: it becomes active;
 *   - not accessed: it leaves, and how many had left before it is noted.
 * Of the active lists, while they are longer than the inactive ones, pages become inactive whether
 * they were accessed or not. A page that comes back becomes active at once if fewer pages have left
 * since than are active: had those made room, it would have stayed.
 *
 * How much of the processes' pages and how much of the files' is looked at depends on swappiness
 * and on what the looks at both have cost, which fades.
 *
 * How long the lists are is known exactly where it is decided how much of them to look at, but
 * elsewhere as of the last time that the counts of all processors were added up (kernel/cgroup
 * rstat), which is when somebody reads them, and every two seconds.
 *
 * What a page is, and where it goes, is the owner's: pages are numbers.
 */
#ifndef VM_RECLAIM_H
#define VM_RECLAIM_H

#include "vm/lru.h"

enum {
	RECLAIM_CLUSTER = 32,     /* SWAP_CLUSTER_MAX */
	RECLAIM_SWAPPINESS_MAX = 200,
};

/* What a look at a page's entries finds. */
struct reclaim_seen {
	uint32_t accessed;        /* entries it was accessed through; their bits are clear now */
	bool is_locked;           /* it may not leave */
	bool is_code;             /* mapped executable */
};

enum reclaim_outcome {
	RECLAIM_GONE,             /* it has left, and is on no list */
	RECLAIM_WRITTEN,          /* the same, and had to be written */
	RECLAIM_STAYS,            /* it cannot leave: it becomes active */
	RECLAIM_KEPT,             /* it is in use just now */
};

/* Rules that can be switched off: see allot/vm_rules.def. */
struct reclaim_rules {
	bool looks_twice, activates, activates_refaulted, deactivates, counts_late;
};

struct reclaim_owner {
	void *context;
	void (*look)(void *context, uint32_t page, struct reclaim_seen *out);
	/* `shadow` is to be given to reclaim_refault() when the page comes back. */
	enum reclaim_outcome (*evict)(void *context, uint32_t page, uint64_t shadow);
	/* Is there room in swap? */
	bool (*can_swap)(void *context);
};

/* Who wants pages to leave. */
enum reclaim_who {
	RECLAIM_GROUP,            /* a process in a group that is at its limit */
	RECLAIM_DIRECT,           /* a process, the machine being short of memory */
	RECLAIM_KSWAPD,           /* nobody has to wait for it */
	RECLAIM_WHOS,
};

struct reclaim_request {
	enum reclaim_who who;
	uint64_t wanted;          /* pages; 32 at least */
	uint64_t free, high;      /* of the machine: pages, and the high watermark */
};

/* Work done, as /proc/vmstat counts it for each of them. */
struct reclaim_work {
	uint64_t scanned, stolen;
};

enum reclaim_kind {
	RECLAIM_ANON,
	RECLAIM_FILE,
	RECLAIM_KINDS,
};

struct reclaim {
	struct lru lru;
	struct reclaim_owner owner;
	struct reclaim_rules rules;
	unsigned swappiness;                  /* 0 to 200 */
	uint64_t cost[RECLAIM_KINDS];         /* of recent looks */
	uint64_t age;                         /* pages that left or became active */
	uint64_t activations[RECLAIM_KINDS];  /* of pages that came back */
	uint64_t activations_known[RECLAIM_KINDS];
	uint64_t lengths_known[LRU_LISTS];    /* added up last */
	uint64_t activations_seen[RECLAIM_KINDS]; /* at the end of the last reclaim */
	struct reclaim_work work[RECLAIM_WHOS];
	uint64_t activated, deactivated, refaulted; /* as memory.stat counts */
};

/* `count` pages, all absent. False when the system has no memory. */
bool reclaim_init(struct reclaim *reclaim, uint32_t count, const struct reclaim_owner *owner);
void reclaim_finish(struct reclaim *reclaim);

/* A page comes for the first time, or, with what its leaving noted, again. */
void reclaim_add(struct reclaim *reclaim, uint32_t page, bool is_file);
void reclaim_refault(struct reclaim *reclaim, uint32_t page, bool is_file, uint64_t shadow);

/*
 * A page leaves because its process said so, or, with `is_cold`, is the next to: it becomes
 * inactive. mm/madvise.c madvise_cold_or_pageout_pte_range().
 */
void reclaim_advise(struct reclaim *reclaim, uint32_t page, bool is_cold);

/* The counts of all processors are added up. */
void reclaim_count(struct reclaim *reclaim);

/*
 * Make pages leave until at least those wanted have; how many did. Fewer when that many cannot.
 * mm/vmscan.c do_try_to_free_pages().
 */
uint64_t reclaim_run(struct reclaim *reclaim, const struct reclaim_request *request);

#endif
