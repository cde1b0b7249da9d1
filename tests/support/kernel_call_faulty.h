/* SPDX-License-Identifier: MIT */
/*
 * System calls that can be made to fail: linked in place of base/kernel_call.c. All calls of the
 * library go through kernel_call(), but for sbrk(), which is taken by the linker's --wrap=sbrk and
 * counts as SYS_brk.
 *
 * A call that fails has no effect. What succeeds is done, and kept account of.
 */
#ifndef SUPPORT_KERNEL_CALL_FAULTY_H
#define SUPPORT_KERNEL_CALL_FAULTY_H

#include <stdbool.h>
#include <stddef.h>

enum { CALL_ANY = -1 };

struct kernel_faults {
	long number;       /* SYS_... or CALL_ANY: what is counted, and fails */
	size_t fail_at;    /* the how many-th of these fails, from 1 on; 0: none */
	bool from_then_on; /* and so do all after it */
	int error;
	/* What came of it: */
	_Atomic size_t counted;
	_Atomic size_t failed;
	_Atomic size_t mapped_bytes;       /* of address space taken, less what was given back */
	_Atomic size_t unmap_failed_bytes; /* which the library wanted to give back and could not */
};

/* Of the process: set by the test's own thread while no other calls; what came of it, by all. */
extern struct kernel_faults kernel_faults;

#endif
