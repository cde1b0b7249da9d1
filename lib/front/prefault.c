/* SPDX-License-Identifier: MIT */
/*
 * Which pages to make resident. See prefault.h.
 */
#include "front/prefault.h"

enum {
	PREFAULT_SHARE = 128, /* of what is in use */
	PREFAULT_BYTES_MIN = 32 << 10,
};

ALLOT_OUTLINE struct prefault prefault_plan_next(struct arena *arena)
{
	const struct strategy_core *core = arena->core;
	struct page_source *source = &arena->source;
	size_t used_bytes = size_minus(source->mapped_bytes, core->idle_bytes);
	size_t window_bytes = size_min(used_bytes / PREFAULT_SHARE, PREFAULT_BYTES_MAX);
	uintptr_t from = core->placed_zero_from;
	uintptr_t until = core->zero_from;
	arena->prefaulted_until = until;
	if (window_bytes < PREFAULT_BYTES_MIN || from >= until || until - from > window_bytes)
		return (struct prefault){0};
	if (source->huge_from_bytes != 0 && source->huge_from != 0 && until > source->huge_from) {
		arena->prefaulted_until = align_up(until, HUGE_PAGE_BYTES);
		return (struct prefault){0};
	}
	/* What lies before `from` in its page was written. */
	uintptr_t begin = align_up(from, source->page_bytes);
	uintptr_t end = size_min(until + window_bytes, source->last->base + source->last->bytes);
	end = align_down(end, source->page_bytes);
	if (begin >= end)
		return (struct prefault){0};
	arena->prefaulted_until = end;
	return (struct prefault){source, begin, end - begin};
}
