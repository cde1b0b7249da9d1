/* SPDX-License-Identifier: MIT */
/*
 * Live table: which blocks there are at this moment, by address.
 *
 * Two tables. Blocks lie in an array by their number, and the number freed last is given out first,
 * so that the part in use stays small and in the cache. An index by address, 8 bytes a place and at
 * most half full, has their numbers. Places of 128 bytes of addresses lie beside each other in it,
 * as their blocks do in a program's memory: what is used together is found together.
 */
#ifndef TRACE_LIVE_H
#define TRACE_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <allot/trace.h>

#include "base/compiler.h"

/* A place of the index: empty when `number` is 0. */
struct live_place {
	uint32_t key;    /* bits of the address: all that the place depends on */
	uint32_t number; /* plus 1 */
};

struct live_table {
	struct live_place *index;
	size_t index_mask; /* places less 1, a power of two */
	unsigned shift;
	struct trace_block *blocks; /* by number; not in use: `stack` is the next such */
	size_t block_capacity, block_count; /* block_count: numbers ever given out */
	size_t live_count;
	uint32_t free_number; /* plus 1; 0: none */
};

enum { LIVE_NONE = -1 };

bool live_init(struct live_table *table);
void live_finish(struct live_table *table);
void live_clear(struct live_table *table);

/* Where a key belongs. */
static inline size_t live_home(const struct live_table *table, uint32_t key)
{
	/* The odd number nearest to 2^64 divided by the golden ratio spreads neighbours. */
	uint64_t line = (uint64_t)(key >> 3) * UINT64_C(0x9e3779b97f4a7c15);
	return (size_t)((line >> table->shift) << 3 | (key & 7));
}

static inline uint32_t live_key(uint64_t address)
{
	return (uint32_t)(address >> 4);
}

/*
 * Bring what live_look() for `address` will look at nearer. Always inline: a call of what does
 * nothing but that is otherwise taken for a call of nothing, and left out.
 */
ALLOT_INLINE void live_prefetch(const struct live_table *table, uint64_t address)
{
	__builtin_prefetch(&table->index[live_home(table, live_key(address))]);
}

/*
 * Number of the block at `address`, or LIVE_NONE; `*out_place` is its place in the index, or the
 * one it would get. Inline, as every event asks (fast path).
 */
static inline int64_t live_look(const struct live_table *table, uint64_t address,
				size_t *out_place)
{
	uint32_t key = live_key(address);
	size_t i = live_home(table, key);

	for (; table->index[i].number != 0; i = (i + 1) & table->index_mask) {
		uint32_t number = table->index[i].number - 1;
		if (table->index[i].key == key && table->blocks[number].address == address) {
			*out_place = i;
			return number;
		}
	}
	*out_place = i;
	return LIVE_NONE;
}

static inline int64_t live_find(const struct live_table *table, uint64_t address)
{
	size_t place;
	return live_look(table, address, &place);
}

/* Make room for one block more; places change. False: out of memory. */
bool live_reserve(struct live_table *table);

/*
 * Add a block, whose address is not in the table, at the place live_look() said, after
 * live_reserve(). Its number.
 */
uint32_t live_add(struct live_table *table, size_t place, const struct trace_block *block);

/* Take the block at `place` out; it may be read until the next live_add(). */
void live_remove(struct live_table *table, size_t place);

/* The block becomes `block`, at an address that is not in the table or is its own. */
void live_change(struct live_table *table, uint32_t number, const struct trace_block *block);

#endif
