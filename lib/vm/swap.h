/* SPDX-License-Identifier: MIT */
/*
 * Swap: slots of one page each, lent to pages that left memory. A slot is used as many times as
 * page table entries name it, which fork makes more of, and once more while a copy is in memory.
 *
 * Slots are found from the last one on, so that pages that leave together lie together, and come
 * back together by reading ahead. Of a slot whose page is not in memory it is noted what reclaim
 * wants to know when it comes back.
 */
#ifndef VM_SWAP_H
#define VM_SWAP_H

#include <stdbool.h>
#include <stdint.h>

enum {
	SWAP_NONE = 0,            /* slot 0 holds the area's header, as on disk */
	SWAP_USES_MAX = UINT16_MAX,
};

struct swap {
	uint16_t *uses;           /* of each slot */
	uint32_t *frames;         /* the frame of its copy in memory, or 0: the swap cache */
	uint64_t *shadows;        /* what reclaim noted when the page left */
	uint64_t count;           /* of slots, slot 0 included */
	uint64_t free_count;
	uint64_t next;            /* where the search begins */
};

/* `count` slots, from 2 on. False when the system has no memory. */
bool swap_init(struct swap *swap, uint64_t count);
void swap_finish(struct swap *swap);

/* Borrow a slot, used once; SWAP_NONE when all are. */
uint64_t swap_take(struct swap *swap);

/* Another one uses it too: false when as many do as can be counted. */
bool swap_share(struct swap *swap, uint64_t slot);

/* One fewer uses it; true: it is free now. */
bool swap_give(struct swap *swap, uint64_t slot);

/*
 * Slots that are read with `slot`: the 2^cluster ones around it, from *out_first to *out_end, as
 * far as there are any (mm/swap_state.c, vm.page-cluster).
 */
void swap_window(const struct swap *swap, uint64_t slot, unsigned cluster, uint64_t *out_first,
		 uint64_t *out_end);

/* Count all slots; false with the reason in `why`. */
bool swap_check(const struct swap *swap, const char **why);

#endif
