/* SPDX-License-Identifier: MIT */
/*
 * Huge pages: 2 MiB of anonymous memory as one page, made by one fault (mm/huge_memory.c).
 */
#ifndef VM_HUGE_H
#define VM_HUGE_H

#include "vm/machine.h"

enum huge_outcome {
	HUGE_NOT_HERE,  /* a matter of small pages */
	HUGE_DONE,
	HUGE_NO_MEMORY,
};

/* Serve a fault with a huge page, if the area wants one there or has one. */
enum huge_outcome huge_fault(struct vm_space *space, struct area *area, uint64_t address,
			     bool is_store, enum vm_reason *out_reason);

/* May a fault at `address`, where nothing is mapped, make a huge page? */
bool huge_is_wanted(const struct vm_space *space, const struct area *area, uint64_t address);

#endif
