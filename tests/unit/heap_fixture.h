/* SPDX-License-Identifier: MIT */
/*
 * A heap in a buffer, so that where its blocks lie is known: what tests of strategies start from.
 */
#ifndef UNIT_HEAP_FIXTURE_H
#define UNIT_HEAP_FIXTURE_H

#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

#include "allot/allot.h"

enum { HEAP_BUFFER_BYTES = 16 << 20 };

static _Alignas(4096) unsigned char heap_buffer[HEAP_BUFFER_BYTES];

/* A heap that has `bytes` of the buffer. */
static inline struct allot_heap *heap_in_buffer(const char *conf, size_t bytes)
{
	char why[256] = "";
	struct allot_heap *heap = allot_heap_create_in(heap_buffer, bytes, conf, why, sizeof(why));
	cr_assert_not_null(heap, "%s: %s", conf, why);
	return heap;
}

static inline struct allot_heap *heap_of(const char *conf)
{
	char why[256] = "";
	struct allot_heap *heap = allot_heap_create(conf, why, sizeof(why));
	cr_assert_not_null(heap, "%s: %s", conf == NULL ? "" : conf, why);
	return heap;
}

static inline void expect_whole(struct allot_heap *heap)
{
	char why[256] = "";
	cr_expect(allot_heap_check(heap, why, sizeof(why)), "%s", why);
}

static inline void heap_end(struct allot_heap *heap)
{
	expect_whole(heap);
	allot_heap_destroy(heap);
}

static inline void *take(struct allot_heap *heap, size_t bytes)
{
	void *p = allot_heap_allocate(heap, bytes);
	cr_assert_not_null(p);
	memset(p, 0x5A, bytes);
	return p;
}

static inline struct allot_statistics statistics_of(struct allot_heap *heap)
{
	struct allot_statistics statistics;
	allot_heap_statistics(heap, &statistics);
	return statistics;
}

/* ---- one block ---- */

struct block_search {
	const void *payload;
	struct allot_block found;
	bool is_found;
};

static inline bool block_search_visit(const struct allot_block *block, void *context)
{
	struct block_search *search = context;
	if (block->payload != search->payload)
		return true;
	search->found = *block;
	search->is_found = true;
	return false;
}

/* The block at `payload` as the walk sees it. */
static inline struct allot_block block_at(struct allot_heap *heap, const void *payload)
{
	struct block_search search = {.payload = payload};
	allot_heap_walk(heap, block_search_visit, &search);
	cr_assert(search.is_found, "no block at %p", payload);
	return search.found;
}

/* ---- blocks by state ---- */

struct block_counts {
	size_t live;
	size_t free;
	size_t deferred;
};

static inline bool block_counts_visit(const struct allot_block *block, void *context)
{
	struct block_counts *counts = context;
	counts->live += block->state == ALLOT_BLOCK_LIVE;
	counts->free += block->state == ALLOT_BLOCK_FREE;
	counts->deferred += block->state == ALLOT_BLOCK_DEFERRED;
	return true;
}

static inline struct block_counts counts_of(struct allot_heap *heap)
{
	struct block_counts counts = {0};
	allot_heap_walk(heap, block_counts_visit, &counts);
	return counts;
}

/* Use up what is left, so that only what is freed afterwards can be found. */
static inline void use_up(struct allot_heap *heap)
{
	for (size_t bytes = HEAP_BUFFER_BYTES; bytes > 0; bytes /= 2) {
		while (allot_heap_allocate(heap, bytes) != NULL)
			;
	}
	while (allot_heap_allocate(heap, 0) != NULL)
		;
}

#endif
