/* SPDX-License-Identifier: MIT */
/*
 * Boundary tags and the sequences on them, with an index that only counts: placing and splitting,
 * releasing and merging, growing, resizing, trimming; and that every kind of damage is seen.
 */
#include "strategy/tagged.h"

#include <criterion/criterion.h>
#include <string.h>

#include "pages/source.h"

enum { BUFFER_BYTES = 256 << 10, PAGE = 4096, MESSAGE_BYTES = 160 };

static _Alignas(65536) unsigned char buffer[BUFFER_BYTES];
static struct owners owners;
static struct page_source source;
static struct strategy_core core;
static struct text message;
static char message_chars[MESSAGE_BYTES];

/* ---- an index that counts ---- */

static size_t indexed;

static void index_insert(struct strategy_core *of, struct block *block, size_t bytes)
{
	(void)of;
	cr_assert_eq(tag_size(block_tag(block)), bytes);
	cr_assert_not(block_tag(block) & TAG_IS_USED);
	indexed++;
}

static void index_remove(struct strategy_core *of, struct block *block, size_t bytes)
{
	(void)of;
	cr_assert_eq(tag_size(block_tag(block)), bytes);
	indexed--;
}

static bool index_is_intact(const struct strategy_core *of, const struct block *block)
{
	(void)of, (void)block;
	return true;
}

static const struct tagged_index counting = {
	.insert = index_insert,
	.remove = index_remove,
	.is_intact = index_is_intact,
};

/* ---- a heap of one region ---- */

static struct region *region;
static struct block *top; /* the one free block at first */
static size_t top_bytes;

static void begin_in(size_t bytes)
{
	cr_assert(owners_init(&owners));
	source_buffer_init(&source, &owners, NULL, PAGE, buffer, bytes);
	core = (struct strategy_core){.source = &source, .key = 0x123456789ABCDEF1};
	indexed = 0;
	top = tagged_grow(&core, &counting, 64);
	cr_assert_not_null(top);
	top_bytes = tag_size(block_tag(top));
	region = source.first;
}

static void begin(void)
{
	begin_in(BUFFER_BYTES);
}

static void end(void)
{
	owners_finish(&owners);
}

TestSuite(block, .init = begin, .fini = end);

static bool is_whole_with(bool free_neighbours)
{
	size_t free_blocks = 0;
	text_init(&message, message_chars, sizeof(message_chars));
	return blocks_check(&core, free_neighbours, &free_blocks, &message) &&
	       free_blocks == indexed;
}

static bool is_whole(void)
{
	return is_whole_with(false);
}

/* The free block at the end of the region. */
static struct block *last_free(void)
{
	size_t bytes = tagged_tail_bytes(&core);
	return (struct block *)((char *)region_end_block(region) - bytes);
}

/* Take `requested` bytes from the end block, as a strategy without choice would. */
static struct block *take(size_t requested)
{
	struct block *free_block = last_free();
	void *p = tagged_take(&core, &counting, free_block, block_tag(free_block),
			      block_bytes_for(requested), requested);
	cr_assert(is_whole(), "%s", message_chars);
	return block_of_payload(p);
}

static bool release(struct block *block)
{
	return tagged_release(&core, &counting, block, block_tag(block));
}

/* ---- what a region is made of ---- */

Test(block, fresh_region_is_one_free_block)
{
	cr_assert_eq((uintptr_t)top, region->base + REGION_PAD_BYTES);
	cr_assert_eq(top_bytes, region->bytes - REGION_OVERHEAD_BYTES);
	cr_assert_eq(indexed, 1);
	cr_assert_eq((uintptr_t)block_payload(top) % ALIGN_BYTES, 0);
	cr_assert(is_whole(), "%s", message_chars);
}

Test(block, size_for_a_request_is_the_least_that_holds_it)
{
	for (size_t requested = 0; requested <= 8192; requested++) {
		size_t bytes = block_bytes_for(requested);
		cr_assert_eq(bytes % ALIGN_BYTES, 0);
		cr_assert(bytes >= BLOCK_BYTES_MIN);
		cr_assert(bytes >= requested + TAG_BYTES);
		cr_assert(bytes == BLOCK_BYTES_MIN || bytes - ALIGN_BYTES < requested + TAG_BYTES);
	}
}

Test(block, tag_keeps_size_slack_and_flags_apart)
{
	static const size_t sizes[] = {32, 48, 4096, 1 << 20};
	for (size_t i = 0; i < 4; i++) {
		for (size_t slack = 0; slack <= 24; slack++) {
			struct block *block = (struct block *)(buffer + 8);
			block_set_used(&core, block, sizes[i], TAG_PREV_IS_USED,
				       sizes[i] - TAG_BYTES - slack);
			uint64_t tag = block_tag(block);
			cr_assert_eq(tag_size(tag), sizes[i]);
			cr_assert_eq(tag_slack(tag), slack);
			cr_assert(tag & TAG_IS_USED);
			cr_assert(tag & TAG_PREV_IS_USED);
			cr_assert_not(tag & TAG_IS_DEFERRED);
			cr_assert(tag_is_sound(&core, block, tag));
		}
	}
}

Test(block, seal_depends_on_place_size_use_and_key)
{
	struct block *block = take(100);
	struct strategy_core other = core;
	uint64_t tag = block_tag(block);
	other.key ^= 0xF000;
	cr_assert(tag_is_sound(&core, block, tag));
	cr_assert_not(tag_is_sound(&core, block_after(block, 16), tag));
	cr_assert_not(tag_is_sound(&core, block, tag + ALIGN_BYTES));
	cr_assert_not(tag_is_sound(&core, block, tag ^ TAG_IS_USED));
	cr_assert_not(tag_is_sound(&other, block, tag));
	cr_assert(tag_is_sound(&core, block, tag ^ TAG_PREV_IS_USED), "not of the neighbour");
}

/* ---- placing ---- */

Test(block, placing_splits_off_what_is_not_needed)
{
	struct block *block = take(100);
	cr_assert_eq(block, top);
	cr_assert_eq(tag_size(block_tag(block)), 112);
	cr_assert_eq(tag_size(block_tag(block_after(block, 112))), top_bytes - 112);
	cr_assert_eq(core.splits, 1);
	cr_assert_eq(indexed, 1);
}

Test(block, a_rest_too_small_for_a_block_stays_with_it)
{
	struct block *block = take(1000), *wall = take(100);
	cr_assert(release(block));
	void *p = tagged_take(&core, &counting, block, block_tag(block),
			      tag_size(block_tag(block)) - ALIGN_BYTES, 980);
	cr_assert_eq(p, block_payload(block));
	cr_assert_eq(block_after(block, tag_size(block_tag(block))), wall);
	cr_assert_eq(tag_slack(block_tag(block)), tag_size(block_tag(block)) - TAG_BYTES - 980);
	cr_assert(is_whole(), "%s", message_chars);
}

Test(block, aligned_placing_frees_what_is_in_front)
{
	for (size_t align = 32; align <= 16384; align *= 2) {
		struct block *free_block = last_free();
		size_t need = block_bytes_for(100);
		size_t room = tagged_aligned_need(need, align);
		cr_assert(tag_size(block_tag(free_block)) >= room);
		void *p = tagged_take_aligned(&core, &counting, free_block, block_tag(free_block),
					      need, 100, align);
		cr_assert_eq((uintptr_t)p % align, 0);
		cr_assert((uintptr_t)p - (uintptr_t)block_payload(free_block) + need <= room);
		cr_assert(is_whole(), "%s", message_chars);
	}
}

/* ---- releasing ---- */

Test(block, release_between_used_ones_merges_nothing)
{
	struct block *a = take(100), *b = take(200), *c = take(300);
	cr_assert(release(b));
	cr_assert_eq(core.merges, 0);
	cr_assert_eq(block_after(b, tag_size(block_tag(b))), c);
	cr_assert_eq(block_after(a, tag_size(block_tag(a))), b);
	cr_assert(is_whole(), "%s", message_chars);
}

Test(block, release_merges_with_the_next)
{
	struct block *a = take(100), *b = take(200), *c = take(300);
	cr_assert(release(b));
	cr_assert(release(a));
	cr_assert_eq(core.merges, 1);
	cr_assert_eq(block_after(a, tag_size(block_tag(a))), c);
	cr_assert(is_whole(), "%s", message_chars);
}

Test(block, release_merges_with_the_one_before)
{
	struct block *a = take(100), *b = take(200), *c = take(300);
	cr_assert(release(a));
	cr_assert(release(b));
	cr_assert_eq(core.merges, 1);
	cr_assert_eq(block_after(a, tag_size(block_tag(a))), c);
	cr_assert_not(block_tag(b) & TAG_IS_USED, "its former start says it is not used");
	cr_assert(is_whole(), "%s", message_chars);
}

Test(block, release_merges_with_both_neighbours)
{
	struct block *a = take(100), *b = take(200), *c = take(300), *d = take(400);
	cr_assert(release(a));
	cr_assert(release(c));
	size_t before = indexed;
	cr_assert(release(b));
	cr_assert_eq(indexed, before - 1);
	cr_assert_eq(core.merges, 2);
	cr_assert_eq(block_after(a, tag_size(block_tag(a))), d);
	cr_assert(is_whole(), "%s", message_chars);
}

Test(block, unmerged_release_leaves_neighbours_alone)
{
	struct block *a = take(100), *b = take(200);
	take(300);
	cr_assert(tagged_release_unmerged(&core, &counting, a, block_tag(a)));
	cr_assert(tagged_release_unmerged(&core, &counting, b, block_tag(b)));
	cr_assert_eq(core.merges, 0);
	cr_assert(is_whole_with(true), "%s", message_chars);
	cr_assert_not(is_whole(), "two free neighbours are seen by the strict check");
}

Test(block, all_released_is_one_block_again)
{
	struct block *blocks[50];
	for (size_t i = 0; i < 50; i++)
		blocks[i] = take(i * 17);
	for (size_t i = 0; i < 50; i++) {
		cr_assert(release(blocks[i * 7 % 50]));
		cr_assert(is_whole(), "%s", message_chars);
	}
	cr_assert_eq(indexed, 1);
	cr_assert_eq(tag_size(block_tag(top)), top_bytes);
}

/* ---- resizing ---- */

static enum resize_result resize(struct block *block, size_t requested)
{
	return tagged_resize(&core, &counting, region, block_payload(block), requested, requested);
}

static enum resize_result resize_with_room(struct block *block, size_t requested,
					   size_t room_bytes)
{
	return tagged_resize(&core, &counting, region, block_payload(block), requested,
			     room_bytes);
}

Test(block, shrinking_releases_the_rest)
{
	struct block *block = take(1000), *wall = take(100);
	cr_assert_eq(resize(block, 500), RESIZE_DONE);
	cr_assert_eq(tag_size(block_tag(block)), block_bytes_for(500));
	cr_assert_eq(indexed, 2);
	cr_assert(is_whole(), "%s", message_chars);
	(void)wall;
}

Test(block, shrinking_by_less_than_a_block_is_a_change_of_books)
{
	struct block *block = take(1000);
	size_t bytes = tag_size(block_tag(block));
	cr_assert_eq(resize(block, 985), RESIZE_DONE);
	cr_assert_eq(tag_size(block_tag(block)), bytes);
	cr_assert_eq(tag_slack(block_tag(block)), bytes - TAG_BYTES - 985);
}

Test(block, growing_absorbs_the_free_block_behind)
{
	struct block *a = take(100), *b = take(1000), *c = take(100);
	cr_assert(release(b));
	cr_assert_eq(resize(a, 600), RESIZE_DONE);
	cr_assert_eq(tag_size(block_tag(a)), block_bytes_for(600));
	cr_assert(is_whole(), "%s", message_chars);
	cr_assert_eq(resize(a, 1100), RESIZE_DONE);
	cr_assert_eq(block_after(a, tag_size(block_tag(a))), c);
	cr_assert(is_whole(), "%s", message_chars);
}

Test(block, growing_takes_as_much_room_as_there_is)
{
	struct block *a = take(100), *b = take(1000), *c = take(100);
	cr_assert(release(b));
	cr_assert_eq(resize_with_room(a, 120, 600), RESIZE_DONE);
	cr_assert_eq(tag_size(block_tag(a)), block_bytes_for(600));
	cr_assert(is_whole(), "%s", message_chars);
	cr_assert_eq(resize_with_room(a, 620, 5000), RESIZE_DONE);
	cr_assert_eq(block_after(a, tag_size(block_tag(a))), c, "all of what is free there");
	cr_assert(is_whole(), "%s", message_chars);
	cr_assert_eq(resize_with_room(a, 500, 600), RESIZE_DONE, "what shrinks needs no room");
	cr_assert_eq(tag_size(block_tag(a)), block_bytes_for(500));
	cr_assert(is_whole(), "%s", message_chars);
}

/* A source with a page at a time. */
static bool page_grow(struct page_source *from, size_t bytes, struct span *out_span)
{
	if (bytes > PAGE)
		return false;
	*out_span = (struct span){region->base + region->bytes, bytes, region};
	source_region_resized(from, region, region->bytes + bytes);
	return true;
}

Test(block, growing_at_the_end_takes_what_is_needed_where_there_is_no_room)
{
	static const struct page_source_type by_page = {.name = "page", .grow = page_grow};
	end();
	begin_in(BUFFER_BYTES / 2);
	size_t bytes = top_bytes - TAG_BYTES;
	struct block *block = take(bytes);
	source.type = &by_page;
	cr_assert_eq(resize_with_room(block, bytes + 100, bytes + 3 * PAGE), RESIZE_DONE);
	cr_assert(is_whole(), "%s", message_chars);
}

Test(block, growing_against_a_used_block_must_move)
{
	struct block *a = take(100), *b = take(100);
	uint64_t tag = block_tag(a);
	cr_assert_eq(resize(a, 200), RESIZE_MUST_MOVE);
	cr_assert_eq(block_tag(a), tag);
	(void)b;
}

/* ---- walking and describing ---- */

struct expectation {
	struct block *blocks[8];
	size_t requested[8]; /* SIZE_MAX: free */
	size_t count;
	size_t met;
};

static bool expect_block(const struct block_info *info, void *context)
{
	struct expectation *e = context;
	size_t i = e->met++;
	cr_assert(i < e->count);
	cr_assert_eq(info->payload, (uintptr_t)block_payload(e->blocks[i]));
	cr_assert_eq(info->block_bytes, tag_size(block_tag(e->blocks[i])));
	if (e->requested[i] == SIZE_MAX) {
		cr_assert_eq(info->state, BLOCK_FREE);
		cr_assert_eq(info->usable_bytes | info->requested_bytes, 0);
	} else {
		cr_assert_eq(info->state, BLOCK_LIVE);
		cr_assert_eq(info->requested_bytes, e->requested[i]);
		cr_assert_eq(info->usable_bytes, info->block_bytes - TAG_BYTES);
		cr_assert_eq(info->tag_bytes, TAG_BYTES);
	}
	return true;
}

Test(block, walk_meets_every_block_as_it_is)
{
	struct block *a = take(0), *b = take(24), *c = take(25), *d = take(1000);
	cr_assert(release(c));
	struct expectation e = {{a, b, c, d, last_free()}, {0, 24, SIZE_MAX, 1000, SIZE_MAX}, 5, 0};
	cr_assert(blocks_walk(&core, expect_block, &e));
	cr_assert_eq(e.met, e.count);
}

Test(block, describe_knows_what_was_asked_for)
{
	for (size_t requested = 0; requested < 300; requested++) {
		struct block_info info;
		struct block *block = take(requested);
		cr_assert(block_describe(&core, region, block_payload(block), &info));
		cr_assert_eq(info.requested_bytes, requested);
		cr_assert(info.usable_bytes >= requested);
	}
}

/* ---- misuse ---- */

static enum fault_kind fault_of(const void *p)
{
	uint64_t tag;
	core.fault = (struct fault){0};
	cr_assert_null(block_verify_live(&core, region, p, &tag));
	return core.fault.kind;
}

Test(block, every_wrong_pointer_is_told_apart)
{
	struct block *a = take(100), *b = take(200), *c = take(300);
	char *p = block_payload(b);
	cr_assert_eq(fault_of(p + 16), FAULT_INTERIOR);
	cr_assert_eq(fault_of(p + 1), FAULT_MISALIGNED);
	cr_assert_eq(fault_of((void *)region->base), FAULT_INTERIOR);
	cr_assert_eq(fault_of((void *)(region->base + region->bytes)), FAULT_FOREIGN);
	cr_assert_eq(fault_of((void *)(region->base - 16)), FAULT_FOREIGN);
	cr_assert(release(b));
	cr_assert_eq(fault_of(p), FAULT_DOUBLE_FREE);
	cr_assert_eq(core.fault.block, (uintptr_t)p);
	cr_assert(release(a));
	cr_assert_eq(fault_of(p), FAULT_DOUBLE_FREE, "also after it was merged");
	(void)c;
}

Test(block, no_address_but_a_live_payload_is_taken_for_one)
{
	struct block *live[20];
	size_t count = 0;
	for (size_t i = 0; i < 20; i++)
		live[i] = take(i * 30);
	for (size_t i = 0; i < 20; i += 3)
		cr_assert(release(live[i]));
	for (uintptr_t p = region->base; p < region->base + 16384; p++) {
		uint64_t tag;
		count += block_verify_live(&core, region, (void *)p, &tag) != NULL;
	}
	cr_assert_eq(count, 13);
}

/* ---- damage ---- */

/* Damage one word, and see that the check says so; then repair it. */
static void expect_seen(uint64_t *word, uint64_t value, const char *what)
{
	uint64_t saved = *word;
	if (value == saved)
		return;
	*word = value;
	cr_expect_not(is_whole(), "%s was not seen", what);
	cr_expect(message.length > 0, "%s was seen without a word", what);
	*word = saved;
	cr_assert(is_whole(), "%s", message_chars);
}

Test(block, check_sees_damage_of_every_bit_of_a_tag)
{
	struct block *a = take(100), *b = take(200), *c = take(300);
	cr_assert(release(b));
	for (unsigned bit = 0; bit < 64; bit++) {
		uint64_t flip = (uint64_t)1 << bit;
		bool is_slack = (flip & TAG_SLACK_MASK) != 0;
		bool is_spare = bit == 3;
		/* A used block with another slack, or marked deferred, is possible. */
		if (!is_slack && !is_spare && flip != TAG_IS_DEFERRED)
			expect_seen(&a->tag, a->tag ^ flip, "a flipped bit in a used tag");
		if (!is_spare)
			expect_seen(&b->tag, b->tag ^ flip, "a flipped bit in a free tag");
		expect_seen(block_footer(b, tag_size(b->tag)), b->tag ^ flip,
			    "a flipped bit in a footer");
	}
	(void)c;
}

Test(block, check_sees_every_overwritten_word)
{
	struct block *blocks[6];
	for (size_t i = 0; i < 6; i++)
		blocks[i] = take(100 * i);
	for (size_t i = 0; i < 6; i++) {
		expect_seen(&blocks[i]->tag, 0, "a zeroed tag");
		expect_seen(&blocks[i]->tag, ~(uint64_t)0, "a tag of ones");
		expect_seen(&blocks[i]->tag, 0x4141414141414141, "a tag of letters");
		expect_seen(&blocks[i]->tag, blocks[5 - i]->tag, "a tag copied from elsewhere");
	}
	expect_seen(&region_end_block(region)->tag, 0, "a zeroed end tag");
	expect_seen(&region_end_block(region)->tag, blocks[0]->tag, "a block for an end tag");
}

Test(block, release_next_to_damage_changes_nothing)
{
	struct block *a = take(100), *b = take(200), *c = take(300);
	uint64_t saved = c->tag, tag = b->tag;
	c->tag ^= (uint64_t)1 << 50;
	cr_assert_not(release(b));
	cr_assert_eq(core.fault.kind, FAULT_BROKEN_TAG);
	cr_assert_eq(core.fault.address, (uintptr_t)c);
	cr_assert_eq(b->tag, tag);
	c->tag = saved;
	cr_assert(is_whole(), "%s", message_chars);
	cr_assert(release(a));
	uint64_t *footer = block_footer(a, tag_size(a->tag));
	saved = *footer;
	*footer = 0x4242424242424242;
	tag = b->tag;
	cr_assert_not(release(b));
	cr_assert_eq(b->tag, tag);
	*footer = saved;
	cr_assert(is_whole(), "%s", message_chars);
}
