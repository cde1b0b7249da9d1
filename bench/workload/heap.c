/* SPDX-License-Identifier: MIT */
/*
 * Heap: the count, and the end.
 */
#include "heap.h"

#include "workload.h"

_Thread_local uint64_t heap_call_count;

void heap_exhausted(void)
{
	run_fail("no memory");
}
