/* SPDX-License-Identifier: MIT */
/*
 * Memory of a machine. See memory.h.
 */
#include "vm/memory.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/kernel_call.h"

void *memory_take(size_t bytes)
{
	long result = kernel_call(SYS_mmap, 0, (long)bytes, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return kernel_call_failed(result) ? NULL : (void *)result;
}

void memory_give(void *memory, size_t bytes)
{
	kernel_call(SYS_munmap, (long)memory, (long)bytes, 0, 0, 0, 0);
}
