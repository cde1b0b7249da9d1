/* SPDX-License-Identifier: MIT */
/*
 * What all sources share: the list of regions, and regions made by mapping. See source.h.
 */
#include "pages/source.h"

#include <assert.h>

#include "base/bits.h"
#include "base/compiler.h"
#include "os/map.h"
#include "os/thread.h"
#include "os/ticks.h"

enum {
	/*
	 * The first region of a source reserves this much address space, each further one twice as
	 * much as the one before. Large enough that nearly every process has one region; small
	 * enough that nobody who watches virtual size is alarmed.
	 */
	RESERVE_BYTES_FIRST = 1 << 30,
	/* Under a limit of the address space, one region takes at most this part of it. */
	RESERVE_LIMIT_SHARE = 64,
	/*
	 * Commit at least this much at a time, and a sixteenth of what there is: committed pages
	 * are not resident before they are touched, so that only system calls are saved by more.
	 */
	GROW_BYTES_MIN = 256 << 10,
	GROW_SHARE = 16,
	GROW_BYTES_MAX = 16 << 20,
	REGION_PAGE_BYTES = 4096,
	/* Huge pages are for growth by less than this: of a large block little may be touched. */
	HUGE_ASK_BYTES_END = GROW_BYTES_MIN,
};

struct region region_none;

ALLOT_START void source_init(struct page_source *source, const struct page_source_type *type,
			     struct owners *owners, void *heap, size_t unit_bytes)
{
	*source = (struct page_source){
		.type = type,
		.owners = owners,
		.heap = heap,
		.unit_bytes = unit_bytes,
		.page_bytes = owners->page_bytes,
		.home = &region_none,
		.is_alone = &__libc_single_threaded,
	};
}

bool source_grow(struct page_source *source, size_t bytes, struct span *out_span)
{
	if (bytes > PTRDIFF_MAX - source->unit_bytes)
		return false;
	if (!source->is_let && source->has_others != NULL &&
	    atomic_load_explicit(source->has_others, memory_order_relaxed))
		return false;
	bytes = align_up(bytes, source->unit_bytes);
	if (!source->type->grow(source, bytes, out_span))
		return false;
	assert(out_span->bytes >= bytes);
	assert(is_aligned(out_span->base, source->unit_bytes));
	return true;
}

size_t source_shrink(struct page_source *source, struct region *region, size_t bytes)
{
	bytes = align_down(bytes, source->unit_bytes);
	if (bytes == 0 || !source->type->shrink(source, region, bytes))
		return 0;
	return bytes;
}

/* ---- huge pages ---- */

/* What was to be had of huge pages stays; no more are wanted where the source is now. */
static void huge_end(struct page_source *source)
{
	const struct region *region = source->last;
	uintptr_t begin = source->huge_from;
	if (begin == 0)
		return;
	source->huge_from = 0;
	/* It may have been cut. */
	if (begin >= region->base + region->bytes)
		return;
	source->calls++;
	os_advise_huge(begin, region->base + region->bytes - begin, false);
}

/* A mean of figures, of which the newest counts for one in `share`; 0: there was none before. */
static uint32_t mean_with(uint32_t mean, uint32_t newest, uint32_t share)
{
	return mean == 0 ? newest : mean - mean / share + newest / share;
}

/* Is a source that needs `bytes` more to grow by a huge page? */
static bool huge_is_due(const struct page_source *source, size_t bytes)
{
	return source->huge_from_bytes != 0 && source->mapped_bytes >= source->huge_from_bytes &&
	       bytes < HUGE_ASK_BYTES_END && *source->is_alone != 0 &&
	       atomic_load_explicit(&source->page_ns, memory_order_relaxed) != 0;
}

/* What was committed just now ends with a huge page, unless it is shorter: have it. */
static void huge_begin(struct page_source *source, uintptr_t base, size_t bytes)
{
	uintptr_t begin = base + bytes - HUGE_PAGE_BYTES;
	if (bytes < HUGE_PAGE_BYTES)
		return;
	source->calls += 2;
	uint64_t before_ns = os_clock_ns();
	bool is_had = os_advise_huge(begin, HUGE_PAGE_BYTES, true) &&
		      os_populate(begin, HUGE_PAGE_BYTES);
	size_t page_count = HUGE_PAGE_BYTES / source->page_bytes;
	uint64_t page_ns = (os_clock_ns() - before_ns) / page_count;
	source->huge_page_ns = mean_with(source->huge_page_ns, (uint32_t)page_ns, 4);
	if (source->huge_from == 0)
		source->huge_from = begin;
	if (!is_had || source->huge_page_ns >
			       atomic_load_explicit(&source->page_ns, memory_order_relaxed))
		source->huge_from_bytes = 0;
}

/* ---- giving back ---- */

size_t source_release(struct page_source *source, uintptr_t begin, uintptr_t end)
{
	begin = align_up(begin, source->page_bytes);
	end = align_down(end, source->page_bytes);
	if (begin >= end)
		return 0;
	source->calls++;
	if (!source->type->release(source, begin, end - begin))
		return 0;
	huge_end(source);
	owners_tell(source->owners, PAGES_RELEASED, false, begin, end - begin, 0);
	return end - begin;
}

void source_populate(struct page_source *source, uintptr_t base, size_t bytes)
{
	uint64_t before_ns = os_clock_ns();
	if (!os_populate(base, bytes))
		return;
	uint64_t new_ns = (os_clock_ns() - before_ns) / (bytes / source->page_bytes);
	uint32_t old_ns = atomic_load_explicit(&source->page_ns, memory_order_relaxed);
	atomic_store_explicit(&source->page_ns, mean_with(old_ns, (uint32_t)new_ns, 8),
			      memory_order_relaxed);
}

void source_finish(struct page_source *source)
{
	source->type->finish(source);
}

static struct region *region_obtain(struct page_source *source)
{
	if (source->spare_count == 0) {
		source->spare_regions = os_map(REGION_PAGE_BYTES);
		if (source->spare_regions == NULL)
			return NULL;
		source->spare_count = REGION_PAGE_BYTES / sizeof(struct region);
	}
	return &source->spare_regions[--source->spare_count];
}

struct region *source_region_add(struct page_source *source, uintptr_t base)
{
	if (source->first == NULL) {
		source->spare_regions = source->inline_regions;
		source->spare_count = REGIONS_INLINE;
	}
	struct region *region = region_obtain(source);
	if (region == NULL)
		return NULL;
	*region = (struct region){.base = base, .heap = source->heap};
	if (source->last != NULL)
		source->last->next = region;
	else
		source->first = region;
	source->last = region;
	return region;
}

void source_region_drop_last(struct page_source *source)
{
	struct region *before = NULL;
	assert(source->last->bytes == 0);
	for (struct region *r = source->first; r != source->last; r = r->next)
		before = r;
	/* The struct itself is not reused: a lookup that came too late may still hold it. */
	if (before != NULL)
		before->next = NULL;
	else
		source->first = NULL;
	source->last = before;
}

void source_region_resized(struct page_source *source, struct region *region, size_t bytes)
{
	uintptr_t old_end = region->base + region->bytes;
	uintptr_t new_end = region->base + bytes;
	if (new_end > old_end)
		owners_tell(source->owners, PAGES_ADDED, false, old_end, new_end - old_end, 0);
	else if (new_end < old_end)
		owners_tell(source->owners, PAGES_REMOVED, false, new_end, old_end - new_end, 0);
	/* Watchers of the heap read it without the lock. */
	__atomic_store_n(&source->mapped_bytes, source->mapped_bytes + bytes - region->bytes,
			 __ATOMIC_RELAXED);
	source->mapped_bytes_peak = size_max(source->mapped_bytes_peak, source->mapped_bytes);
	__atomic_store_n(&region->bytes, bytes, __ATOMIC_RELAXED);
}

/* How much to commit for a need of `bytes`. */
static size_t grow_bytes(const struct page_source *source, size_t bytes)
{
	size_t share = size_min(source->mapped_bytes / GROW_SHARE, GROW_BYTES_MAX);
	return align_up(size_max(bytes, size_max(GROW_BYTES_MIN, share)), source->unit_bytes);
}

/* Regions have granules to themselves, at both ends. */
static size_t region_align(const struct page_source *source)
{
	return size_max(source->unit_bytes, GRANULE_BYTES);
}

static size_t reserve_bytes(const struct page_source *source, size_t bytes)
{
	size_t wanted = RESERVE_BYTES_FIRST;
	if (source->last != NULL)
		wanted = size_max(wanted, source->last->reserved_bytes * 2);
	size_t limit = source->owners->address_space_bytes;
	if (limit != SIZE_MAX)
		wanted = size_min(wanted, limit / RESERVE_LIMIT_SHARE);
	return align_up(size_max(wanted, bytes), region_align(source));
}

/* Reserve what is wanted; when the address space is short, just what is needed. */
static uintptr_t reserve(struct page_source *source, size_t wanted, size_t needed,
			 size_t *out_bytes)
{
	*out_bytes = wanted;
	uintptr_t base = source->range == NULL ? 0 :
			 range_take(source->range, wanted, region_align(source));
	if (base != 0)
		return base;
	source->calls++;
	base = (uintptr_t)os_reserve_aligned(wanted, region_align(source));
	needed = align_up(needed, region_align(source));
	if (base != 0 || wanted == needed)
		return base;
	source->calls++;
	*out_bytes = needed;
	return (uintptr_t)os_reserve_aligned(needed, region_align(source));
}

bool source_region_map(struct page_source *source, size_t bytes, struct span *out_span)
{
	size_t reserved_bytes;
	huge_end(source);
	uintptr_t base = reserve(source, reserve_bytes(source, bytes), bytes, &reserved_bytes);
	if (base == 0)
		return false;
	struct region *region = source_region_add(source, base);
	if (region == NULL)
		goto unmap;
	region->reserved_bytes = reserved_bytes;
	if (source_region_extend(source, region, bytes, out_span)) {
		if (atomic_load_explicit(&source->home, memory_order_relaxed) == &region_none)
			atomic_store_explicit(&source->home, region, memory_order_release);
		return true;
	}
	source_region_drop_last(source);
unmap:
	os_unmap(base, reserved_bytes);
	return false;
}

bool source_region_extend(struct page_source *source, struct region *region, size_t bytes,
			  struct span *out_span)
{
	size_t room = region->reserved_bytes - region->bytes;
	uintptr_t base = region->base + region->bytes;
	if (room < bytes)
		return false;
	bool is_huge = huge_is_due(source, bytes);
	size_t more = grow_bytes(source, bytes);
	if (is_huge)
		more = align_up(base + bytes, HUGE_PAGE_BYTES) - base;
	more = size_min(more, room);
	source->calls++;
	if (!os_commit(base, more)) {
		more = bytes;
		if (!os_commit(base, more))
			return false;
	}
	if (!owners_claim(source->owners, region, base, base + more)) {
		os_decommit(base, more);
		return false;
	}
	source_region_resized(source, region, region->bytes + more);
	if (is_huge)
		huge_begin(source, base, more);
	*out_span = (struct span){.base = base, .bytes = more, .region = region};
	return true;
}

bool source_region_cut(struct page_source *source, struct region *region, size_t bytes)
{
	uintptr_t end = region->base + region->bytes;
	source->calls++;
	if (!os_decommit(end - bytes, bytes))
		return false;
	source_region_resized(source, region, region->bytes - bytes);
	return true;
}
