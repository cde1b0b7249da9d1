/* SPDX-License-Identifier: MIT */
/*
 * Populating: faulting in a range at once, for MAP_POPULATE, mlock and madvise (mm/gup.c).
 */
#ifndef VM_POPULATE_H
#define VM_POPULATE_H

#include "vm/machine.h"

/*
 * Fault in all pages of [start, end): private areas that can be written by stores, others by
 * loads. 0, or ENOMEM at the first hole or page that cannot be had. `because` may switch it off.
 */
int populate(struct vm_space *space, uint64_t start, uint64_t end, enum vm_rule because);

/* The same, going on behind failures, as mmap does. */
void populate_quietly(struct vm_space *space, uint64_t start, uint64_t end, enum vm_rule because);

#endif
