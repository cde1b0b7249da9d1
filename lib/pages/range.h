/* SPDX-License-Identifier: MIT */
/*
 * Range: one piece of reserved address space that the regions of a heap are cut from.
 *
 * When all regions lie in one range, "is this address ours, and which of our units is it in?" is
 * a subtraction and a comparison, and a table with an entry for each unit is an array. What does
 * not fit goes elsewhere and is found the long way.
 *
 * Reserving costs address space and nothing else; where that is limited the range is smaller.
 */
#ifndef PAGES_RANGE_H
#define PAGES_RANGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct range {
	uintptr_t base;
	size_t bytes; /* 0: there is none */
	_Atomic size_t taken_bytes; /* from base on */
};

/*
 * Reserve `bytes` at a multiple of `align`, both powers of two, or the half of it, and so on, but
 * no less than `bytes_min`, and a small part of a limited address space. False: there is none.
 */
bool range_init(struct range *range, size_t bytes, size_t bytes_min, size_t align);

/*
 * The range of the next `bytes` of program break. Nothing is reserved and nothing can be taken:
 * it is for telling addresses apart. False: the break is too near the end of the address space.
 */
bool range_init_break(struct range *range, size_t bytes, size_t align);

/* Give back what was never taken; who took the rest gives that back. */
void range_finish(struct range *range);

/* The next `bytes` at a multiple of `align`, reserved, or 0. Any thread may ask. */
uintptr_t range_take(struct range *range, size_t bytes, size_t align);

#endif
