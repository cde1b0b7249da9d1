/* SPDX-License-Identifier: MIT */
/*
 * Pages in memory of the caller's: a heap inside a buffer, for embedding and for replaying a
 * trace on an address range of one's choice. One region, handed out whole on the first call.
 */
#include "pages/source.h"

#include <string.h>

#include "base/bits.h"

/* Make memory read as zero, without touching pages that do already. */
static void clear(unsigned char *bytes, size_t count, size_t page_bytes)
{
	static const unsigned char zeros[64];
	for (size_t page = 0; page < count; page += page_bytes) {
		for (size_t i = 0; i < page_bytes; i += sizeof(zeros)) {
			if (memcmp(bytes + page + i, zeros, sizeof(zeros)) != 0) {
				memset(bytes + page, 0, page_bytes);
				break;
			}
		}
	}
}

static bool buffer_grow(struct page_source *source, size_t bytes, struct span *out_span)
{
	uintptr_t base = align_up(source->buffer_base, source->unit_bytes);
	uintptr_t end = align_down(source->buffer_base + source->buffer_bytes, source->unit_bytes);
	if (source->buffer_is_used || base >= end || end - base < bytes)
		return false;
	struct region *region = source_region_add(source, base);
	if (region == NULL)
		return false;
	if (!owners_claim(source->owners, region, base, end)) {
		source_region_drop_last(source);
		return false;
	}
	source->buffer_is_used = true;
	clear((unsigned char *)base, end - base, source->page_bytes);
	region->reserved_bytes = end - base;
	source_region_resized(source, region, end - base);
	*out_span = (struct span){.base = base, .bytes = end - base, .region = region};
	return true;
}

static bool buffer_shrink(struct page_source *source, struct region *region, size_t bytes)
{
	(void)source, (void)region, (void)bytes;
	return false;
}

static bool buffer_release(struct page_source *source, uintptr_t base, size_t bytes)
{
	(void)source, (void)base, (void)bytes;
	return false;
}

static void buffer_finish(struct page_source *source)
{
	struct region *region = source->first;
	if (region != NULL)
		owners_disclaim(source->owners, region->base, region->base + region->bytes);
}

static const struct page_source_type buffer_type = {
	.name = "buffer",
	.grow = buffer_grow,
	.shrink = buffer_shrink,
	.release = buffer_release,
	.finish = buffer_finish,
};

void source_buffer_init(struct page_source *source, struct owners *owners, void *heap,
			size_t unit_bytes, void *buffer, size_t buffer_bytes)
{
	source_init(source, &buffer_type, owners, heap, unit_bytes);
	source->buffer_base = (uintptr_t)buffer;
	source->buffer_bytes = buffer_bytes;
}
