/* SPDX-License-Identifier: MIT */
/*
 * Pages by mmap, the default: address space is reserved in large ranges, committed piece by piece
 * from the bottom, and given back from the top. A new range is made only when the last is full.
 */
#include "pages/source.h"

#include "os/map.h"

static bool mmap_grow(struct page_source *source, size_t bytes, struct span *out_span)
{
	if (source->last != NULL && source_region_extend(source, source->last, bytes, out_span))
		return true;
	return source_region_map(source, bytes, out_span);
}

static bool mmap_release(struct page_source *source, uintptr_t base, size_t bytes)
{
	(void)source;
	return os_release(base, bytes);
}

static void mmap_finish(struct page_source *source)
{
	for (struct region *region = source->first; region != NULL; region = region->next) {
		owners_disclaim(source->owners, region->base,
				region->base + region->reserved_bytes);
		os_unmap(region->base, region->reserved_bytes);
	}
}

static const struct page_source_type mmap_type = {
	.name = "mmap",
	.grow = mmap_grow,
	.shrink = source_region_cut,
	.release = mmap_release,
	.finish = mmap_finish,
};

ALLOT_START void source_mmap_init(struct page_source *source, struct owners *owners, void *heap,
				  size_t unit_bytes)
{
	source_init(source, &mmap_type, owners, heap, unit_bytes);
}
