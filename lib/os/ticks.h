/* SPDX-License-Identifier: MIT */
/*
 * Ticks: a clock that costs as little as the processor allows, the same for all threads.
 *
 * On x86 it is the time stamp counter, which all processors of the last decade run at one rate on
 * all cores; elsewhere the architecture's counter, or the kernel's clock. What a tick is in
 * nanoseconds is found by reading both clocks twice.
 */
#ifndef OS_TICKS_H
#define OS_TICKS_H

#include <stdint.h>
#include <time.h>

#include "base/compiler.h"

static inline uint64_t os_clock_read_ns(clockid_t clock)
{
	enum { NS_A_SECOND = 1000000000 };
	struct timespec now = {0};
	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * NS_A_SECOND + (uint64_t)now.tv_nsec;
}

/* CLOCK_MONOTONIC, in ns. */
static inline uint64_t os_clock_ns(void)
{
	return os_clock_read_ns(CLOCK_MONOTONIC);
}

/* How long the calling thread had a processor, in ns. */
static inline uint64_t os_thread_ns(void)
{
	return os_clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* Never 0. */
ALLOT_INLINE uint64_t os_ticks(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	uint64_t ticks;
	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
	return ticks;
#else
	return os_clock_ns();
#endif
}

#endif
