/* SPDX-License-Identifier: MIT */
/*
 * Frames: buddies split and merge, and nothing is lost, whatever the number of frames.
 */
#include "vm/frame.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "long_run.h"
#include "random.h"

static void expect_whole(const struct frames *frames)
{
	const char *why = "";
	cr_assert(frames_check(frames, &why), "%s", why);
}

Test(frame, any_number_of_frames_is_entered_whole)
{
	for (uint64_t count = 2; count < 5000; count += 1 + count / 7) {
		struct frames frames;
		cr_assert(frames_init(&frames, count));
		cr_assert_eq(frames.free_count, count - 1);
		expect_whole(&frames);
		frames_finish(&frames);
	}
}

Test(frame, a_block_is_aligned_to_its_size)
{
	struct frames frames;
	cr_assert(frames_init(&frames, 4096));
	for (unsigned order = 0; order <= ORDER_MAX; order++) {
		uint32_t head = frame_take(&frames, order, FRAME_ANON);
		cr_assert_neq(head, FRAME_NONE);
		cr_assert_eq(head % (1u << order), 0);
		expect_whole(&frames);
	}
	frames_finish(&frames);
}

Test(frame, all_that_is_given_back_merges)
{
	struct frames frames;
	uint64_t blocks[VM_ORDERS];
	static uint32_t heads[2048];
	size_t count = 0;
	cr_assert(frames_init(&frames, 2048));
	memcpy(blocks, frames.list_counts, sizeof(blocks));
	while ((heads[count] = frame_take(&frames, 0, FRAME_ANON)) != FRAME_NONE)
		count++;
	cr_assert_eq(count, 2047);
	for (size_t i = 0; i < count; i++)
		frame_give(&frames, heads[i * 389 % count]);
	expect_whole(&frames);
	cr_assert_arr_eq(frames.list_counts, blocks, sizeof(blocks));
	frames_finish(&frames);
}

Test(frame, a_split_block_keeps_what_is_mapped)
{
	struct frames frames;
	cr_assert(frames_init(&frames, 2048));
	uint32_t head = frame_take(&frames, 9, FRAME_ANON);
	frame_at(&frames, head + 5)->maps = 2;
	frame_at(&frames, head)->block_maps = 2;
	uint64_t free_before = frames.free_count;
	frame_split(&frames, head);
	cr_assert_eq(frames.free_count, free_before + 511);
	cr_assert_eq(frame_at(&frames, head + 5)->head, head + 5);
	cr_assert_eq(frame_at(&frames, head + 5)->block_maps, 2);
	expect_whole(&frames);
	frames_finish(&frames);
}

Test(frame, random_blocks_keep_the_lists_whole)
{
	enum { BLOCKS = 200 };
	uint32_t heads[BLOCKS] = { 0 };
	struct frames frames;
	struct random_source random = { test_seed() };
	fprintf(stderr, "frame: seed %llu\n", (unsigned long long)random.state);
	cr_assert(frames_init(&frames, 20000));
	for (size_t i = 0; i < 20000; i++) {
		size_t at = random_below(&random, BLOCKS);
		if (heads[at] != FRAME_NONE) {
			frame_give(&frames, heads[at]);
			heads[at] = FRAME_NONE;
		} else {
			heads[at] = frame_take(&frames, (unsigned)random_below(&random, VM_ORDERS),
					       FRAME_ANON);
		}
		if (i % 64 == 0)
			expect_whole(&frames);
	}
	expect_whole(&frames);
	frames_finish(&frames);
}
