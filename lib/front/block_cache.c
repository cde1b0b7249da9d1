/* SPDX-License-Identifier: MIT */
/*
 * Putting blocks into a cache, and giving them back. See block_cache.h.
 */
#include "front/block_cache.h"

#include "front/heap.h"

static void entry_flush(struct block_cache *cache, struct cache_entry *entry, struct heap *heap)
{
	struct cached_block *block = entry->head;
	entry->head = NULL;
	entry->count = 0;
	while (block != NULL) {
		struct cached_block *next = block->next;
		cache->bytes -= block->usable_bytes;
		block->mark = 0;
		heap_block_destroy(heap, block);
		block = next;
	}
}

void block_cache_flush(struct block_cache *cache, struct heap *heap)
{
	for (size_t i = 0; i < CACHE_ENTRIES; i++)
		entry_flush(cache, &cache->entries[i], heap);
}

bool block_cache_put(struct block_cache *cache, struct heap *heap, void *p,
		     const struct block_size *size)
{
	struct cached_block *block = p;
	uint32_t step = cache_step(size->requested_bytes);
	struct cache_entry *entry = cache_entry_of(cache, step);
	if (entry->step != step) {
		entry_flush(cache, entry, heap);
		entry->step = step;
	} else if (entry->count == CACHE_ENTRY_BLOCKS_MAX) {
		return false;
	}
	if (cache->bytes + size->usable_bytes > CACHE_BYTES_MAX)
		block_cache_flush(cache, heap);
	*block = (struct cached_block){
		.next = entry->head,
		.mark = free_mark(front_entry(&heap->front, p), p),
		.usable_bytes = size->usable_bytes,
	};
	entry->head = block;
	entry->count++;
	cache->bytes += size->usable_bytes;
	return true;
}
