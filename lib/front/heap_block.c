/* SPDX-License-Identifier: MIT */
/*
 * What block an address belongs to, and what is said of one that belongs to none. See heap_parts.h.
 */
#include "front/heap_parts.h"

/* ---- finding out about an address ---- */

void heap_mapping_read(const struct mapping *mapping, struct block_info *out)
{
	*out = (struct block_info){
		.payload = mapping->base,
		.block_bytes = mapping->mapped_bytes,
		.usable_bytes = mapping->mapped_bytes,
		.requested_bytes = mapping->requested_bytes,
		.state = BLOCK_LIVE,
	};
}

bool heap_owns(const struct heap *heap, const void *p)
{
	struct mapping mapping;
	struct region *region = owners_region(&heap->owners, (uintptr_t)p);
	if (region != NULL)
		return (uintptr_t)p - region->base < region_reserved_bytes(region);
	return mapping_find(&heap->owners, p, &mapping);
}

bool heap_describe_small(const struct front *front, const struct slab *slab, const void *p,
			 struct block_info *out)
{
	if (!slab_object_is_live(slab, p))
		return false;
	size_t bytes = class_bytes(slab->own.class);
	*out = (struct block_info){
		.payload = (uintptr_t)p,
		.block_bytes = bytes,
		.usable_bytes = bytes,
		.requested_bytes = bytes - slab_slack(front, p),
		.state = BLOCK_LIVE,
	};
	return true;
}

bool heap_block_size(struct heap *heap, void *p, struct block_size *out)
{
	struct region *region = owners_region(&heap->owners, (uintptr_t)p);
	if (region == NULL)
		return false;
	struct arena *arena = region->heap;
	if (likely(arena->strategy->size != NULL))
		return arena->strategy->size(arena->state, region, p, out);
	struct block_info info;
	if (!arena->strategy->describe(arena->state, region, p, &info))
		return false;
	*out = (struct block_size){info.usable_bytes, info.requested_bytes};
	return true;
}

bool heap_describe(struct heap *heap, const void *p, struct block_info *out)
{
	struct mapping mapping;
	const struct slab *slab = front_slab(&heap->front, p);
	if (slab != NULL)
		return heap_describe_small(&heap->front, slab, p, out);
	struct region *region = owners_region(&heap->owners, (uintptr_t)p);
	if (region != NULL)
		return heap_describe_block(region, p, out) && !block_is_cached(heap, out);
	if (!mapping_find(&heap->owners, p, &mapping) || !mapping.is_live)
		return false;
	heap_mapping_read(&mapping, out);
	return true;
}

size_t heap_usable_bytes(struct heap *heap, const void *p)
{
	struct block_info block;
	look_begin(heap);
	bool is_live = heap_describe(heap, p, &block);
	look_end(heap);
	return is_live ? block.usable_bytes : 0;
}

/* ---- reporting ---- */

void heap_report(struct heap *heap, struct arena *arena, const char *call)
{
	struct heap_fault report = {
		.fault = arena->core->fault,
		.call = call,
		.strategy = arena->strategy->name,
	};
	if (report.fault.kind == FAULT_NONE)
		return;
	arena->core->fault = (struct fault){0};
	heap->config.report(&report, heap->config.report_context);
}

void heap_report_foreign(struct heap *heap, const void *p, const char *call)
{
	struct mapping mapping;
	struct heap_fault report = {
		.fault = {FAULT_FOREIGN, (uintptr_t)p, 0, 0},
		.call = call,
		.strategy = heap->first->strategy->name,
	};
	if (mapping_find(&heap->owners, p, &mapping) && !mapping.is_live) {
		report.fault = (struct fault){FAULT_DOUBLE_FREE, (uintptr_t)p, mapping.base,
					      mapping.mapped_bytes};
		report.strategy = "mapping";
	} else if (mapping_containing(&heap->owners, p, &mapping)) {
		bool is_aligned_address = is_aligned((uintptr_t)p, ALIGN_BYTES);
		report.fault = (struct fault){is_aligned_address ? FAULT_INTERIOR :
								   FAULT_MISALIGNED,
					      (uintptr_t)p, mapping.base, mapping.mapped_bytes};
		report.strategy = "mapping";
	}
	heap->config.report(&report, heap->config.report_context);
}

void heap_report_cached(struct heap *heap, const struct block_info *block, const char *call)
{
	struct heap_fault report = {
		.fault = {FAULT_DOUBLE_FREE, block->payload, block->payload, block->block_bytes},
		.call = call,
	};
	heap->config.report(&report, heap->config.report_context);
}
