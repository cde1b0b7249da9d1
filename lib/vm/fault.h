/* SPDX-License-Identifier: MIT */
/*
 * Faults: what is done for an access that the tables do not allow.
 */
#ifndef VM_FAULT_H
#define VM_FAULT_H

#include "vm/machine.h"

/*
 * Serve one fault at `address`, in `area`, which allows the access; counts it unless it fails. The
 * access is to be tried again then. `kind` VM_FETCH is served as a load.
 */
enum vm_signal fault_serve(struct vm_space *space, struct area *area, uint64_t address,
			   enum vm_kind kind);

/*
 * Fault in every page of [start, end) as the kernel does for itself (mm/gup.c), for loads, or for
 * stores; within areas only. The signal that an access would have got, at the first that fails.
 */
enum vm_signal fault_in(struct vm_space *space, struct area *area, uint64_t start, uint64_t end,
			bool is_store);

/* Is the page `number`, mapped read-only at `address`, ours alone, so that no copy is needed? */
bool fault_can_reuse(struct vm_space *space, uint64_t address, uint32_t number);

#endif
