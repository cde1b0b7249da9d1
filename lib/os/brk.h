/* SPDX-License-Identifier: MIT */
/*
 * The program break.
 *
 * Unlike every other call of this layer these two go through the C library, because glibc keeps
 * the break in a variable of its own: moved behind its back, the next sbrk() of the program would
 * cut our memory off. As in the C library, two threads must not move the break at once; ours
 * never do (see source_sbrk.c), and a program that calls sbrk() from one thread while another
 * allocates has that race with any malloc.
 */
#ifndef OS_BRK_H
#define OS_BRK_H

#include <stddef.h>
#include <stdint.h>

/* The current break, 0 when there is none. */
uintptr_t os_break(void);

/* Move the break by `bytes`. Returns the old break, 0 on failure. errno is left alone. */
uintptr_t os_break_move(intptr_t bytes);

#endif
