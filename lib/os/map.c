/* SPDX-License-Identifier: MIT */
/*
 * Address space calls. See map.h.
 */
#include "os/map.h"

#include <errno.h>
#include <linux/mman.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "base/bits.h"
#include "base/compiler.h"
#include "base/kernel_call.h"

enum {
	PAGE_BYTES_FALLBACK = 4096,
	KERNEL_SIGSET_BYTES = 8,
	RESERVE_FLAGS = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
	COMMIT_FLAGS = MAP_PRIVATE | MAP_ANONYMOUS,
};

size_t os_page_bytes(void)
{
	size_t bytes = getauxval(AT_PAGESZ);
	return bytes != 0 ? bytes : PAGE_BYTES_FALLBACK;
}

/* At `base`, or where the kernel likes it better. */
static uintptr_t map_near(uintptr_t base, size_t bytes, int protection, int flags)
{
	long result = kernel_call(SYS_mmap, (long)base, (long)bytes, protection, flags, -1, 0);
	return kernel_call_failed(result) ? 0 : (uintptr_t)result;
}

static uintptr_t map_anywhere(size_t bytes, int protection, int flags)
{
	return map_near(0, bytes, protection, flags);
}

static bool map_over(uintptr_t base, size_t bytes, int protection, int flags)
{
	long result = kernel_call(SYS_mmap, (long)base, (long)bytes, protection,
				  flags | MAP_FIXED, -1, 0);
	return !kernel_call_failed(result);
}

/*
 * Map `bytes` at a multiple of `align`: the kernel's first choice, or what lies below that (it
 * places downwards), if either fits; else cut to fit.
 */
static uintptr_t map_aligned(size_t bytes, size_t align, int protection, int flags)
{
	size_t padded_bytes;
	uintptr_t base = map_anywhere(bytes, protection, flags);
	if (base == 0 || is_aligned(base, align))
		return base;
	os_unmap(base, bytes);
	base = map_near(align_down(base, align), bytes, protection, flags);
	if (base == 0 || is_aligned(base, align))
		return base;
	os_unmap(base, bytes);
	if (!size_add(bytes, align - os_page_bytes(), &padded_bytes))
		return 0;
	base = map_anywhere(padded_bytes, protection, flags);
	if (base == 0)
		return 0;
	uintptr_t aligned = align_up(base, align);
	size_t head_bytes = aligned - base;
	size_t tail_bytes = padded_bytes - head_bytes - bytes;
	/* A piece that cannot be cut off costs address space only: it was never touched. */
	if (head_bytes > 0)
		os_unmap(base, head_bytes);
	if (tail_bytes > 0)
		os_unmap(aligned + bytes, tail_bytes);
	return aligned;
}

void *os_map(size_t bytes)
{
	return (void *)map_anywhere(bytes, PROT_READ | PROT_WRITE, COMMIT_FLAGS);
}

void *os_map_aligned(size_t bytes, size_t align)
{
	return (void *)map_aligned(bytes, align, PROT_READ | PROT_WRITE, COMMIT_FLAGS);
}

void *os_reserve_aligned(size_t bytes, size_t align)
{
	return (void *)map_aligned(bytes, align, PROT_NONE, RESERVE_FLAGS);
}

void *os_reserve_readable(size_t bytes)
{
	return (void *)map_anywhere(bytes, PROT_READ, RESERVE_FLAGS);
}

/*
 * Who reads or writes there meanwhile waits for the kernel to be done. Before Linux 6.12 what was
 * there may be gone when it refuses, and somebody else could be placed there: hence `or_else`.
 */
static bool commit(uintptr_t base, size_t bytes, int or_else)
{
	if (map_over(base, bytes, PROT_READ | PROT_WRITE, COMMIT_FLAGS))
		return true;
	map_over(base, bytes, or_else, RESERVE_FLAGS);
	return false;
}

bool os_commit(uintptr_t base, size_t bytes)
{
	return commit(base, bytes, PROT_NONE);
}

bool os_commit_readable(uintptr_t base, size_t bytes)
{
	return commit(base, bytes, PROT_READ);
}

bool os_decommit(uintptr_t base, size_t bytes)
{
	return map_over(base, bytes, PROT_NONE, RESERVE_FLAGS);
}

bool os_release(uintptr_t base, size_t bytes)
{
	return kernel_call(SYS_madvise, (long)base, (long)bytes, MADV_DONTNEED, 0, 0, 0) == 0;
}

bool os_populate(uintptr_t base, size_t bytes)
{
	enum { POPULATE_WRITE = 23 }; /* MADV_POPULATE_WRITE, newer than some headers */
	return kernel_call(SYS_madvise, (long)base, (long)bytes, POPULATE_WRITE, 0, 0, 0) == 0;
}

bool os_advise_huge(uintptr_t base, size_t bytes, bool is_wanted)
{
	return kernel_call(SYS_madvise, (long)base, (long)bytes,
			   is_wanted ? MADV_HUGEPAGE : MADV_NOHUGEPAGE, 0, 0, 0) == 0;
}

bool os_unmap(uintptr_t base, size_t bytes)
{
	return kernel_call(SYS_munmap, (long)base, (long)bytes, 0, 0, 0, 0) == 0;
}

uintptr_t os_remap(uintptr_t base, size_t old_bytes, size_t new_bytes, bool may_move)
{
	long result = kernel_call(SYS_mremap, (long)base, (long)old_bytes, (long)new_bytes,
				  may_move ? MREMAP_MAYMOVE : 0, 0, 0);
	return kernel_call_failed(result) ? 0 : (uintptr_t)result;
}

bool os_remap_to(uintptr_t base, size_t bytes, uintptr_t target)
{
	long result = kernel_call(SYS_mremap, (long)base, (long)bytes, (long)bytes,
				  MREMAP_MAYMOVE | MREMAP_FIXED, (long)target, 0);
	return !kernel_call_failed(result);
}

bool os_is_readable(const void *p)
{
	enum { NO_SUCH_OPERATION = -1 };
	/* For no set nothing is read. */
	if (p == NULL)
		return false;
	return kernel_call(SYS_rt_sigprocmask, NO_SUCH_OPERATION, (long)p, 0, KERNEL_SIGSET_BYTES,
			   0, 0) != -EFAULT;
}

size_t os_address_space_limit(void)
{
	struct rlimit limit;
	long result = kernel_call(SYS_prlimit64, 0, RLIMIT_AS, 0, (long)&limit, 0, 0);
	if (kernel_call_failed(result) || limit.rlim_cur == RLIM_INFINITY)
		return SIZE_MAX;
	return limit.rlim_cur;
}
