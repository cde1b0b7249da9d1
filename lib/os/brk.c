/* SPDX-License-Identifier: MIT */
/*
 * The program break through the C library. See brk.h.
 */
#include "os/brk.h"

#include <errno.h>
#include <unistd.h>

uintptr_t os_break_move(intptr_t bytes)
{
	int saved_errno = errno;
	void *old = sbrk(bytes);
	errno = saved_errno;
	return (intptr_t)old == -1 ? 0 : (uintptr_t)old;
}

uintptr_t os_break(void)
{
	return os_break_move(0);
}
