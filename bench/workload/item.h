/* SPDX-License-Identifier: MIT */
/*
 * Items: blocks with something in them, for workloads that care for sizes and lifetimes only.
 *
 * A small item is written in full, as a program writes what it has just allocated; of a larger one
 * the start, and then a byte on each of its pages.
 */
#ifndef ALLOT_WORKLOAD_ITEM_H
#define ALLOT_WORKLOAD_ITEM_H

#include "heap.h"

#include <string.h>

enum {
	ITEM_WHOLE_BYTES = 1024,  /* so much is written in full */
	ITEM_STRIDE_BYTES = 4096, /* from one byte to the next behind that */
};

/* A block of at least 8 bytes, or nothing: NULL. */
struct item {
	unsigned char *block;
	size_t bytes;
};

/* Write into the item what item_sum() will tell: it depends on `seed` and the size. */
static inline void item_write(const struct item *item, uint64_t seed)
{
	size_t whole_bytes = item->bytes < ITEM_WHOLE_BYTES ? item->bytes : ITEM_WHOLE_BYTES;
	memset(item->block, (int)(seed & 0xff), whole_bytes);
	memcpy(item->block, &seed, sizeof(seed));
	for (size_t i = ITEM_WHOLE_BYTES; i < item->bytes; i += ITEM_STRIDE_BYTES)
		item->block[i] = (unsigned char)seed;
	item->block[item->bytes - 1] = (unsigned char)seed;
}

/* A new item of `bytes`, written. */
static inline struct item item_take(size_t bytes, uint64_t seed)
{
	struct item item = {heap_take(bytes), bytes};
	item_write(&item, seed);
	return item;
}

/* A number made of the item's first word, its last byte and its size; 0 for no item. */
static inline uint64_t item_sum(const struct item *item)
{
	uint64_t word;
	if (item->block == NULL)
		return 0;
	memcpy(&word, item->block, sizeof(word));
	return (word ^ item->bytes) * (item->block[item->bytes - 1] | 1U);
}

/* Free the item, which may be none, and return its sum. */
static inline uint64_t item_give(struct item *item)
{
	uint64_t sum = item_sum(item);
	if (item->block != NULL)
		heap_give(item->block);
	item->block = NULL;
	return sum;
}

#endif
