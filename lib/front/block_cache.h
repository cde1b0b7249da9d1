/* SPDX-License-Identifier: MIT */
/*
 * Block cache: medium blocks a thread has freed, kept whole for its next requests of the size.
 *
 * Between 1 KiB and 32 KiB a block is the strategy's, behind a lock, and merged when it is freed,
 * only to be split again by the next request. A thread keeps a few of them: to the strategy they
 * are live, to everybody else they are free, which the mark in their second word says (slab.h).
 *
 * The cache is a table by size, without chains: sizes that meet in an entry put each other out.
 * What it holds is bounded by bytes and by blocks of a size; what does not fit goes back to the
 * strategy, all blocks of the entry at once.
 */
#ifndef FRONT_BLOCK_CACHE_H
#define FRONT_BLOCK_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

struct heap;
struct block_size;

enum {
	CACHE_STEP_BYTES = 16,
	CACHE_BLOCK_BYTES_MAX = 32 << 10,
	CACHE_BYTES_MAX = 128 << 10,
	CACHE_ENTRIES = 64,
	CACHE_ENTRY_BLOCKS_MAX = 16,
};

/* A block in the cache; the first two words are as those of a free object of a slab. */
struct cached_block {
	struct cached_block *next;
	uintptr_t mark;
	size_t usable_bytes;
};

/* Blocks of one size: of requests that need `step` times 16 bytes. */
struct cache_entry {
	struct cached_block *head;
	uint32_t step;
	uint32_t count;
};

struct block_cache {
	size_t bytes; /* in all entries */
	struct cache_entry entries[CACHE_ENTRIES];
};

static inline uint32_t cache_step(size_t bytes)
{
	return (uint32_t)((bytes + CACHE_STEP_BYTES - 1) / CACHE_STEP_BYTES);
}

/* Powers of two and their multiples must not all meet. */
ALLOT_INLINE struct cache_entry *cache_entry_of(struct block_cache *cache, uint32_t step)
{
	return &cache->entries[(step ^ step >> 5) % CACHE_ENTRIES];
}

/*
 * A block that comes from the strategy may have the mark still, of an object that was there before:
 * it is not to look as if it were in a cache.
 */
static inline void block_cache_clear(void *p)
{
	((struct cached_block *)p)->mark = 0;
}

/* A block of at least `bytes` for a request that is no larger than the largest, or NULL. */
ALLOT_INLINE void *block_cache_take(struct block_cache *cache, size_t bytes)
{
	uint32_t step = cache_step(bytes);
	struct cache_entry *entry = cache_entry_of(cache, step);
	struct cached_block *block = entry->head;
	if (block == NULL || entry->step != step || block->usable_bytes < bytes)
		return NULL;
	entry->head = block->next;
	entry->count--;
	cache->bytes -= block->usable_bytes;
	block->mark = 0;
	return block;
}

/* Put in a block of that size, which is live. False: there are enough of them. */
bool block_cache_put(struct block_cache *cache, struct heap *heap, void *p,
		     const struct block_size *size);

/* Give all blocks back to the strategy. */
void block_cache_flush(struct block_cache *cache, struct heap *heap);

#endif
