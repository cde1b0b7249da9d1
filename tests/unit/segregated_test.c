/* SPDX-License-Identifier: MIT */
/*
 * Segregated fit: the list a request is served from, and what is left for last.
 */
#include "heap_fixture.h"

enum { SMALL_HEAP_BYTES = 256 << 10 };

#define IMMEDIATE "strategy:segregated,coalesce:immediate"

static struct allot_heap *heap;

/* A block of `bytes` with a live one behind it, so that it is not merged when it is freed. */
static char *take_apart(size_t bytes)
{
	char *p = take(heap, bytes);
	take(heap, 8);
	return p;
}

Test(segregated, a_small_request_takes_the_block_of_its_very_size)
{
	heap = heap_in_buffer(IMMEDIATE, SMALL_HEAP_BYTES);
	char *blocks[60];
	for (size_t i = 0; i < 60; i++)
		blocks[i] = take_apart(24 + 16 * i);
	for (size_t i = 60; i-- > 0;)
		allot_heap_free(heap, blocks[i * 7 % 60]);
	for (size_t i = 0; i < 60; i++)
		cr_assert_eq(allot_heap_allocate(heap, 24 + 16 * i), blocks[i], "%zu", i);
	heap_end(heap);
}

Test(segregated, without_one_the_next_larger_list_is_used)
{
	heap = heap_in_buffer(IMMEDIATE, SMALL_HEAP_BYTES);
	char *small = take_apart(200), *larger = take_apart(400), *large = take_apart(900);
	allot_heap_free(heap, large);
	allot_heap_free(heap, small);
	allot_heap_free(heap, larger);
	cr_assert_eq(allot_heap_allocate(heap, 300), larger);
	heap_end(heap);
}

Test(segregated, the_end_of_the_heap_is_used_last)
{
	heap = heap_in_buffer(IMMEDIATE, SMALL_HEAP_BYTES);
	char *hole = take_apart(50000);
	allot_heap_free(heap, hole);
	for (size_t used = 0; used + 3008 <= 50000; used += 3008)
		cr_assert_eq(allot_heap_allocate(heap, 3000), hole + used);
	heap_end(heap);
}

Test(segregated, of_its_own_list_a_request_takes_what_fits_best)
{
	heap = heap_in_buffer(IMMEDIATE, SMALL_HEAP_BYTES);
	char *blocks[5];
	/* One list: 4096 to 4351 bytes. */
	for (size_t i = 0; i < 5; i++)
		blocks[i] = take_apart(4088 + 48 * i);
	for (size_t i = 0; i < 5; i++)
		allot_heap_free(heap, blocks[i]);
	cr_assert_eq(allot_heap_allocate(heap, 4088 + 90), blocks[2]);
	cr_assert_eq(allot_heap_allocate(heap, 4088), blocks[0]);
	heap_end(heap);
}

Test(segregated, best_fit_looks_at_the_whole_list)
{
	enum { COUNT = 40 };
	heap = heap_in_buffer(IMMEDIATE ",fit:best", 1 << 20);
	char *blocks[COUNT];
	for (size_t i = 0; i < COUNT; i++)
		blocks[i] = take_apart(i == 0 ? 4088 + 16 : 4088 + 64 + i % 8 * 16);
	for (size_t i = 0; i < COUNT; i++)
		allot_heap_free(heap, blocks[i]);
	cr_assert_eq(allot_heap_allocate(heap, 4088 + 10), blocks[0]);
	heap_end(heap);
}

Test(segregated, lifo_takes_the_block_freed_last)
{
	heap = heap_in_buffer(IMMEDIATE ",order:lifo", SMALL_HEAP_BYTES);
	char *a = take_apart(100), *b = take_apart(100), *c = take_apart(100);
	allot_heap_free(heap, a);
	allot_heap_free(heap, c);
	allot_heap_free(heap, b);
	cr_assert_eq(allot_heap_allocate(heap, 100), b);
	cr_assert_eq(allot_heap_allocate(heap, 100), c);
	cr_assert_eq(allot_heap_allocate(heap, 100), a);
	heap_end(heap);
}

Test(segregated, address_order_takes_the_lowest)
{
	heap = heap_in_buffer(IMMEDIATE ",order:address", SMALL_HEAP_BYTES);
	char *a = take_apart(100), *b = take_apart(100), *c = take_apart(100);
	allot_heap_free(heap, c);
	allot_heap_free(heap, a);
	allot_heap_free(heap, b);
	cr_assert_eq(allot_heap_allocate(heap, 100), a);
	cr_assert_eq(allot_heap_allocate(heap, 100), b);
	cr_assert_eq(allot_heap_allocate(heap, 100), c);
	heap_end(heap);
}

Test(segregated, deferred_small_blocks_come_back_as_they_were)
{
	heap = heap_in_buffer("strategy:segregated", SMALL_HEAP_BYTES);
	char *a = take(heap, 100), *b = take(heap, 100);
	take(heap, 100);
	allot_heap_free(heap, a);
	allot_heap_free(heap, b);
	cr_assert_eq(counts_of(heap).deferred, 2, "deferred is the default");
	cr_assert_eq(allot_heap_allocate(heap, 100), b);
	cr_assert_eq(allot_heap_allocate(heap, 100), a);
	cr_assert_eq(statistics_of(heap).merges, 0);
	heap_end(heap);
}

Test(segregated, a_miss_merges_what_was_deferred)
{
	heap = heap_in_buffer("strategy:segregated,coalesce:deferred", SMALL_HEAP_BYTES);
	char *a = take(heap, 100), *b = take(heap, 100), *c = take(heap, 100);
	use_up(heap);
	allot_heap_free(heap, a);
	allot_heap_free(heap, c);
	allot_heap_free(heap, b);
	cr_assert_eq(counts_of(heap).deferred, 3);
	cr_assert_eq(allot_heap_allocate(heap, 320), a);
	cr_assert_eq(counts_of(heap).deferred, 0);
	heap_end(heap);
}

Test(segregated, all_freed_is_one_block_again)
{
	heap = heap_in_buffer(IMMEDIATE, SMALL_HEAP_BYTES);
	size_t whole = 0;
	char *blocks[100];
	blocks[0] = take(heap, 1);
	allot_heap_free(heap, blocks[0]);
	whole = statistics_of(heap).largest_free_bytes;
	for (size_t i = 0; i < 100; i++)
		blocks[i] = take(heap, i * 20);
	for (size_t i = 0; i < 100; i++)
		allot_heap_free(heap, blocks[i * 37 % 100]);
	cr_assert_eq(counts_of(heap).free, 1);
	cr_assert_eq(statistics_of(heap).largest_free_bytes, whole);
	heap_end(heap);
}

/* Cutting from the top writes the tag of what is left, and in the page behind that nothing. */
Test(segregated, cutting_leaves_the_rest_untouched)
{
	enum { PAGE_BYTES = 4096, TAG_BYTES = 8 };
	heap = heap_in_buffer(IMMEDIATE, SMALL_HEAP_BYTES);
	unsigned char *next = (unsigned char *)take(heap, 8) + 32;
	size_t used_bytes = (size_t)(next - heap_buffer);
	unsigned char *page = heap_buffer + (used_bytes / PAGE_BYTES + 1) * PAGE_BYTES;
	for (size_t pages = 1; pages < 40; pages++) {
		memset(page, 0x33, PAGE_BYTES);
		/* So that the next payload begins with the page. */
		cr_assert_eq(allot_heap_allocate(heap, (size_t)(page - next) - TAG_BYTES), next);
		for (size_t i = 0; i < PAGE_BYTES; i++)
			cr_assert_eq(page[i], 0x33, "byte %zu of page %zu", i, pages);
		next = page;
		page += PAGE_BYTES;
	}
	heap_end(heap);
}

Test(segregated, fit_best_takes_the_top_if_that_is_best)
{
	heap = heap_in_buffer(IMMEDIATE ",fit:best", SMALL_HEAP_BYTES);
	char *hole = take_apart(100000);
	char *rest = take(heap, statistics_of(heap).free_bytes - 5000);
	allot_heap_free(heap, hole);
	char *top = allot_heap_allocate(heap, 3000);
	cr_assert(top > rest, "it is cut from the hole");
	cr_assert_eq(allot_heap_allocate(heap, 3000), hole);
	heap_end(heap);
}
