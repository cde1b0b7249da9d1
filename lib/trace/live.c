/* SPDX-License-Identifier: MIT */
/*
 * Live table: which blocks there are at this moment, by address. See live.h.
 */
#include "trace/live.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/compiler.h"

enum {
	INDEX_LOG2_MIN = 12,
	BLOCKS_FIRST = 1024,
	HUGE_PAGE_BYTES = 2 << 20,
	KEYS_LINE_LOG2 = 3, /* keys that lie beside each other: 2^3 of 16 bytes */
};

static bool index_create(struct live_table *table, unsigned log2)
{
	size_t bytes = sizeof(struct live_place) << log2;
	struct live_place *index = aligned_alloc(bytes < HUGE_PAGE_BYTES ? 64 : HUGE_PAGE_BYTES,
						 bytes);

	if (index == NULL)
		return false;
	/* Places are looked at in no order: every one would need a page's translation. */
	if (bytes >= HUGE_PAGE_BYTES)
		madvise(index, bytes, MADV_HUGEPAGE);
	memset(index, 0, bytes);
	table->index = index;
	table->index_mask = ((size_t)1 << log2) - 1;
	table->shift = 64 - (log2 - KEYS_LINE_LOG2);
	return true;
}

bool live_init(struct live_table *table)
{
	memset(table, 0, sizeof(*table));
	return index_create(table, INDEX_LOG2_MIN);
}

void live_finish(struct live_table *table)
{
	free(table->index);
	free(table->blocks);
	memset(table, 0, sizeof(*table));
}

void live_clear(struct live_table *table)
{
	memset(table->index, 0, (table->index_mask + 1) * sizeof(*table->index));
	table->block_count = table->live_count = 0;
	table->free_number = 0;
}

static void place_put(struct live_table *table, uint32_t key, uint32_t number)
{
	size_t i = live_home(table, key);

	while (table->index[i].number != 0)
		i = (i + 1) & table->index_mask;
	table->index[i] = (struct live_place){.key = key, .number = number + 1};
}

static ALLOT_COLD bool index_grow(struct live_table *table)
{
	struct live_place *before = table->index;
	size_t places = table->index_mask + 1;

	if (!index_create(table, (unsigned)__builtin_ctzl(places) + 1))
		return false;
	for (size_t i = 0; i < places; i++)
		if (before[i].number != 0)
			place_put(table, before[i].key, before[i].number - 1);
	free(before);
	return true;
}

static ALLOT_COLD bool blocks_grow(struct live_table *table)
{
	size_t capacity = table->block_capacity == 0 ? BLOCKS_FIRST : table->block_capacity * 2;

	if (capacity >= INT32_MAX)
		return false;
	struct trace_block *grown = reallocarray(table->blocks, capacity, sizeof(*grown));
	if (grown == NULL)
		return false;
	table->blocks = grown;
	table->block_capacity = capacity;
	return true;
}

/* The place that holds `number`, which is at `address`. */
static size_t place_find(const struct live_table *table, uint64_t address, uint32_t number)
{
	size_t i = live_home(table, live_key(address));

	while (table->index[i].number != number + 1)
		i = (i + 1) & table->index_mask;
	return i;
}

/* Empty place `hole`, and move up what was put behind it for want of a place further up. */
static void place_empty(struct live_table *table, size_t hole)
{
	size_t mask = table->index_mask;

	for (size_t i = (hole + 1) & mask; table->index[i].number != 0; i = (i + 1) & mask) {
		size_t home = live_home(table, table->index[i].key);
		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		table->index[hole] = table->index[i];
		hole = i;
	}
	table->index[hole].number = 0;
}

bool live_reserve(struct live_table *table)
{
	if (unlikely(table->live_count * 2 > table->index_mask) && !index_grow(table))
		return false;
	if (unlikely(table->free_number == 0 && table->block_count == table->block_capacity))
		return blocks_grow(table);
	return true;
}

uint32_t live_add(struct live_table *table, size_t place, const struct trace_block *block)
{
	uint32_t number = table->free_number - 1;

	if (table->free_number != 0)
		table->free_number = table->blocks[number].stack;
	else
		number = (uint32_t)table->block_count++;
	table->blocks[number] = *block;
	table->live_count++;
	table->index[place] = (struct live_place){
		.key = live_key(block->address),
		.number = number + 1,
	};
	return number;
}

void live_remove(struct live_table *table, size_t place)
{
	uint32_t number = table->index[place].number - 1;

	place_empty(table, place);
	table->live_count--;
	table->blocks[number].stack = table->free_number;
	table->free_number = number + 1;
}

void live_change(struct live_table *table, uint32_t number, const struct trace_block *block)
{
	uint64_t before = table->blocks[number].address;

	if (before != block->address) {
		place_empty(table, place_find(table, before, number));
		place_put(table, live_key(block->address), number);
	}
	table->blocks[number] = *block;
}
