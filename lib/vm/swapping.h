/* SPDX-License-Identifier: MIT */
/*
 * Swapping: pages of processes leave for slots of swap and come back by faults (mm/memory.c
 * do_swap_page, mm/swap_state.c, mm/vmscan.c shrink_folio_list).
 */
#ifndef VM_SWAPPING_H
#define VM_SWAPPING_H

#include "vm/group.h"

/* An anonymous frame leaves: reclaim's evict. */
enum reclaim_outcome swap_out(struct group *group, uint32_t frame, uint64_t shadow);

/*
 * Bring back the page of a swap entry at `address`. Counts the fault. *out_copies: it is mapped
 * read-only, is not the process's alone, and is to be stored to.
 */
enum vm_signal swap_in(struct vm_space *space, struct area *area, uint64_t address,
		       uint64_t *entry, bool is_store, bool *out_copies);

/* A swap entry is dropped. */
void swap_entry_drop(struct vm_space *space, uint64_t *entry);

/* A fork copies a swap entry. */
void swap_entry_copy(struct vm_space *child, uint64_t *from, uint64_t *to);

/* Is the page of a swap entry in memory still, or already? */
bool swap_is_cached(const struct vm_machine *machine, uint64_t entry);

/* May it leave the swap cache: does nobody else have its slot? */
bool swap_cache_can_leave(const struct vm_machine *machine, uint32_t frame);

/* A frame of the swap cache is mapped no more, or may be one process's: it may leave the cache. */
bool swap_cache_leave(struct vm_machine *machine, uint32_t frame);

#endif
