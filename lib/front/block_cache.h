/* SPDX-License-Identifier: MIT */
/*
 * Block cache: medium blocks a thread has freed, kept whole for its next requests.
 *
 * Between 1 KiB and 32 KiB a block is the strategy's, behind a lock, and merged when it is freed,
 * only to be split again by the next request. A thread keeps a few of them: to the strategy they
 * are live, to everybody else they are free, which the mark in their second word says (slab.h).
 *
 * Each doubling of sizes has 16 bins; a block lies in the one its size falls into, and says how
 * large it is. A request takes the first block of its own bin if that is large enough, else the
 * first of the next bin, all of which are: so it finds a block of its own size at once if it is
 * always the same that is asked for, one an eighth larger at most if sizes are drawn at random, and
 * a block never is larger than when the strategy made it.
 *
 * A bin has room for so many blocks. It gets twice as much when one was missed after several were
 * turned away, as many as it has room for, so not where sizes come and go at random; and as long as
 * all room together is within the budget. It loses it when for a while nothing came or went.
 */
#ifndef FRONT_BLOCK_CACHE_H
#define FRONT_BLOCK_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bits.h"
#include "base/compiler.h"

struct heap;

enum {
	CACHE_BYTES_MIN_SHIFT = 10,
	CACHE_BYTES_END_SHIFT = 15,
	/* Usable bytes of what is cached: of blocks for requests of 1 KiB to 32 KiB. */
	CACHE_BYTES_MIN = 1 << CACHE_BYTES_MIN_SHIFT,
	CACHE_BYTES_END = (1 << CACHE_BYTES_END_SHIFT) + 32,
	CACHE_BINS_SHIFT = 4, /* in a doubling */
	CACHE_BINS = ((CACHE_BYTES_END_SHIFT - CACHE_BYTES_MIN_SHIFT) << CACHE_BINS_SHIFT) + 1,
	CACHE_BUDGET_BYTES = 1 << 20, /* room of all bins together */
	/* Of a bin at first. A thread may only free, and never take. */
	CACHE_ROOM_BYTES = 16 << 10,
	CACHE_ROOM_BLOCKS = 2,
	CACHE_REFUSED_MAX = 8, /* so many blocks turned away are a batch for sure */
	CACHE_LOOKS_MAX = 4, /* at blocks of a bin, for one that is aligned */
	CACHE_AGE_MAX = 256, /* misses after which idle bins are emptied */
};

/* A block in the cache; the first two words are as those of a free object of a slab. */
struct cached_block {
	struct cached_block *next;
	uintptr_t mark;
	size_t usable_bytes;
};

/* What the long ways know of a bin. */
struct cache_bin {
	int16_t capacity;  /* blocks and room; 0: not in use */
	uint8_t room_when_aged;
	uint8_t refused;   /* so many blocks were turned away since one was missed, or more */
	bool was_wanted;   /* a block was turned away or missed since bins were aged */
};

struct block_cache {
	/*
	 * By bin, apart from each other, so that the processor finds them by its scaled addresses.
	 * And one that is always empty, so that every bin has a next one.
	 */
	struct cached_block *heads[CACHE_BINS + 1];
	int16_t rooms[CACHE_BINS]; /* for so many blocks more */
	struct cache_bin bins[CACHE_BINS];
	size_t capacity_bytes; /* of all bins */
	uint32_t age;          /* misses since idle bins were looked for */
};

/*
 * The bin of `bytes`, from CACHE_BYTES_MIN to below CACHE_BYTES_END. A float's upper bits are the
 * doubling and the leading bits within it, and to ask for them takes fewer instructions than to
 * count and shift; so small a number is exact.
 */
ALLOT_INLINE size_t cache_bin_of(size_t bytes)
{
	enum { FLOAT_FRACTION_BITS = 23, FLOAT_BIAS = 127 };
	float number = (float)(int32_t)bytes;
	uint32_t bits;
	memcpy(&bits, &number, sizeof(bits));
	return (size_t)(bits >> (FLOAT_FRACTION_BITS - CACHE_BINS_SHIFT)) -
	       ((FLOAT_BIAS + CACHE_BYTES_MIN_SHIFT) << CACHE_BINS_SHIFT);
}

/* The smallest block of a bin. */
static inline size_t cache_bin_bytes(size_t bin)
{
	size_t leading = ((size_t)1 << CACHE_BINS_SHIFT) + (bin & ((1 << CACHE_BINS_SHIFT) - 1));
	size_t doubling = bin >> CACHE_BINS_SHIFT;
	return leading << (doubling + CACHE_BYTES_MIN_SHIFT - CACHE_BINS_SHIFT);
}

/*
 * A block that comes from the strategy may have the mark still, of an object that was there before:
 * it is not to look as if it were in a cache.
 */
static inline void block_cache_clear(void *p)
{
	((struct cached_block *)p)->mark = 0;
}

/* The first block of a bin that is not empty. */
ALLOT_INLINE void *cache_bin_pop(struct block_cache *cache, size_t bin)
{
	struct cached_block *block = cache->heads[bin];
	cache->heads[bin] = block->next;
	cache->rooms[bin]++;
	block->mark = 0;
	return block;
}

/* A block of at least `bytes`, which is within what is cached, or NULL. */
ALLOT_INLINE void *block_cache_take(struct block_cache *cache, size_t bytes)
{
	size_t bin = cache_bin_of(bytes);
	if (likely(cache->heads[bin] != NULL) && likely(cache->heads[bin]->usable_bytes >= bytes))
		return cache_bin_pop(cache, bin);
	return cache->heads[bin + 1] != NULL ? cache_bin_pop(cache, bin + 1) : NULL;
}

/* As block_cache_take(), at a multiple of `align`. */
void *block_cache_take_aligned(struct block_cache *cache, size_t bytes, size_t align);

/* Put in a live block. False: there is no room. */
ALLOT_INLINE bool block_cache_put(struct block_cache *cache, void *p, size_t usable_bytes,
				  uintptr_t mark)
{
	struct cached_block *block = p;
	size_t bin = cache_bin_of(usable_bytes);
	int16_t *room = cache->rooms + bin;
	struct cached_block **head = cache->heads + bin;
	if (unlikely(--*room < 0)) {
		*room = 0;
		return false;
	}
	block->next = *head;
	block->mark = mark;
	block->usable_bytes = usable_bytes;
	*head = block;
	return true;
}

/*
 * A block of that size found no room, a request no block: change how much room its bin has. Returns
 * whether there is room now.
 */
bool block_cache_refused(struct block_cache *cache, size_t usable_bytes);
void block_cache_missed(struct block_cache *cache, struct heap *heap, size_t bytes);

/* Give all blocks back to the strategy. */
void block_cache_flush(struct block_cache *cache, struct heap *heap);

#endif
