/* SPDX-License-Identifier: MIT */
/*
 * Entries for regions, and mappings. See owners.h.
 *
 * An entry is 0, the address of a struct region (bit 0 clear), or describes a mapping:
 *
 *     63            8 7            4   2    1    0
 *     | asked bytes  | start page  | idle freed  1 |
 *
 * The start page counts pages from the granule's first byte. Idle: freed, its pages released,
 * but still in the address space because the kernel had no room for one more area.
 */
#include "pages/owners.h"

#include <assert.h>

#include "base/bits.h"
#include "base/compiler.h"
#include "os/map.h"

enum {
	ENTRY_IS_MAPPING = 1,
	ENTRY_IS_FREED = 2,
	ENTRY_IS_IDLE = 4,
	ENTRY_PAGE_SHIFT = 4,
	ENTRY_PAGE_MASK = 15,
	ENTRY_BYTES_SHIFT = 8,
};

static_assert(ADDRESS_BITS <= 64 - ENTRY_BYTES_SHIFT, "a size fits into an entry");
static_assert(GRANULE_BYTES / 4096 <= ENTRY_PAGE_MASK + 1, "a start page fits into an entry");

ALLOT_START bool owners_init(struct owners *owners)
{
	owners->page_bytes = os_page_bytes();
	owners->address_space_bytes = os_address_space_limit();
	return address_map_init(&owners->map);
}

static bool entry_is_live_mapping(uint64_t entry)
{
	return (entry & (ENTRY_IS_MAPPING | ENTRY_IS_FREED)) == ENTRY_IS_MAPPING;
}

/* Pages for a request: whole, and never less than a granule. */
static size_t mapping_extent(const struct owners *owners, size_t bytes)
{
	return align_up(size_max(bytes, GRANULE_BYTES), owners->page_bytes);
}

static uint64_t entry_make(const struct owners *owners, uintptr_t base, size_t bytes)
{
	uint64_t page = (base & (GRANULE_BYTES - 1)) / owners->page_bytes;
	return (uint64_t)bytes << ENTRY_BYTES_SHIFT | page << ENTRY_PAGE_SHIFT | ENTRY_IS_MAPPING;
}

static void entry_read(const struct owners *owners, uintptr_t granule, uint64_t entry,
		       struct mapping *out)
{
	out->base = granule + (entry >> ENTRY_PAGE_SHIFT & ENTRY_PAGE_MASK) * owners->page_bytes;
	out->requested_bytes = entry >> ENTRY_BYTES_SHIFT;
	out->mapped_bytes = mapping_extent(owners, out->requested_bytes);
	out->is_live = entry_is_live_mapping(entry);
}

bool owners_claim(struct owners *owners, struct region *region, uintptr_t begin, uintptr_t end)
{
	for (uintptr_t granule = align_down(begin, GRANULE_BYTES); granule < end;
	     granule += GRANULE_BYTES) {
		uint64_t entry = address_map_get(&owners->map, granule);
		if (entry == (uintptr_t)region)
			continue;
		if (entry_is_live_mapping(entry) || (entry & ENTRY_IS_IDLE) ||
		    !address_map_set(&owners->map, granule, (uintptr_t)region)) {
			owners_disclaim(owners, begin, granule);
			return false;
		}
	}
	return true;
}

void owners_disclaim(struct owners *owners, uintptr_t begin, uintptr_t end)
{
	for (uintptr_t granule = align_up(begin, GRANULE_BYTES); granule + GRANULE_BYTES <= end;
	     granule += GRANULE_BYTES)
		address_map_set(&owners->map, granule, 0);
}

static void *mapping_publish(struct owners *owners, uintptr_t base, size_t bytes)
{
	uint64_t old = address_map_get(&owners->map, base);
	bool is_taken = old != 0 && !(old & ENTRY_IS_FREED);
	if (is_taken || (old & ENTRY_IS_IDLE) ||
	    !address_map_replace(&owners->map, base, old, entry_make(owners, base, bytes)))
		return NULL;
	atomic_fetch_add_explicit(&owners->mapping_count, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&owners->mapping_requested_bytes, bytes, memory_order_relaxed);
	atomic_fetch_add_explicit(&owners->mapping_mapped_bytes, mapping_extent(owners, bytes),
				  memory_order_relaxed);
	return (void *)base;
}

static void count_call(struct owners *owners)
{
	atomic_fetch_add_explicit(&owners->mapping_calls, 1, memory_order_relaxed);
}

void *mapping_create(struct owners *owners, size_t bytes, size_t align)
{
	if (bytes > PTRDIFF_MAX || align > PTRDIFF_MAX)
		return NULL;
	size_t extent = mapping_extent(owners, bytes);
	align = size_max(align, owners->page_bytes);
	/*
	 * The first granule may be taken: by a region made of program break that ends in it, or by
	 * an idle mapping. At a granule boundary only our own pages are in it.
	 */
	for (int attempt = 0; attempt < 2; attempt++) {
		count_call(owners);
		uintptr_t base = (uintptr_t)os_map_aligned(extent, align);
		if (base == 0)
			return NULL;
		void *p = mapping_publish(owners, base, bytes);
		if (p != NULL) {
			owners_tell(owners, PAGES_ADDED, true, base, extent, 0);
			return p;
		}
		os_unmap(base, extent);
		align = size_max(align, GRANULE_BYTES);
	}
	return NULL;
}

bool mapping_find(const struct owners *owners, const void *p, struct mapping *out)
{
	uintptr_t address = (uintptr_t)p;
	uint64_t entry = address_map_get(&owners->map, address);
	if (!(entry & ENTRY_IS_MAPPING))
		return false;
	entry_read(owners, align_down(address, GRANULE_BYTES), entry, out);
	return out->base == address;
}

bool mapping_containing(const struct owners *owners, const void *p, struct mapping *out)
{
	uintptr_t address = (uintptr_t)p;
	uintptr_t granule = address + 1;
	uint64_t entry;
	/*
	 * Marks of freed mappings say nothing: a larger mapping may lie over them now. And one may
	 * start behind `p` in the very granule `p` is in.
	 */
	do {
		entry = granule == 0 ? 0 :
				       address_map_find_below(&owners->map, granule - 1, &granule);
		if (entry & ENTRY_IS_MAPPING)
			entry_read(owners, granule, entry, out);
	} while ((entry & ENTRY_IS_FREED) || (entry_is_live_mapping(entry) && out->base > address));
	return entry_is_live_mapping(entry) && address - out->base < out->mapped_bytes;
}

/* Take a live mapping's entry away, leaving the freed mark; the one who succeeds owns the pages. */
static bool mapping_claim(struct owners *owners, void *p, struct mapping *out)
{
	uint64_t entry = address_map_get(&owners->map, (uintptr_t)p);
	if (!mapping_find(owners, p, out) || !out->is_live)
		return false;
	if (!address_map_replace(&owners->map, (uintptr_t)p, entry, entry | ENTRY_IS_FREED))
		return false;
	atomic_fetch_sub_explicit(&owners->mapping_count, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&owners->mapping_requested_bytes, out->requested_bytes,
				  memory_order_relaxed);
	atomic_fetch_sub_explicit(&owners->mapping_mapped_bytes, out->mapped_bytes,
				  memory_order_relaxed);
	return true;
}

static void mapping_keep_idle(struct owners *owners, const struct mapping *mapping)
{
	uint64_t entry = address_map_get(&owners->map, mapping->base);
	os_release(mapping->base, mapping->mapped_bytes);
	address_map_set(&owners->map, mapping->base, entry | ENTRY_IS_IDLE);
	atomic_fetch_add_explicit(&owners->mapping_idle_count, 1, memory_order_relaxed);
}

bool mapping_free(struct owners *owners, void *p)
{
	struct mapping mapping;
	if (!mapping_claim(owners, p, &mapping))
		return false;
	count_call(owners);
	owners_tell(owners, PAGES_REMOVED, true, mapping.base, mapping.mapped_bytes, 0);
	if (!os_unmap(mapping.base, mapping.mapped_bytes))
		mapping_keep_idle(owners, &mapping);
	return true;
}

static bool mapping_shrink(struct owners *owners, const struct mapping *mapping, size_t bytes)
{
	size_t extent = mapping_extent(owners, bytes);
	if (extent == mapping->mapped_bytes)
		return true;
	count_call(owners);
	owners_tell(owners, PAGES_REMOVED, true, mapping->base + extent,
		    mapping->mapped_bytes - extent, 0);
	if (os_remap(mapping->base, mapping->mapped_bytes, extent, false) != 0)
		return true;
	owners_tell(owners, PAGES_ADDED, true, mapping->base + extent,
		    mapping->mapped_bytes - extent, 0);
	return false;
}

/* A mapping is at `base` now, and larger. */
static void tell_grown(const struct owners *owners, const struct mapping *mapping, uintptr_t base,
		       size_t extent)
{
	if (base != mapping->base)
		owners_tell(owners, PAGES_MOVED, true, base, mapping->mapped_bytes, mapping->base);
	owners_tell(owners, PAGES_ADDED, true, base + mapping->mapped_bytes,
		    extent - mapping->mapped_bytes, 0);
}

void *mapping_resize(struct owners *owners, void *p, size_t bytes, bool may_move)
{
	struct mapping mapping;
	if (bytes > PTRDIFF_MAX || !mapping_claim(owners, p, &mapping))
		return NULL;
	size_t extent = mapping_extent(owners, bytes);
	if (extent <= mapping.mapped_bytes) {
		if (mapping_shrink(owners, &mapping, bytes))
			return mapping_publish(owners, mapping.base, bytes);
		return mapping_publish(owners, mapping.base, mapping.requested_bytes), NULL;
	}
	count_call(owners);
	uintptr_t base = os_remap(mapping.base, mapping.mapped_bytes, extent, may_move);
	if (base == 0)
		return mapping_publish(owners, mapping.base, mapping.requested_bytes), NULL;
	void *moved = mapping_publish(owners, base, bytes);
	if (moved != NULL) {
		tell_grown(owners, &mapping, base, extent);
		return moved;
	}
	/* Its new first granule is taken (see mapping_create): move on to one of its own. */
	uintptr_t aligned = (uintptr_t)os_map_aligned(extent, GRANULE_BYTES);
	if (aligned != 0 && os_remap_to(base, extent, aligned)) {
		tell_grown(owners, &mapping, aligned, extent);
		return mapping_publish(owners, aligned, bytes);
	}
	if (aligned != 0)
		os_unmap(aligned, extent);
	/* Back to where it was, which is free address space of this very moment. */
	if (os_remap(base, extent, mapping.mapped_bytes, false) == 0 ||
	    !os_remap_to(base, mapping.mapped_bytes, mapping.base))
		return NULL;
	return mapping_publish(owners, mapping.base, mapping.requested_bytes), NULL;
}

void mapping_want_huge(struct owners *owners, void *p, size_t bytes)
{
	/* All of it: the kernel moves no mapping of which parts differ. */
	count_call(owners);
	os_advise_huge((uintptr_t)p, mapping_extent(owners, bytes), true);
}

struct idle_retry {
	struct owners *owners;
	size_t bytes;
};

static bool retry_visit(uintptr_t granule, uint64_t entry, void *context)
{
	struct idle_retry *retry = context;
	struct mapping mapping;
	if (!(entry & ENTRY_IS_MAPPING) || !(entry & ENTRY_IS_IDLE))
		return true;
	entry_read(retry->owners, granule, entry, &mapping);
	if (address_map_replace(&retry->owners->map, granule, entry,
				entry & ~(uint64_t)ENTRY_IS_IDLE)) {
		if (os_unmap(mapping.base, mapping.mapped_bytes)) {
			atomic_fetch_sub(&retry->owners->mapping_idle_count, 1);
			retry->bytes += mapping.mapped_bytes;
		} else {
			address_map_set(&retry->owners->map, granule, entry);
		}
	}
	return true;
}

size_t mapping_retry_idle(struct owners *owners)
{
	struct idle_retry retry = {.owners = owners};
	if (atomic_load_explicit(&owners->mapping_idle_count, memory_order_relaxed) != 0)
		address_map_walk(&owners->map, retry_visit, &retry);
	return retry.bytes;
}

struct mapping_visit {
	const struct owners *owners;
	bool (*visit)(const struct mapping *mapping, void *context);
	void *context;
};

static bool walk_visit(uintptr_t granule, uint64_t entry, void *context)
{
	struct mapping_visit *walk = context;
	struct mapping mapping;
	if (!entry_is_live_mapping(entry))
		return true;
	entry_read(walk->owners, granule, entry, &mapping);
	return walk->visit(&mapping, walk->context);
}

bool mapping_walk(const struct owners *owners,
		  bool (*visit)(const struct mapping *mapping, void *context), void *context)
{
	struct mapping_visit walk = {.owners = owners, .visit = visit, .context = context};
	return address_map_walk(&owners->map, walk_visit, &walk);
}

static bool finish_visit(const struct mapping *mapping, void *context)
{
	(void)context;
	os_unmap(mapping->base, mapping->mapped_bytes);
	return true;
}

void owners_finish(struct owners *owners)
{
	mapping_walk(owners, finish_visit, NULL);
	mapping_retry_idle(owners);
	address_map_finish(&owners->map);
}
