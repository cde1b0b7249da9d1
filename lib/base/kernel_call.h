/* SPDX-License-Identifier: MIT */
/*
 * The door to the kernel: one function through which every system call of the library goes.
 *
 * Raw calls, because the C library's wrappers may be interposed by the program, may set errno,
 * and may not be ready when the first malloc of a process comes. One function, because a test
 * links its own in place of it and makes the k-th call fail.
 */
#ifndef BASE_KERNEL_CALL_H
#define BASE_KERNEL_CALL_H

#include <stdbool.h>

/*
 * Make system call `number` (SYS_...) with six arguments, unused ones 0. Returns the kernel's
 * result: a negated error number from -4095 to -1 on failure. errno is left alone.
 */
long kernel_call(long number, long a, long b, long c, long d, long e, long f);

static inline bool kernel_call_failed(long result)
{
	return (unsigned long)result > (unsigned long)-4096;
}

#endif
