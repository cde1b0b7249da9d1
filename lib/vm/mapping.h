/* SPDX-License-Identifier: MIT */
/*
 * Mappings: from a frame back to the entries that map it (mm/rmap.c).
 *
 * A page is looked for where it was when it came, in every process; only when not all of its
 * entries are there, after mremap, is every table searched. The kernel keeps trees for that.
 */
#ifndef VM_MAPPING_H
#define VM_MAPPING_H

#include "vm/group.h"

/* One entry that maps a frame. */
struct mapping {
	struct vm_space *space;
	const struct area *area;
	uint64_t address;
	uint64_t *entry;
};

/* Call `visit` for each; it may unmap the one it is called for. */
void mappings_visit(struct group *group, uint32_t frame,
		    void (*visit)(void *context, const struct mapping *mapping), void *context);

#endif
