/* SPDX-License-Identifier: MIT */
/*
 * Simple segregated storage: classes, no splitting, no merging, and what a trim can do all the
 * same.
 */
#include "heap_fixture.h"

static struct allot_heap *heap;

Test(simple, a_freed_block_serves_its_class_newest_first)
{
	heap = heap_in_buffer("strategy:simple", HEAP_BUFFER_BYTES);
	char *a = take(heap, 1000), *b = take(heap, 1000);
	allot_heap_free(heap, a);
	allot_heap_free(heap, b);
	cr_assert_eq(allot_heap_allocate(heap, 1000), b);
	cr_assert_eq(allot_heap_allocate(heap, 1000), a);
	heap_end(heap);
}

Test(simple, no_other_class_gets_it)
{
	heap = heap_in_buffer("strategy:simple", HEAP_BUFFER_BYTES);
	char *p = take(heap, 1000);
	size_t bytes = block_at(heap, p).block_bytes;
	allot_heap_free(heap, p);
	for (size_t other = 0; other < 8000; other += 16) {
		char *q = take(heap, other);
		if (block_at(heap, q).block_bytes != bytes)
			cr_assert(q + other <= p || q >= p + bytes);
		else
			allot_heap_free(heap, q);
	}
	heap_end(heap);
}

Test(simple, what_a_refused_growth_left_in_the_chunk_is_used)
{
	heap = heap_in_buffer("strategy:simple", HEAP_BUFFER_BYTES);
	while (allot_heap_allocate(heap, 200000) != NULL)
		;
	cr_expect_not_null(allot_heap_allocate(heap, 200));
	heap_end(heap);
}

Test(simple, nothing_is_ever_split_or_merged)
{
	enum { COUNT = 1000 };
	static void *blocks[COUNT];
	heap = heap_in_buffer("strategy:simple", HEAP_BUFFER_BYTES);
	for (size_t i = 0; i < COUNT; i++)
		blocks[i] = take(heap, i * 7 % 3000);
	for (size_t i = 0; i < COUNT; i++)
		allot_heap_free(heap, blocks[i]);
	cr_assert_eq(statistics_of(heap).splits, 0);
	cr_assert_eq(statistics_of(heap).merges, 0);
	heap_end(heap);
}

Test(simple, a_class_wastes_a_fifth_at_most)
{
	heap = heap_in_buffer("strategy:simple", HEAP_BUFFER_BYTES);
	for (size_t bytes = 1; bytes <= 100000; bytes += 1 + bytes / 50) {
		char *p = take(heap, bytes);
		struct allot_block block = block_at(heap, p);
		cr_assert_eq(block.block_bytes % 16, 0);
		cr_assert(block.block_bytes < bytes + 16 || block.block_bytes <= bytes * 5 / 4,
			  "%zu for %zu", block.block_bytes, bytes);
		cr_assert_eq(block.usable_bytes, block.block_bytes);
		allot_heap_free(heap, p);
	}
	heap_end(heap);
}

Test(simple, powers_of_two_lie_at_their_multiples_up_to_a_page)
{
	heap = heap_in_buffer("strategy:simple", HEAP_BUFFER_BYTES);
	for (size_t align = 16; align <= 4096; align *= 2) {
		for (size_t i = 0; i < 20; i++) {
			void *p = allot_heap_allocate_aligned(heap, align, 1 + i * 9);
			cr_assert_eq((uintptr_t)p % align, 0);
		}
	}
	heap_end(heap);
}

Test(simple, trim_gives_back_runs_that_are_empty)
{
	enum { COUNT = 64 };
	void *blocks[COUNT];
	heap = heap_of("strategy:simple,trim_threshold:1g");
	for (size_t i = 0; i < COUNT; i++)
		blocks[i] = take(heap, 16384);
	for (size_t i = 0; i < COUNT; i++)
		allot_heap_free(heap, blocks[i]);
	cr_assert(allot_heap_trim(heap, 0) >= COUNT / 2 * 16384);
	expect_whole(heap);
	/* And they are used again, by their class. */
	for (size_t i = 0; i < COUNT; i++)
		blocks[i] = take(heap, 16384);
	expect_whole(heap);
	heap_end(heap);
}

Test(simple, trim_keeps_runs_with_one_live_block)
{
	enum { COUNT = 32 };
	unsigned char *blocks[COUNT];
	heap = heap_of("strategy:simple,trim_threshold:1g");
	for (size_t i = 0; i < COUNT; i++)
		blocks[i] = take(heap, 1000);
	for (size_t i = 1; i < COUNT; i++)
		allot_heap_free(heap, blocks[i]);
	allot_heap_trim(heap, 0);
	for (size_t i = 0; i < 1000; i++)
		cr_assert_eq(blocks[0][i], 0x5A);
	cr_assert_eq(allot_heap_allocate(heap, 1000), blocks[COUNT - 1]);
	heap_end(heap);
}
