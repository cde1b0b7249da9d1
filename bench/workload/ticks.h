/* SPDX-License-Identifier: MIT */
/*
 * Ticks: the finest clock there is, for the time of single calls, and the clock on the wall.
 *
 * A tick is of a length that only holds on this machine: count them over a known time.
 */
#ifndef ALLOT_WORKLOAD_TICKS_H
#define ALLOT_WORKLOAD_TICKS_H

#include <stdint.h>
#include <time.h>

/* Nanoseconds since some point in the past. */
static inline uint64_t clock_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

#if defined(__x86_64__)
static inline uint64_t ticks_now(void)
{
	return __builtin_ia32_rdtsc();
}
#else
static inline uint64_t ticks_now(void)
{
	return clock_ns();
}
#endif

#endif
