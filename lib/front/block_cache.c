/* SPDX-License-Identifier: MIT */
/*
 * The room of bins, aligned blocks, and giving blocks back. See block_cache.h.
 */
#include "front/block_cache.h"

#include "front/heap.h"

/* Set the capacity of a bin, as far as the budget goes. */
static void bin_resize(struct block_cache *cache, size_t index, size_t capacity)
{
	struct cache_bin *bin = &cache->bins[index];
	size_t block_bytes = cache_bin_bytes(index);
	size_t others_bytes = cache->capacity_bytes - (size_t)bin->capacity * block_bytes;
	size_t most = size_minus(CACHE_BUDGET_BYTES, others_bytes) / block_bytes;
	size_t used = (size_t)(bin->capacity - cache->rooms[index]);
	capacity = size_max(size_min(size_min(capacity, most), INT16_MAX), used);
	cache->capacity_bytes = others_bytes + capacity * block_bytes;
	bin->capacity = (int16_t)capacity;
	cache->rooms[index] = (int16_t)(capacity - used);
}

/* Without blocks, and without room, from here on. */
static void bin_clear(struct block_cache *cache, size_t index, struct heap *heap)
{
	struct cached_block *block = cache->heads[index];
	cache->capacity_bytes -=
		(size_t)cache->bins[index].capacity * cache_bin_bytes(index);
	cache->bins[index] = (struct cache_bin){0};
	cache->heads[index] = NULL;
	cache->rooms[index] = 0;
	while (block != NULL) {
		struct cached_block *next = block->next;
		block->mark = 0;
		heap_block_destroy(heap, block);
		block = next;
	}
}

void block_cache_flush(struct block_cache *cache, struct heap *heap)
{
	for (size_t i = 0; i < CACHE_BINS; i++) {
		if (cache->bins[i].capacity != 0)
			bin_clear(cache, i, heap);
	}
}

void *block_cache_take_aligned(struct block_cache *cache, size_t bytes, size_t align)
{
	size_t own = cache_bin_of(bytes);
	for (size_t bin = own; bin <= own + 1; bin++) {
		struct cached_block **link = &cache->heads[bin];
		for (int looks = 0; *link != NULL && looks < CACHE_LOOKS_MAX; looks++) {
			struct cached_block *block = *link;
			if ((uintptr_t)block % align == 0 && block->usable_bytes >= bytes) {
				*link = block->next;
				cache->rooms[bin]++;
				block->mark = 0;
				return block;
			}
			link = &block->next;
		}
	}
	return NULL;
}

bool block_cache_refused(struct block_cache *cache, size_t usable_bytes)
{
	size_t index = cache_bin_of(usable_bytes);
	struct cache_bin *bin = &cache->bins[index];
	if (bin->capacity != 0) {
		bin->refused = (uint8_t)size_min(bin->refused + 1U, CACHE_REFUSED_MAX);
		bin->was_wanted = true;
		return false;
	}
	bin_resize(cache, index,
		   size_max(size_min(CACHE_ROOM_BYTES / usable_bytes, CACHE_ROOM_BLOCKS), 1));
	return cache->rooms[index] > 0;
}

/*
 * Nobody has put in or taken out a block since last time: what is in there is given back, and the
 * room with it. (So it is where just as many went in and out. That costs little: of blocks that
 * are asked for at random, some are missed.)
 */
static void bins_age(struct block_cache *cache, struct heap *heap)
{
	for (size_t i = 0; i < CACHE_BINS; i++) {
		struct cache_bin *bin = &cache->bins[i];
		if (bin->capacity != 0 && !bin->was_wanted &&
		    bin->room_when_aged == (uint8_t)cache->rooms[i])
			bin_clear(cache, i, heap);
		bin->was_wanted = false;
		bin->room_when_aged = (uint8_t)cache->rooms[i];
	}
}

void block_cache_missed(struct block_cache *cache, struct heap *heap, size_t bytes)
{
	size_t index = cache_bin_of(bytes);
	struct cache_bin *bin = &cache->bins[index];
	bin->was_wanted = true;
	if (bin->refused > 0 &&
	    bin->refused >= size_min((size_t)bin->capacity, CACHE_REFUSED_MAX))
		bin_resize(cache, index, (size_t)bin->capacity * 2 + 1);
	bin->refused = 0;
	if (++cache->age == CACHE_AGE_MAX) {
		cache->age = 0;
		bins_age(cache, heap);
	}
}
