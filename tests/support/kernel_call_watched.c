/* SPDX-License-Identifier: MIT */
/*
 * System calls through the C library, linked in place of base/kernel_call.c under the thread
 * sanitizer. That watches mmap() and munmap(), and so knows that memory which comes back at an
 * address it had before is new; raw calls would look like races with whoever had it then.
 *
 * It does not watch mremap(), which is therefore made of what it does watch.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/kernel_call.h"

static long result_of(const void *p)
{
	return p == MAP_FAILED ? -errno : (long)p;
}

static void *map(void *at, size_t bytes, int flags)
{
	return mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

static long remap(char *base, size_t old_bytes, size_t new_bytes, int flags, void *target)
{
	if (new_bytes < old_bytes)
		return munmap(base + new_bytes, old_bytes - new_bytes) == 0 ? (long)base : -errno;
	if (!(flags & MREMAP_MAYMOVE))
		return -ENOMEM;
	void *moved = map(flags & MREMAP_FIXED ? target : NULL, new_bytes,
			  flags & MREMAP_FIXED ? MAP_FIXED : 0);
	if (moved == MAP_FAILED)
		return -errno;
	memcpy(moved, base, old_bytes);
	munmap(base, old_bytes);
	return (long)moved;
}

/* Space reserved to be read, which is committed piece by piece; of the one heap there is. */
static uintptr_t readable_base;
static size_t readable_bytes;

long kernel_call(long number, long a, long b, long c, long d, long e, long f)
{
	int saved_errno = errno;
	long result;
	switch (number) {
	case SYS_mmap:
		/* Others may be reading: to them it is the same zeros, and not a write. */
		if ((uintptr_t)a - readable_base < readable_bytes && d & MAP_FIXED) {
			result = mprotect((void *)a, (size_t)b, (int)c) == 0 ? a : -errno;
			break;
		}
		result = result_of(mmap((void *)a, (size_t)b, (int)c, (int)d, (int)e, f));
		if (c == PROT_READ && result > 0) {
			readable_base = (uintptr_t)result;
			readable_bytes = (size_t)b;
		}
		break;
	case SYS_munmap:
		result = munmap((void *)a, (size_t)b) == 0 ? 0 : -errno;
		break;
	case SYS_mremap:
		result = remap((char *)a, (size_t)b, (size_t)c, (int)d, (void *)e);
		break;
	default:
		result = syscall(number, a, b, c, d, e, f);
		if (result == -1)
			result = -errno;
	}
	errno = saved_errno;
	return result;
}
