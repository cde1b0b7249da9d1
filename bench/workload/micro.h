/* SPDX-License-Identifier: MIT */
/*
 * Micro: malloc and its family as the `micro` workloads call them, or the floor in their place.
 *
 * Which of the two is known when a workload is compiled: its body is an inline function of a
 * constant, compiled once for each, so that neither pays for the choice.
 */
#ifndef ALLOT_WORKLOAD_MICRO_H
#define ALLOT_WORKLOAD_MICRO_H

#include "floor.h"
#include "heap.h"

#include <stdbool.h>

/* For bodies and what they call with is_floor. */
#define MICRO_INLINE inline __attribute__((always_inline))

/* Go on with a block that is there. Unlike the heap's, the calls here are not counted. */
static MICRO_INLINE void *micro_checked(void *block)
{
	if (__builtin_expect(block == NULL, 0))
		heap_exhausted();
	return block;
}

static MICRO_INLINE void *micro_take(const bool is_floor, size_t bytes)
{
	return is_floor ? floor_take(bytes) : micro_checked(malloc(bytes));
}

static MICRO_INLINE void *micro_take_zeroed(const bool is_floor, size_t bytes)
{
	return is_floor ? floor_take_zeroed(bytes) : micro_checked(calloc(1, bytes));
}

static MICRO_INLINE void *micro_take_aligned(const bool is_floor, size_t align, size_t bytes)
{
	void *block = NULL;
	if (is_floor)
		return floor_take_aligned(align, bytes);
	return posix_memalign(&block, align, bytes) == 0 ? block : micro_checked(NULL);
}

static MICRO_INLINE void *micro_resize(const bool is_floor, void *block, size_t bytes)
{
	return is_floor ? floor_resize(block, bytes) : micro_checked(realloc(block, bytes));
}

static MICRO_INLINE void micro_give(const bool is_floor, void *block)
{
	if (is_floor)
		floor_give(block);
	else
		free(block);
}

/* The end of a thread, or of a part of its work: what it freed is for others to take. */
static MICRO_INLINE void micro_hand_over(const bool is_floor)
{
	if (is_floor)
		floor_hand_over();
}

/* Use a block of at least 8 bytes as its owner would at the least: write its first word. */
static MICRO_INLINE void micro_write(void *block, uint64_t word)
{
	*(volatile uint64_t *)block = word;
}

static MICRO_INLINE uint64_t micro_read(const void *block)
{
	return *(const volatile uint64_t *)block;
}

#endif
