/* SPDX-License-Identifier: MIT */
/*
 * Pages by sbrk: the break grows, and shrinks again when its end is free.
 *
 * The break is not ours alone. A program may move it itself, before our first call or between
 * two: what it got is its own, and our next piece starts behind it as a new region. So nothing is
 * assumed about where the break is; each move is judged by the old break it returns. When the
 * break cannot move (a mapping stands in its way, RLIMIT_DATA) pages come by mmap instead, as in
 * glibc's malloc.
 */
#include "pages/source.h"

#include "base/bits.h"
#include "os/brk.h"
#include "os/map.h"
#include "os/thread.h"

enum { BREAK_GROW_BYTES_MIN = 128 << 10 };

/* Others look at reserved_bytes without the heap's lock. */
static void region_reserve(struct region *region, size_t bytes)
{
	__atomic_store_n(&region->reserved_bytes, bytes, __ATOMIC_RELAXED);
}

/* Move the break up by `bytes` and enter what is behind `region`'s end; false: break as it was. */
static bool break_extend(struct page_source *source, struct region *region, size_t bytes,
			 struct span *out_span)
{
	uintptr_t end = region->base + region->bytes;
	if (!region->is_break || os_break() != end)
		return false;
	source->calls++;
	uintptr_t old = os_break_move((intptr_t)bytes);
	if (old == 0)
		return false;
	if (old != end || !owners_claim(source->owners, region, end, end + bytes)) {
		os_break_move(-(intptr_t)bytes);
		return false;
	}
	region_reserve(region, region->reserved_bytes + bytes);
	source_region_resized(source, region, region->bytes + bytes);
	*out_span = (struct span){.base = end, .bytes = bytes, .region = region};
	return true;
}

/* A new region at the break, its base a multiple of the unit. */
static bool break_region(struct page_source *source, size_t bytes, struct span *out_span)
{
	uintptr_t now = os_break();
	if (now == 0)
		return false;
	uintptr_t base = align_up(now, size_max(source->unit_bytes, GRANULE_BYTES));
	source->calls++;
	uintptr_t old = os_break_move((intptr_t)(base - now + bytes));
	if (old == 0)
		return false;
	struct region *region = old == now ? source_region_add(source, base) : NULL;
	if (region == NULL) {
		os_break_move(-(intptr_t)(base - now + bytes));
		return false;
	}
	region->is_break = true;
	if (!owners_claim(source->owners, region, base, base + bytes)) {
		source_region_drop_last(source);
		os_break_move(-(intptr_t)(base - now + bytes));
		return false;
	}
	region_reserve(region, bytes);
	source_region_resized(source, region, bytes);
	*out_span = (struct span){.base = base, .bytes = bytes, .region = region};
	return true;
}

static bool break_grow(struct page_source *source, size_t bytes, struct span *out_span)
{
	struct region *last = source->last;
	size_t more = align_up(size_max(bytes, BREAK_GROW_BYTES_MIN), source->unit_bytes);
	if (last != NULL && break_extend(source, last, more, out_span))
		return true;
	return break_region(source, more, out_span) ||
	       (more > bytes && break_region(source, bytes, out_span));
}

static bool sbrk_grow(struct page_source *source, size_t bytes, struct span *out_span)
{
	bool is_alone = thread_is_alone();
	uintptr_t self = thread_self();
	/* A handler that interrupted this very thread here, in another arena: not by the break. */
	if (!lock_is_mine(source->break_lock, self)) {
		lock_take(source->break_lock, self, is_alone);
		bool is_grown = break_grow(source, bytes, out_span);
		lock_give(source->break_lock, is_alone);
		if (is_grown)
			return true;
	}
	struct region *last = source->last;
	if (last != NULL && !last->is_break && source_region_extend(source, last, bytes, out_span))
		return true;
	return source_region_map(source, bytes, out_span);
}

static bool break_cut(struct page_source *source, struct region *region, size_t bytes)
{
	uintptr_t end = region->base + region->bytes;
	if (os_break() != end)
		return false;
	source->calls++;
	if (os_break_move(-(intptr_t)bytes) == 0)
		return false;
	owners_disclaim(source->owners, end - bytes, align_up(end, GRANULE_BYTES));
	region_reserve(region, region->reserved_bytes - bytes);
	source_region_resized(source, region, region->bytes - bytes);
	return true;
}

static bool sbrk_shrink(struct page_source *source, struct region *region, size_t bytes)
{
	if (!region->is_break)
		return source_region_cut(source, region, bytes);
	bool is_alone = thread_is_alone();
	if (lock_is_mine(source->break_lock, thread_self()))
		return false;
	lock_take(source->break_lock, thread_self(), is_alone);
	bool is_cut = break_cut(source, region, bytes);
	lock_give(source->break_lock, is_alone);
	return is_cut;
}

static bool sbrk_release(struct page_source *source, uintptr_t base, size_t bytes)
{
	(void)source;
	return os_release(base, bytes);
}

/* Program break in the middle of others' stays where it is, its pages released. */
static void sbrk_finish(struct page_source *source)
{
	for (struct region *region = source->first; region != NULL; region = region->next) {
		size_t bytes = region->bytes;
		owners_disclaim(source->owners, region->base,
				align_up(region->base + region->reserved_bytes, GRANULE_BYTES));
		if (!region->is_break)
			os_unmap(region->base, region->reserved_bytes);
		else if (!sbrk_shrink(source, region, bytes))
			os_release(region->base, bytes);
	}
}

static const struct page_source_type sbrk_type = {
	.name = "sbrk",
	.grow = sbrk_grow,
	.shrink = sbrk_shrink,
	.release = sbrk_release,
	.finish = sbrk_finish,
};

void source_sbrk_init(struct page_source *source, struct owners *owners, void *heap,
		      size_t unit_bytes, struct lock *break_lock)
{
	source_init(source, &sbrk_type, owners, heap, unit_bytes);
	source->break_lock = break_lock;
}
