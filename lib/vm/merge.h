/* SPDX-License-Identifier: MIT */
/*
 * Areas of a space: making, splitting, merging by the kernel's rules, unmapping.
 */
#ifndef VM_MERGE_H
#define VM_MERGE_H

#include "vm/machine.h"

/* An area as it is to be; fields as those of struct area. */
struct area_plan {
	uint64_t start, end;
	uint64_t offset;
	uint32_t flags;
	struct vm_file *file;
	uint32_t anon;
	bool is_inherited;
	bool is_guarded;
};

/* Enter an area as planned, which nothing overlaps. NULL without memory. */
struct area *space_area_add(struct vm_space *space, const struct area_plan *plan);

/* Take an area out that maps no page any more. */
void space_area_delete(struct vm_space *space, struct area *area);

/*
 * Let the areas beside a new range take it in, if they can (mm/vma.c vma_merge_new_range): the one
 * that did, or NULL. With `only_grows` it is not joined to what follows.
 */
struct area *space_merge_new(struct vm_space *space, const struct area_plan *plan,
			     bool only_grows);

/*
 * Give [start, end) of `area` other flags: it is merged with what is beside it, or split (mm/vma.c
 * vma_modify). The area that covers the range then, or NULL where there are too many areas.
 */
struct area *space_modify(struct vm_space *space, struct area *area, uint64_t start, uint64_t end,
			  uint32_t flags);

/* Split an area in two at `address`; it keeps the lower part. False when there are too many. */
bool space_split(struct vm_space *space, struct area *area, uint64_t address);

/* Give the area anonymous memory before its first page of it (mm/rmap.c __anon_vma_prepare). */
void space_anon_prepare(struct vm_space *space, struct area *area);

/* Unmap [start, end): pages, tables, areas. 0 or ENOMEM. */
int space_unmap(struct vm_space *space, uint64_t start, uint64_t end);

/* Page number of `address` for merging: where the area's offset would put it. */
static inline uint64_t area_offset_at(const struct vm_space *space, const struct area *area,
				      uint64_t address)
{
	return area->offset + pages_of(space, address - area->start);
}

#endif
