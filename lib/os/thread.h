/* SPDX-License-Identifier: MIT */
/*
 * Threads, as far as a heap must know them.
 */
#ifndef OS_THREAD_H
#define OS_THREAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/single_threaded.h>

#include "base/compiler.h"

/* Has this process one thread only? Kept by the C library (glibc 2.32): a load. */
ALLOT_INLINE bool thread_is_alone(void)
{
	return __libc_single_threaded;
}

/* Let another thread run. */
void os_yield(void);

/*
 * A clock that nobody sets, in steps of a few milliseconds; it wraps in 49 days. No system call but
 * where the kernel offers none of its code (a vDSO) for it.
 */
uint32_t os_clock_ms(void);

#endif
