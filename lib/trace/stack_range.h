/* SPDX-License-Identifier: MIT */
/*
 * Stack range: which words above a stack pointer can be read.
 *
 * Walking a stack by rules that may be wrong must never fault. A thread's own stack (*home*) is
 * there for as long as the thread: its top is known (the thread pointer lies there, or the place
 * where the kernel laid out the program's arguments), and from each new lowest stack pointer the
 * pages up to what is known are asked of the kernel, once. Other stacks (of signal handlers, of
 * coroutines) come and go without a word: of these each page above the one of the stack pointer is
 * asked for every event that gets there, 100 ns a page.
 */
#ifndef TRACE_STACK_RANGE_H
#define TRACE_STACK_RANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

/* Zeroed memory is the range of a thread that nothing is known of. */
struct stack_range {
	uintptr_t home_low, home_high;   /* of the thread's own stack, as far as asked */
	uintptr_t other_low, other_high; /* pages that were found not to lead there */
	/* Of the stack being walked: all from its sp to here can be read. */
	uintptr_t high;
	bool is_home;
};

/* Find out where `sp` is. */
void stack_range_find(struct stack_range *range, uintptr_t sp);

/* Can all from what is known up to `end` be read? */
bool stack_range_reach(struct stack_range *range, uintptr_t end);

/* Begin to walk at `sp`. Fast path: the thread is on its own stack. */
ALLOT_INLINE void stack_range_enter(struct stack_range *range, uintptr_t sp)
{
	if (likely(sp - range->home_low < range->home_high - range->home_low)) {
		range->high = range->home_high;
		range->is_home = true;
	} else {
		stack_range_find(range, sp);
	}
}

#endif
