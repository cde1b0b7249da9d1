/* SPDX-License-Identifier: MIT */
/*
 * Prefault: pages at the end of a growing heap made resident some at a time, ahead of the program.
 *
 * A page that is touched for the first time costs a fault, most of which is getting into the kernel
 * and out again; for many pages at once that is paid once. What for is known where the heap grows:
 * a block was placed where nothing was ever written (zero_from, strategy.h), so the next one will
 * be placed behind it. Pages are made resident from there on: a 128th of what is in use, 128 KiB at
 * most, so that little is in vain when the heap does not grow any further; nothing before that is
 * eight pages; and nothing for a block that is larger than that, of which the program may touch
 * what it likes. Huge pages (pages/source.h) are resident already.
 *
 * The plan is made under the arena's lock, and carried out when it is left.
 */
#ifndef FRONT_PREFAULT_H
#define FRONT_PREFAULT_H

#include "front/arena.h"

enum {
	PREFAULT_BYTES_MAX = 128 << 10,
	/* As much as may be ahead at most. */
	PREFAULT_SLACK_BYTES = HUGE_PAGE_BYTES,
};

/* Pages of a source to be made resident; none if `bytes` is 0. */
struct prefault {
	struct page_source *source;
	uintptr_t begin;
	size_t bytes;
};

/* A block was placed beyond what is prefaulted, or pages were dropped since. The lock is held. */
struct prefault prefault_plan_next(struct arena *arena);

/* What to do after a block was placed. The lock is held. */
ALLOT_INLINE struct prefault prefault_plan(struct arena *arena)
{
	/* Larger if the heap has outgrown it, or has shrunk since. */
	uintptr_t ahead = arena->prefaulted_until - arena->core->zero_from;
	if (likely(ahead <= arena->prefault_slack_bytes))
		return (struct prefault){0};
	return prefault_plan_next(arena);
}

/* The lock is not held. */
ALLOT_INLINE void prefault_carry_out(struct prefault plan)
{
	if (unlikely(plan.bytes != 0))
		source_populate(plan.source, plan.begin, plan.bytes);
}

#endif
