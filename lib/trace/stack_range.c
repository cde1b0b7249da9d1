/* SPDX-License-Identifier: MIT */
/*
 * Asking the kernel for pages of stacks. See stack_range.h.
 */
#include "trace/stack_range.h"

#include <stddef.h>

#include "base/bits.h"
#include "base/lock.h"
#include "os/map.h"
#include "os/process.h"

/* What is asked in one go at most, 0.4 ms: a home further away is found bit by bit, or never. */
enum { HOME_BYTES_MAX = 16 << 20, REACH_BYTES_MAX = 1 << 20 };

/* The first page from `page` on that cannot be read, or `end`. */
static uintptr_t pages_readable(uintptr_t page, uintptr_t end, size_t page_bytes)
{
	while (page < end && os_is_readable((const void *)page))
		page += page_bytes;
	return page < end ? page : end;
}

/*
 * Do readable pages lead from `page` up to `target`? Pages that are known not to are not asked
 * again, so that each is asked once, however many stacks lie in one mapping.
 */
static bool home_is_near(struct stack_range *range, uintptr_t page, uintptr_t target,
			 size_t page_bytes)
{
	if (target <= page || target - page > HOME_BYTES_MAX)
		return false;
	uintptr_t end = target;
	bool is_other_above = range->other_high != 0 && range->other_low >= page &&
			      range->other_low < target;
	if (is_other_above)
		end = range->other_low;
	uintptr_t reached = pages_readable(page, end, page_bytes);
	if (reached == target)
		return true;
	if (!(is_other_above && reached == end))
		range->other_high = reached;
	range->other_low = page;
	return false;
}

/* Is the thread at home? Then home is known down to `page` at least. */
static bool home_find(struct stack_range *range, uintptr_t page, size_t page_bytes)
{
	if (range->home_high != 0) {
		if (!home_is_near(range, page, range->home_low, page_bytes))
			return false;
		range->home_low = page;
		return true;
	}
	const uintptr_t tops[] = {thread_self(), os_stack_top()};
	for (size_t i = 0; i < sizeof(tops) / sizeof(tops[0]); i++) {
		/* The page that the top is in can be read. */
		uintptr_t top_page = align_down(tops[i], page_bytes);
		if (tops[i] == 0 || page > top_page ||
		    (page != top_page && !home_is_near(range, page, top_page, page_bytes)))
			continue;
		range->home_low = page;
		range->home_high = top_page + page_bytes;
		return true;
	}
	return false;
}

ALLOT_COLD void stack_range_find(struct stack_range *range, uintptr_t sp)
{
	size_t page_bytes = os_page_bytes();
	uintptr_t page = align_down(sp, page_bytes);
	bool is_other = page >= range->other_low && page < range->other_high;
	range->is_home = !is_other && home_find(range, page, page_bytes);
	/* What a walk came to by wrong words need not be a stack at all. */
	if (range->is_home)
		range->high = range->home_high;
	else
		range->high = os_is_readable((const void *)page) ? page + page_bytes : sp;
}

ALLOT_COLD bool stack_range_reach(struct stack_range *range, uintptr_t end)
{
	size_t page_bytes = os_page_bytes();
	if (end <= range->high)
		return true;
	if (range->is_home || end - range->high > REACH_BYTES_MAX)
		return false;
	uintptr_t target = align_up(end, page_bytes);
	range->high = pages_readable(range->high, target, page_bytes);
	return range->high == target;
}
