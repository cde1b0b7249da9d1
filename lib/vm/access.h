/* SPDX-License-Identifier: MIT */
/*
 * Accesses: what decides about one before a fault is served.
 */
#ifndef VM_ACCESS_H
#define VM_ACCESS_H

#include "vm/machine.h"

/* Is it an address at all? */
bool access_is_address(const struct vm_space *space, uint64_t address);

/* Would a fault at the page `address` extend the area above it? */
bool access_grows_stack(const struct vm_space *space, const struct area *area, uint64_t address);

/* Does the area allow the access, as far as the kernel looks before it serves the fault? */
bool access_is_allowed(struct vm_space *space, const struct area *area, uint64_t address,
		       enum vm_kind kind);

/* What the kernel makes of an access that the tables do not let through; it may be tried again.
 * A process that was killed for it has no memory after that. */
enum vm_signal access_fault(struct vm_space *space, uint64_t address, enum vm_kind kind);

#endif
