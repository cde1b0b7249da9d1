/* SPDX-License-Identifier: MIT */
/*
 * Explicit list: the order of the list, what a fit takes from it, and quick lists.
 */
#include "heap_fixture.h"

enum { BLOCKS = 8, BYTES = 2000, SMALL_HEAP_BYTES = 64 << 10 };

static struct allot_heap *heap;
static char *blocks[BLOCKS];

/* Eight blocks side by side, of no size that waits on quick lists, and nothing else free. */
static void begin(const char *conf)
{
	heap = heap_in_buffer(conf, SMALL_HEAP_BYTES);
	for (size_t i = 0; i < BLOCKS; i++)
		blocks[i] = take(heap, BYTES);
	use_up(heap);
}

static void release(size_t i)
{
	allot_heap_free(heap, blocks[i]);
}

Test(explicit, lifo_takes_the_block_freed_last)
{
	begin("strategy:explicit,order:lifo");
	release(1);
	release(5);
	release(3);
	cr_assert_eq(allot_heap_allocate(heap, BYTES), blocks[3]);
	cr_assert_eq(allot_heap_allocate(heap, BYTES), blocks[5]);
	cr_assert_eq(allot_heap_allocate(heap, BYTES), blocks[1]);
	cr_assert_null(allot_heap_allocate(heap, BYTES));
	heap_end(heap);
}

Test(explicit, address_order_takes_the_lowest)
{
	begin("strategy:explicit,order:address");
	release(5);
	release(1);
	release(3);
	cr_assert_eq(allot_heap_allocate(heap, BYTES), blocks[1]);
	cr_assert_eq(allot_heap_allocate(heap, BYTES), blocks[3]);
	cr_assert_eq(allot_heap_allocate(heap, BYTES), blocks[5]);
	heap_end(heap);
}

Test(explicit, first_fit_takes_the_first_large_enough)
{
	begin("strategy:explicit,order:lifo,fit:first");
	release(0);
	release(1); /* merged: 4032 bytes, entered again in front */
	release(5);
	release(7);
	cr_assert_eq(allot_heap_allocate(heap, 3000), blocks[0]);
	cr_assert_eq(allot_heap_allocate(heap, 1000), blocks[0] + 3024 - 16,
		     "what was split off is in front");
	heap_end(heap);
}

Test(explicit, best_fit_takes_the_smallest_that_holds_it)
{
	begin("strategy:explicit,fit:best");
	release(7);
	release(4);
	release(5);
	release(0);
	release(1);
	release(2);
	cr_assert_eq(allot_heap_allocate(heap, 1900), blocks[7]);
	cr_assert_eq(allot_heap_allocate(heap, 2100), blocks[4]);
	cr_assert_eq(allot_heap_allocate(heap, 5000), blocks[0]);
	heap_end(heap);
}

Test(explicit, freed_neighbours_are_merged_at_once)
{
	begin("strategy:explicit,coalesce:immediate");
	release(2);
	release(4);
	release(3);
	cr_assert_eq(counts_of(heap).free, 1);
	cr_assert_eq(statistics_of(heap).merges, 2);
	heap_end(heap);
}

Test(explicit, deferred_small_blocks_wait_whole)
{
	heap = heap_in_buffer("strategy:explicit,coalesce:deferred", SMALL_HEAP_BYTES);
	char *a = take(heap, 100), *b = take(heap, 100);
	use_up(heap);
	allot_heap_free(heap, a);
	allot_heap_free(heap, b);
	cr_assert_eq(counts_of(heap).deferred, 2);
	cr_assert_eq(statistics_of(heap).merges, 0);
	cr_assert_eq(block_at(heap, a).state, ALLOT_BLOCK_DEFERRED);
	cr_assert_eq(block_at(heap, a).usable_bytes, 0);
	cr_assert_eq(allot_heap_allocate(heap, 97), b, "the newest of its size comes back");
	cr_assert_eq(allot_heap_allocate(heap, 104), a);
	heap_end(heap);
}

Test(explicit, a_miss_merges_what_was_deferred)
{
	heap = heap_in_buffer("strategy:explicit,coalesce:deferred", SMALL_HEAP_BYTES);
	char *a = take(heap, 100), *b = take(heap, 100);
	use_up(heap);
	allot_heap_free(heap, a);
	allot_heap_free(heap, b);
	cr_assert_eq(allot_heap_allocate(heap, 200), a);
	cr_assert_eq(counts_of(heap).deferred, 0);
	cr_assert_eq(statistics_of(heap).merges, 1);
	heap_end(heap);
}

Test(explicit, too_many_deferred_bytes_are_merged)
{
	enum { COUNT = 200 };
	char *small[COUNT];
	heap = heap_in_buffer("strategy:explicit,coalesce:deferred", HEAP_BUFFER_BYTES);
	for (size_t i = 0; i < COUNT; i++)
		small[i] = take(heap, 1000);
	for (size_t i = 0; i < COUNT; i++)
		allot_heap_free(heap, small[i]);
	cr_assert(counts_of(heap).deferred < COUNT / 2);
	cr_assert(statistics_of(heap).merges > COUNT / 4);
	heap_end(heap);
}
