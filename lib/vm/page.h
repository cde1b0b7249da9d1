/* SPDX-License-Identifier: MIT */
/*
 * Pages: entering one in a table and taking it out, with the books of frames and resident sets.
 */
#ifndef VM_PAGE_H
#define VM_PAGE_H

#include "vm/page_table.h"

/* Bits of a fresh entry of `area`: what it may do without asking (vm_page_prot). */
uint64_t page_bits(const struct vm_space *space, const struct area *area);

/* Is the file system of this area to be told of the first write to a page? */
bool area_notifies(const struct vm_space *space, const struct area *area);

/* Map a frame at an empty entry of the last level. The zero page is in no book. */
void page_enter(struct vm_space *space, uint64_t *entry, uint32_t frame, uint64_t bits);

/* Unmap what `entry` maps. An anonymous frame that nobody maps any more is free. */
void page_leave(struct vm_space *space, uint64_t *entry);

/* Unmap it in favour of a swap slot, whose use has been counted; its frame is kept. */
void page_swap(struct vm_space *space, uint64_t *entry, uint64_t slot);

/* The same for a block of 2 MiB at an entry of level 1, and its table in reserve. */
bool huge_enter(struct vm_space *space, uint64_t *upper, uint32_t head, uint64_t bits);
void huge_leave(struct vm_space *space, uint64_t *upper);

/*
 * Map the pages of the huge leaf `upper`, at `address`, one by one (mm/huge_memory.c). False
 * without memory.
 */
bool huge_split(struct vm_space *space, uint64_t address, uint64_t *upper);

/* An area is to end or begin at `address`: a huge page across it is split. */
bool huge_split_at(struct vm_space *space, uint64_t address);

/* Entries of this space that map pieces of the block `number` is of; it is at `address`. */
uint64_t block_maps_here(struct vm_space *space, uint64_t address, uint32_t number);

enum drop_flag {
	DROP_GUARDS = 1 << 0, /* marks go too: the area goes */
	DROP_TABLES = 1 << 1, /* last-level tables all of which is dropped go too */
};

/* Unmap all pages of [start, end) (mm/memory.c zap_page_range). False without memory. */
bool pages_drop(struct vm_space *space, uint64_t start, uint64_t end, unsigned flags);

#endif
