/* SPDX-License-Identifier: MIT */
/*
 * Block cache: medium blocks a thread has freed, kept whole for its next requests of the size.
 *
 * Between 1 KiB and 32 KiB a block is the strategy's, behind a lock, and merged when it is freed,
 * only to be split again by the next request. A thread keeps a few of them: to the strategy they
 * are live, to everybody else they are free, which the mark in their second word says (slab.h).
 *
 * The cache is a table by size, without chains: sizes that meet in an entry put each other out. An
 * entry has room for so many blocks. It gets more when blocks were turned away and then missed, as
 * long as all room together is within the budget, and loses it when for a while nothing came or
 * went.
 */
#ifndef FRONT_BLOCK_CACHE_H
#define FRONT_BLOCK_CACHE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

struct heap;

enum {
	CACHE_STEP_BYTES = 16,
	CACHE_BLOCK_BYTES_MAX = (32 << 10) + CACHE_STEP_BYTES, /* 32 KiB and a tag */
	CACHE_BUDGET_BYTES = 1 << 20, /* room of all entries together */
	/* Of an entry at first. A thread may only free, and never take. */
	CACHE_ROOM_BYTES = 32 << 10,
	CACHE_ROOM_BLOCKS = 4,
	CACHE_ENTRIES = 64,
	CACHE_AGE_MAX = 256,          /* misses after which idle entries are emptied */
};

/* A block in the cache; the first two words are as those of a free object of a slab. */
struct cached_block {
	struct cached_block *next;
	uintptr_t mark;
};

/* What is known of an entry; its blocks serve requests of `step` steps, and each fits them all. */
struct cache_entry {
	uint16_t step;     /* 0: nobody's entry */
	int16_t room;      /* for so many blocks more */
	int16_t capacity;  /* blocks and room */
	uint8_t room_when_aged;
	bool has_refused;  /* a block was turned away; its size was not missed since */
};

struct block_cache {
	/* By entry. Apart, so that an entry's number is all that is needed to find either. */
	struct cached_block *heads[CACHE_ENTRIES];
	struct cache_entry entries[CACHE_ENTRIES];
	size_t capacity_bytes; /* of all entries */
	uint32_t age;          /* misses since idle entries were looked for */
};

/*
 * Steps of a request: sizes of blocks with a tag, so that such a block serves just the requests of
 * its own step.
 */
enum { CACHE_TAG_BYTES = 8 };

ALLOT_INLINE uint32_t cache_step(size_t bytes)
{
	return (uint32_t)((bytes + CACHE_TAG_BYTES + CACHE_STEP_BYTES - 1) / CACHE_STEP_BYTES);
}

/* The largest request of a step. */
static inline size_t cache_step_bytes(uint32_t step)
{
	return step * (size_t)CACHE_STEP_BYTES - CACHE_TAG_BYTES;
}

/* By a multiplicative hash: powers of two and their multiples must not all meet. */
ALLOT_INLINE size_t cache_index(uint32_t step)
{
	enum { GOLDEN = 0x9E3779B1, INDEX_SHIFT = 32 - 6 };
	static_assert(CACHE_ENTRIES == 1 << 6, "as many as the shift leaves");
	return step * (uint32_t)GOLDEN >> INDEX_SHIFT;
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
	size_t i = cache_index(step);
	struct cached_block *block = cache->heads[i];
	if (unlikely(block == NULL) || unlikely(cache->entries[i].step != (uint16_t)step))
		return NULL;
	cache->heads[i] = block->next;
	cache->entries[i].room++;
	block->mark = 0;
	return block;
}

/* Put in a live block that serves the requests of `step`. False: there is no room. */
ALLOT_INLINE bool block_cache_put(struct block_cache *cache, void *p, uint32_t step,
				  uintptr_t mark)
{
	struct cached_block *block = p;
	size_t i = cache_index(step);
	if (unlikely(cache->entries[i].step != (uint16_t)step))
		return false;
	if (unlikely(--cache->entries[i].room < 0)) {
		cache->entries[i].room = 0;
		return false;
	}
	block->next = cache->heads[i];
	block->mark = mark;
	cache->heads[i] = block;
	return true;
}

/*
 * A block of that step found no room, a request of it no block: change whose entry it is, and how
 * much room it has. Returns whether there is room now.
 */
bool block_cache_refused(struct block_cache *cache, struct heap *heap, uint32_t step);
void block_cache_missed(struct block_cache *cache, struct heap *heap, uint32_t step);

/* Give all blocks back to the strategy. */
void block_cache_flush(struct block_cache *cache, struct heap *heap);

#endif
