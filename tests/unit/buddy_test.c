/* SPDX-License-Identifier: MIT */
/*
 * Binary buddies: what a request costs, where its block lies, and how far partners merge.
 */
#include "heap_fixture.h"

enum {
	CHUNK_BYTES = 4 << 20,
	TABLE_BYTES = 128 << 10, /* of a chunk; what is free behind it is 2^17 to 2^21 */
	FREE_BLOCKS_OF_A_CHUNK = 5,
	LARGEST_BYTES = 2 << 20,
};

static struct allot_heap *heap;

Test(buddy, a_request_of_a_power_of_two_costs_no_more)
{
	heap = heap_in_buffer("strategy:buddy", HEAP_BUFFER_BYTES);
	for (size_t bytes = 32; bytes <= LARGEST_BYTES; bytes *= 2) {
		char *p = take(heap, bytes);
		struct allot_block block = block_at(heap, p);
		cr_assert_eq(block.block_bytes, bytes);
		cr_assert_eq(block.usable_bytes, bytes);
		cr_assert_eq(block.tag_bytes, 0);
		cr_assert_eq((uintptr_t)p % bytes, 0);
		allot_heap_free(heap, p);
	}
	heap_end(heap);
}

Test(buddy, a_request_is_rounded_up_to_a_power_of_two)
{
	heap = heap_in_buffer("strategy:buddy", HEAP_BUFFER_BYTES);
	for (size_t bytes = 0; bytes <= 4096; bytes++) {
		char *p = take(heap, bytes);
		struct allot_block block = block_at(heap, p);
		size_t power = 32;
		while (power < bytes)
			power *= 2;
		cr_assert_eq(block.block_bytes, power);
		cr_assert_eq(block.requested_bytes, bytes);
		allot_heap_free(heap, p);
	}
	heap_end(heap);
}

/* The bytes not asked for may be all of them, which is a number of one bit more. */
Test(buddy, aligned_requests_of_nothing_ask_for_nothing)
{
	heap = heap_in_buffer("strategy:buddy", HEAP_BUFFER_BYTES);
	for (size_t align = 16; align <= LARGEST_BYTES; align *= 2) {
		void *p = allot_heap_allocate_aligned(heap, align, 0);
		cr_assert_not_null(p);
		cr_assert_eq((uintptr_t)p % align, 0);
		cr_assert_eq(block_at(heap, p).requested_bytes, 0, "alignment %zu", align);
		expect_whole(heap);
		allot_heap_free(heap, p);
	}
	heap_end(heap);
}

Test(buddy, partners_merge_up_to_the_top)
{
	enum { COUNT = 1000 };
	static void *blocks[COUNT];
	heap = heap_in_buffer("strategy:buddy", HEAP_BUFFER_BYTES);
	for (size_t i = 0; i < COUNT; i++)
		blocks[i] = take(heap, i * 7 % 3000);
	for (size_t i = 0; i < COUNT; i++) {
		allot_heap_free(heap, blocks[i * 389 % COUNT]);
		if (i % 64 == 0)
			expect_whole(heap);
	}
	struct allot_statistics s = statistics_of(heap);
	size_t chunks = s.mapped_bytes / CHUNK_BYTES;
	cr_assert_eq(s.free_blocks, chunks * FREE_BLOCKS_OF_A_CHUNK);
	cr_assert_eq(s.largest_free_bytes, LARGEST_BYTES);
	cr_assert_eq(s.free_bytes, chunks * (CHUNK_BYTES - TABLE_BYTES));
	cr_assert_eq(s.merges, s.splits);
	heap_end(heap);
}

Test(buddy, blocks_that_are_no_partners_do_not_merge)
{
	heap = heap_in_buffer("strategy:buddy", HEAP_BUFFER_BYTES);
	char *blocks[4];
	/* Four of one order that are 0, 1, 2, 3 of the block of four. */
	for (size_t i = 0; i < 4; i++)
		blocks[i] = take(heap, 64);
	cr_assert_eq((uintptr_t)blocks[0] % 256, 0);
	for (size_t i = 1; i < 4; i++)
		cr_assert_eq(blocks[i], blocks[0] + i * 64);
	uint64_t merges = statistics_of(heap).merges;
	allot_heap_free(heap, blocks[1]);
	allot_heap_free(heap, blocks[2]);
	cr_assert_eq(statistics_of(heap).merges, merges, "1 and 2 touch but are no partners");
	allot_heap_free(heap, blocks[0]);
	cr_assert_eq(statistics_of(heap).merges, merges + 1);
	cr_assert_eq(block_at(heap, blocks[0]).block_bytes, 128);
	heap_end(heap);
}

Test(buddy, deferred_merging_waits_for_a_miss)
{
	static void *blocks[HEAP_BUFFER_BYTES / (64 << 10)];
	size_t count = 0;
	heap = heap_in_buffer("strategy:buddy,coalesce:deferred", HEAP_BUFFER_BYTES);
	while ((blocks[count] = allot_heap_allocate(heap, 64 << 10)) != NULL)
		count++;
	for (size_t i = 0; i < count; i++)
		allot_heap_free(heap, blocks[i]);
	cr_assert_eq(counts_of(heap).free, count);
	cr_assert_eq(statistics_of(heap).merges, 0);
	cr_assert_not_null(allot_heap_allocate(heap, LARGEST_BYTES));
	cr_assert(statistics_of(heap).merges > 0);
	heap_end(heap);
}

Test(buddy, a_block_grows_into_its_free_upper_half)
{
	heap = heap_in_buffer("strategy:buddy", HEAP_BUFFER_BYTES);
	char *p = take(heap, 100);
	size_t grown_bytes = 100;
	while (allot_heap_resize(heap, p, grown_bytes * 2) == p)
		grown_bytes *= 2;
	cr_assert(grown_bytes >= TABLE_BYTES / 2, "%zu", grown_bytes);
	heap_end(heap);
}

Test(buddy, shrinking_frees_the_upper_halves)
{
	heap = heap_in_buffer("strategy:buddy", HEAP_BUFFER_BYTES);
	char *p = take(heap, 1 << 20);
	cr_assert_eq(allot_heap_resize(heap, p, 32), p);
	cr_assert_eq(block_at(heap, p).block_bytes, 32);
	allot_heap_free(heap, p);
	cr_assert_eq(statistics_of(heap).largest_free_bytes, LARGEST_BYTES);
	heap_end(heap);
}

Test(buddy, what_is_larger_than_the_top_is_a_mapping)
{
	heap = heap_of("strategy:buddy,mmap_threshold:1g");
	void *p = allot_heap_allocate(heap, LARGEST_BYTES);
	cr_assert_not(block_at(heap, p).is_own_mapping);
	void *q = allot_heap_allocate(heap, LARGEST_BYTES + 1);
	cr_assert(block_at(heap, q).is_own_mapping);
	heap_end(heap);
}
