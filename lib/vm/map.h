/* SPDX-License-Identifier: MIT */
/*
 * Mapping: what others than system calls need of it.
 */
#ifndef VM_MAP_H
#define VM_MAP_H

#include "vm/machine.h"

/* Count `pages` more of an area with these flags: VmSize, VmPeak, VmLck. */
void books_map(struct vm_space *space, uint64_t pages, uint32_t flags);

/*
 * Private memory that reads as zeros, as brk(2) makes it, in place of what is in [start, end):
 * mm/vma.c vm_brk_flags(). Both are page boundaries; an empty range is nothing. 0, ENOMEM, EPERM.
 */
int space_zeros_map(struct vm_space *space, uint64_t start, uint64_t end, bool is_exec);

#endif
