/* SPDX-License-Identifier: MIT */
/*
 * Whose entries are, their room, and giving blocks back. See block_cache.h.
 */
#include "front/block_cache.h"

#include "front/heap.h"

static void entry_empty(struct block_cache *cache, size_t i, struct heap *heap)
{
	struct cached_block *block = cache->heads[i];
	cache->heads[i] = NULL;
	cache->entries[i].room = cache->entries[i].capacity;
	while (block != NULL) {
		struct cached_block *next = block->next;
		block->mark = 0;
		heap_block_destroy(heap, block);
		block = next;
	}
}

/* Set the capacity of an entry, as far as the budget goes. */
static void entry_resize(struct block_cache *cache, struct cache_entry *entry, size_t capacity)
{
	size_t block_bytes = entry->step * (size_t)CACHE_STEP_BYTES;
	size_t others_bytes = cache->capacity_bytes - (size_t)entry->capacity * block_bytes;
	size_t most = size_minus(CACHE_BUDGET_BYTES, others_bytes) / block_bytes;
	size_t used = (size_t)(entry->capacity - entry->room);
	capacity = size_max(size_min(size_min(capacity, most), INT16_MAX), used);
	cache->capacity_bytes = others_bytes + capacity * block_bytes;
	entry->capacity = (int16_t)capacity;
	entry->room = (int16_t)(capacity - used);
}

/* It is nobody's entry from here on. */
static void entry_clear(struct block_cache *cache, size_t i, struct heap *heap)
{
	struct cache_entry *entry = &cache->entries[i];
	entry_empty(cache, i, heap);
	cache->capacity_bytes -= (size_t)entry->capacity * entry->step * CACHE_STEP_BYTES;
	*entry = (struct cache_entry){0};
}

void block_cache_flush(struct block_cache *cache, struct heap *heap)
{
	for (size_t i = 0; i < CACHE_ENTRIES; i++) {
		if (cache->entries[i].step != 0)
			entry_clear(cache, i, heap);
	}
}

bool block_cache_refused(struct block_cache *cache, struct heap *heap, uint32_t step)
{
	size_t i = cache_index(step);
	struct cache_entry *entry = &cache->entries[i];
	if (entry->step == step) {
		entry->has_refused = true;
		return false;
	}
	if (entry->step != 0)
		entry_clear(cache, i, heap);
	entry->step = (uint16_t)step;
	size_t capacity = CACHE_ROOM_BYTES / (step * (size_t)CACHE_STEP_BYTES);
	entry_resize(cache, entry, size_max(size_min(capacity, CACHE_ROOM_BLOCKS), 1));
	return entry->room > 0;
}

/*
 * Nobody has put in or taken out a block since last time, or as many of both: what is in there is
 * given back, and the room with it. (As many of both is a mistake that costs little.)
 */
static void entries_age(struct block_cache *cache, struct heap *heap)
{
	for (size_t i = 0; i < CACHE_ENTRIES; i++) {
		struct cache_entry *entry = &cache->entries[i];
		if (entry->step != 0 && entry->room_when_aged == (uint8_t)entry->room)
			entry_clear(cache, i, heap);
		else
			entry->room_when_aged = (uint8_t)entry->room;
	}
}

void block_cache_missed(struct block_cache *cache, struct heap *heap, uint32_t step)
{
	struct cache_entry *entry = &cache->entries[cache_index(step)];
	if (entry->step == step && entry->has_refused) {
		entry->has_refused = false;
		entry_resize(cache, entry, (size_t)entry->capacity * 2 + 1);
	}
	if (++cache->age == CACHE_AGE_MAX) {
		cache->age = 0;
		entries_age(cache, heap);
	}
}
