/* SPDX-License-Identifier: MIT */
/*
 * Boundary tags: the slow paths, walking and checking. See block.h.
 */
#include "strategy/block.h"

bool core_has_block_at_slow(const struct strategy_core *core, uintptr_t address)
{
	for (const struct region *r = core->source->first; r != NULL; r = r->next) {
		if (address - r->base < r->bytes)
			return region_has_block_at(r, address);
	}
	return false;
}

bool block_broken(struct strategy_core *core, struct block *block)
{
	return core_fault(core, FAULT_BROKEN_TAG, (uintptr_t)block,
			  (uintptr_t)block_payload(block), 0);
}

/*
 * Walk from the start of the region to the block that holds `address`. Returns NULL when a tag on
 * the way is broken; then *out_broken is it.
 */
static struct block *block_containing(struct strategy_core *core, struct region *region,
				      uintptr_t address, struct block **out_broken)
{
	struct block *block = region_first_block(region);
	struct block *end = region_end_block(region);
	*out_broken = NULL;
	while (block < end) {
		uint64_t tag = block_tag(block);
		struct block *next = block_after(block, tag_size(tag));
		if (!tag_is_sound(core, block, tag) || tag_size(tag) < BLOCK_BYTES_MIN ||
		    next > end) {
			*out_broken = block;
			return NULL;
		}
		if (address < (uintptr_t)next)
			return block;
		block = next;
	}
	return NULL;
}

ALLOT_COLD void block_accuse(struct strategy_core *core, struct region *region,
			     const void *p)
{
	uintptr_t address = (uintptr_t)p;
	struct block *broken;
	if (address - region->base >= region->bytes) {
		core_fault(core, FAULT_FOREIGN, address, 0, 0);
		return;
	}
	struct block *block = block_containing(core, region, address, &broken);
	struct block *claimed = block_of_payload(p);
	if (block == NULL && broken == claimed) {
		core_fault(core, FAULT_BROKEN_TAG, (uintptr_t)broken, address, 0);
		return;
	}
	uintptr_t payload = block == NULL ? 0 : (uintptr_t)block_payload(block);
	size_t bytes = block == NULL ? 0 : tag_size(block_tag(block));
	bool is_used = block != NULL && (block_tag(block) & TAG_IS_USED);
	bool is_deferred = block != NULL && (block_tag(block) & TAG_IS_DEFERRED);
	enum fault_kind kind = FAULT_INTERIOR;
	if (address % ALIGN_BYTES != 0)
		kind = FAULT_MISALIGNED;
	else if (block != NULL && (!is_used || is_deferred))
		kind = FAULT_DOUBLE_FREE; /* at its start or merged into it */
	core_fault(core, kind, address, payload, bytes);
}

ALLOT_OUTLINE struct block *block_previous_free(struct strategy_core *core, struct block *block,
						size_t *out_bytes)
{
	uint64_t footer = word_load((uint64_t *)block - 1);
	size_t bytes = tag_size(footer);
	struct block *previous = (struct block *)((char *)block - bytes);
	if (unlikely(bytes < BLOCK_BYTES_MIN || (footer & TAG_IS_USED) ||
		     !tag_is_sound(core, previous, footer) ||
		     !core_has_block_at(core, (uintptr_t)previous) ||
		     (block_tag(previous) & ~(uint64_t)TAG_PREV_IS_USED) != footer)) {
		core_fault(core, FAULT_BROKEN_TAG, (uintptr_t)block - TAG_BYTES,
			   (uintptr_t)block_payload(block), 0);
		return NULL;
	}
	*out_bytes = bytes;
	return previous;
}

static void end_tag_set(struct strategy_core *core, struct block *end, uint64_t prev_flag)
{
	uint64_t tag = TAG_IS_USED;
	word_store(&end->tag, tag | prev_flag | tag_seal(core, end, tag));
}

void core_note_dropped(struct strategy_core *core, uintptr_t begin, uintptr_t end)
{
	uintptr_t page_bytes = core->source->page_bytes;
	uintptr_t last_page = align_down(end, page_bytes);
	/* The page of the seam stays, and is resident whatever is written there. */
	if (core->zero_from > last_page)
		for (uintptr_t word = last_page; word < end; word += sizeof(uint64_t))
			word_store((uint64_t *)word, 0);
	core->zero_from = size_min(core->zero_from, align_up(begin, page_bytes));
}

struct block *region_add_span(struct strategy_core *core, const struct span *span,
			      size_t *out_bytes)
{
	struct region *region = span->region;
	bool is_new = span->base == region->base;
	struct block *block = is_new ? region_first_block(region) :
				       (struct block *)(span->base - TAG_BYTES);
	size_t bytes = span->bytes - (is_new ? (size_t)REGION_OVERHEAD_BYTES : 0);
	if (is_new)
		core->zero_from = (uintptr_t)block + sizeof(*block);
	/* Where the region ended before, its end tag knows whether the block before is used. */
	uint64_t prev_flag = is_new ? TAG_PREV_IS_USED : block_tag(block) & TAG_PREV_IS_USED;
	block_set_free(core, block, bytes, prev_flag);
	end_tag_set(core, block_after(block, bytes), 0);
	*out_bytes = bytes;
	return block;
}

static void block_read(struct block *block, uint64_t tag, struct block_info *out)
{
	bool is_used = tag & TAG_IS_USED;
	bool is_live = is_used && !(tag & TAG_IS_DEFERRED);
	*out = (struct block_info){
		.payload = (uintptr_t)block_payload(block),
		.block_bytes = tag_size(tag),
		.tag_bytes = is_used ? TAG_BYTES : 2 * TAG_BYTES,
		.state = is_live ? BLOCK_LIVE : is_used ? BLOCK_DEFERRED : BLOCK_FREE,
	};
	if (is_live) {
		out->usable_bytes = tag_size(tag) - TAG_BYTES;
		out->requested_bytes = out->usable_bytes - tag_slack(tag);
	}
}

bool block_describe(struct strategy_core *core, struct region *region, void *p,
		    struct block_info *out)
{
	uint64_t tag;
	struct block *block = block_find_live(core, region, p, &tag);
	if (block == NULL)
		return false;
	block_read(block, tag, out);
	return true;
}

bool block_size(void *state, struct region *region, void *p, struct block_size *out)
{
	uint64_t tag;
	if (unlikely(block_find_live(state, region, p, &tag) == NULL))
		return false;
	out->usable_bytes = tag_size(tag) - TAG_BYTES;
	out->requested_bytes = out->usable_bytes - tag_slack(tag);
	return true;
}

static bool region_walk(struct strategy_core *core, struct region *region, block_visit *visit,
			void *context)
{
	struct block *block = region_first_block(region);
	struct block *end = region_end_block(region);
	while (block < end) {
		struct block_info info;
		uint64_t tag = block_tag(block);
		struct block *next = block_after(block, tag_size(tag));
		if (!tag_is_sound(core, block, tag) || tag_size(tag) < BLOCK_BYTES_MIN ||
		    next > end)
			return block_broken(core, block);
		block_read(block, tag, &info);
		if (!visit(&info, context))
			return false;
		block = next;
	}
	return true;
}

bool blocks_walk(struct strategy_core *core, block_visit *visit, void *context)
{
	for (struct region *region = core->source->first; region != NULL; region = region->next) {
		if (region->bytes > 0 && !region_walk(core, region, visit, context))
			return false;
	}
	return true;
}

/* What a check carries from block to block. */
struct region_check {
	struct strategy_core *core;
	struct text *message;
	bool free_neighbours;
	bool prev_is_used;
	size_t free_blocks;
};

static bool check_fails(struct region_check *check, struct block *block, const char *what)
{
	text_format(check->message, "%s at block %p", what, (void *)block_payload(block));
	return false;
}

static bool check_block(struct region_check *check, struct block *block, struct block *end)
{
	uint64_t tag = block_tag(block);
	size_t bytes = tag_size(tag);
	bool is_used = tag & TAG_IS_USED;
	if (!tag_is_sound(check->core, block, tag))
		return check_fails(check, block, "tag with a wrong seal");
	if (bytes < BLOCK_BYTES_MIN || block_after(block, bytes) > end)
		return check_fails(check, block, "tag with an impossible size");
	if (((tag & TAG_PREV_IS_USED) != 0) != check->prev_is_used)
		return check_fails(check, block, "tag that is wrong about the block before");
	if (!is_used && (tag & (TAG_IS_DEFERRED | TAG_SLACK_MASK)))
		return check_fails(check, block, "free block marked as if it were used");
	if (is_used && tag_slack(tag) > bytes - TAG_BYTES)
		return check_fails(check, block, "more slack than payload");
	if (!is_used && !check->free_neighbours && !check->prev_is_used)
		return check_fails(check, block, "free block not merged with the one before");
	if (!is_used && word_load(block_footer(block, bytes)) !=
				(tag & ~(uint64_t)TAG_PREV_IS_USED))
		return check_fails(check, block, "footer that differs from the tag");
	if (!is_used)
		check->free_blocks++;
	check->prev_is_used = is_used;
	return true;
}

static bool check_region(struct region_check *check, struct region *region)
{
	struct block *block = region_first_block(region);
	struct block *end = region_end_block(region);
	check->prev_is_used = true; /* nothing before the first block to merge with */
	while (block < end) {
		if (!check_block(check, block, end))
			return false;
		block = block_after(block, tag_size(block_tag(block)));
	}
	uint64_t tag = block_tag(end);
	if (block != end || tag_size(tag) != 0 || !(tag & TAG_IS_USED) ||
	    !tag_is_sound(check->core, end, tag))
		return check_fails(check, end, "broken end tag");
	if (((tag & TAG_PREV_IS_USED) != 0) != check->prev_is_used)
		return check_fails(check, end, "end tag that is wrong about the block before");
	return true;
}

bool blocks_check(struct strategy_core *core, bool free_neighbours, size_t *out_free_blocks,
		  struct text *message)
{
	struct region_check check = {
		.core = core, .message = message, .free_neighbours = free_neighbours};
	for (struct region *region = core->source->first; region != NULL; region = region->next) {
		if (region->bytes > 0 && !check_region(&check, region))
			return false;
	}
	*out_free_blocks = check.free_blocks;
	return true;
}
