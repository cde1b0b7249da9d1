/* SPDX-License-Identifier: MIT */
/*
 * Heap: malloc and its family as the `own` workloads call them: counted, and never without memory.
 *
 * The `micro` workloads count by themselves and call through micro.h.
 */
#ifndef ALLOT_WORKLOAD_HEAP_H
#define ALLOT_WORKLOAD_HEAP_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Calls of this thread since it started: one for each function below. */
extern _Thread_local uint64_t heap_call_count;

/* End the process, for there is no memory. */
_Noreturn void heap_exhausted(void);

static inline void *heap_checked(void *block)
{
	if (__builtin_expect(block == NULL, 0))
		heap_exhausted();
	heap_call_count++;
	return block;
}

/* A block of `bytes`, never NULL; to be given back by heap_give(). */
static inline void *heap_take(size_t bytes)
{
	return heap_checked(malloc(bytes));
}

/* The same for an array of zeros. */
static inline void *heap_take_zeroed(size_t count, size_t bytes)
{
	return heap_checked(calloc(count, bytes));
}

/* The block, moved if need be, with `bytes`; `block` may be NULL, for a new one. */
static inline void *heap_resize(void *block, size_t bytes)
{
	return heap_checked(realloc(block, bytes));
}

static inline void heap_give(void *block)
{
	heap_call_count++;
	free(block);
}

#endif
