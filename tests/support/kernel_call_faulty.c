/* SPDX-License-Identifier: MIT */
/*
 * The door to the kernel with a hand on it. See kernel_call_faulty.h.
 */
#include "kernel_call_faulty.h"

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/kernel_call.h"

struct kernel_faults kernel_faults;

void *__real_sbrk(intptr_t bytes);
void *__wrap_sbrk(intptr_t bytes);

static bool is_to_fail(long number)
{
	struct kernel_faults *faults = &kernel_faults;
	if (faults->number != CALL_ANY && faults->number != number)
		return false;
	size_t nth = ++faults->counted;
	bool fails = faults->fail_at != 0 && (nth == faults->fail_at ||
					      (faults->from_then_on && nth > faults->fail_at));
	faults->failed += fails;
	return fails;
}

static bool is_mapped(long address)
{
	unsigned char is_resident;
	return mincore((void *)address, 1, &is_resident) == 0;
}

/*
 * What a successful call did to the address space: memory over memory changes nothing. `is_over`
 * says that what was moved came to lie over something.
 */
static void account(long number, long b, long c, long d, bool is_over)
{
	if (number == SYS_mmap && !(d & MAP_FIXED))
		kernel_faults.mapped_bytes += (size_t)b;
	else if (number == SYS_munmap)
		kernel_faults.mapped_bytes -= (size_t)b;
	else if (number == SYS_mremap && (d & MREMAP_FIXED))
		kernel_faults.mapped_bytes -= is_over ? (size_t)b : 0;
	else if (number == SYS_mremap)
		kernel_faults.mapped_bytes += (size_t)(c - b);
}

long kernel_call(long number, long a, long b, long c, long d, long e, long f)
{
	if (is_to_fail(number)) {
		if (number == SYS_munmap)
			kernel_faults.unmap_failed_bytes += (size_t)b;
		return -kernel_faults.error;
	}
	int saved_errno = errno;
	bool is_over = number == SYS_mremap && (d & MREMAP_FIXED) && is_mapped(e);
	long result = syscall(number, a, b, c, d, e, f);
	if (result == -1)
		result = -errno;
	else
		account(number, b, c, d, is_over);
	errno = saved_errno;
	return result;
}

void *__wrap_sbrk(intptr_t bytes)
{
	/* Asking where the break is cannot fail. */
	if (bytes != 0 && is_to_fail(SYS_brk)) {
		if (bytes < 0)
			kernel_faults.unmap_failed_bytes += (size_t)-bytes;
		errno = ENOMEM;
		return (void *)-1;
	}
	return __real_sbrk(bytes);
}
