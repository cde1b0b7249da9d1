/* SPDX-License-Identifier: MIT */
/*
 * Implicit list: which free block each fit takes, and when free neighbours are merged.
 */
#include "heap_fixture.h"

enum { BLOCKS = 8, BYTES = 1000, SMALL_HEAP_BYTES = 64 << 10 };

static struct allot_heap *heap;
static char *blocks[BLOCKS];

/* Eight blocks of 1000 bytes side by side, and nothing else free. */
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

Test(implicit, blocks_lie_side_by_side)
{
	begin("strategy:implicit");
	for (size_t i = 1; i < BLOCKS; i++)
		cr_assert_eq(blocks[i] - blocks[i - 1], 1008);
	cr_assert_eq(counts_of(heap).free, 0);
	heap_end(heap);
}

Test(implicit, first_fit_takes_the_lowest)
{
	begin("strategy:implicit,fit:first");
	release(5);
	release(1);
	release(3);
	cr_assert_eq(allot_heap_allocate(heap, BYTES), blocks[1]);
	cr_assert_eq(allot_heap_allocate(heap, BYTES), blocks[3]);
	cr_assert_eq(allot_heap_allocate(heap, BYTES), blocks[5]);
	cr_assert_null(allot_heap_allocate(heap, BYTES));
	heap_end(heap);
}

Test(implicit, first_fit_passes_over_what_is_too_small)
{
	begin("strategy:implicit,fit:first");
	release(1);
	release(3);
	release(4);
	cr_assert_eq(allot_heap_allocate(heap, 1500), blocks[3]);
	cr_assert_eq(allot_heap_allocate(heap, 100), blocks[1]);
	heap_end(heap);
}

Test(implicit, first_fit_returns_to_a_low_block_freed_later)
{
	begin("strategy:implicit,fit:first");
	release(6);
	cr_assert_eq(allot_heap_allocate(heap, BYTES), blocks[6]);
	release(0);
	release(6);
	cr_assert_eq(allot_heap_allocate(heap, BYTES), blocks[0]);
	heap_end(heap);
}

Test(implicit, next_fit_goes_on_where_it_was)
{
	begin("strategy:implicit,fit:next");
	release(1);
	release(3);
	release(5);
	cr_assert_eq(allot_heap_allocate(heap, BYTES), blocks[1], "around the corner");
	release(1);
	cr_assert_eq(allot_heap_allocate(heap, BYTES), blocks[1], "it is where it was");
	cr_assert_eq(allot_heap_allocate(heap, BYTES), blocks[3]);
	release(1);
	cr_assert_eq(allot_heap_allocate(heap, BYTES), blocks[5], "not back to the lower one");
	cr_assert_eq(allot_heap_allocate(heap, BYTES), blocks[1]);
	heap_end(heap);
}

Test(implicit, next_fit_survives_that_its_place_is_merged_away)
{
	begin("strategy:implicit,fit:next");
	release(3);
	cr_assert_eq(allot_heap_allocate(heap, BYTES), blocks[3]);
	release(2);
	release(3);
	expect_whole(heap);
	cr_assert_eq(allot_heap_allocate(heap, 2000), blocks[2]);
	heap_end(heap);
}

Test(implicit, best_fit_takes_the_smallest_that_holds_it)
{
	begin("strategy:implicit,fit:best");
	release(0);
	release(1);
	release(2); /* 3024 bytes */
	release(4);
	release(5); /* 2016 bytes */
	release(7); /* 1008 bytes */
	cr_assert_eq(allot_heap_allocate(heap, 900), blocks[7]);
	cr_assert_eq(allot_heap_allocate(heap, 1900), blocks[4]);
	cr_assert_eq(allot_heap_allocate(heap, 1900), blocks[0]);
	heap_end(heap);
}

Test(implicit, best_fit_takes_the_lower_of_two_alike)
{
	begin("strategy:implicit,fit:best");
	release(6);
	release(2);
	cr_assert_eq(allot_heap_allocate(heap, BYTES), blocks[2]);
	heap_end(heap);
}

Test(implicit, freed_neighbours_are_merged_at_once)
{
	begin("strategy:implicit,coalesce:immediate");
	release(2);
	release(4);
	release(3);
	cr_assert_eq(counts_of(heap).free, 1);
	cr_assert_eq(statistics_of(heap).merges, 2);
	cr_assert_eq(block_at(heap, blocks[2]).block_bytes, 3 * 1008);
	heap_end(heap);
}

Test(implicit, deferred_merging_waits_for_a_search)
{
	begin("strategy:implicit,coalesce:deferred");
	release(2);
	release(4);
	release(3);
	cr_assert_eq(counts_of(heap).free, 3);
	cr_assert_eq(statistics_of(heap).merges, 0);
	cr_assert_eq(allot_heap_allocate(heap, 3000), blocks[2]);
	cr_assert_eq(statistics_of(heap).merges, 2);
	cr_assert_eq(counts_of(heap).free, 0);
	heap_end(heap);
}

Test(implicit, trim_merges_what_was_deferred)
{
	heap = heap_of("strategy:implicit,coalesce:deferred");
	for (size_t i = 0; i < BLOCKS; i++)
		blocks[i] = take(heap, BYTES);
	for (size_t i = 0; i < BLOCKS; i++)
		release(i);
	cr_assert(counts_of(heap).free >= BLOCKS);
	allot_heap_trim(heap, 0);
	cr_assert_eq(counts_of(heap).free, 1);
	heap_end(heap);
}
