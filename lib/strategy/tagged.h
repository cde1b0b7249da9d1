/* SPDX-License-Identifier: MIT */
/*
 * The sequences that every strategy on boundary tags shares: release with merging, place with
 * splitting, grow, resize, trim. A template: a strategy passes its `struct tagged_index`, a
 * constant of functions that keep its index of free blocks, and the compiler inlines them.
 *
 * Rules between the two:
 *   - a free block is in the index exactly when its tag says free, but inside these functions;
 *   - insert and remove cannot fail; is_intact is asked first, before anything is changed, so
 *     that a call that meets damage leaves the heap as it was;
 *   - what is placed, and the tag and links behind it, is below core->zero_from;
 *   - a free block of PAGES_BLOCK_BYTES_MIN at least carries about how many of its bytes are
 *     resident, and core->dirty_bytes is the sum: what a trim would give back.
 */
#ifndef STRATEGY_TAGGED_H
#define STRATEGY_TAGGED_H

#include "strategy/block.h"

struct tagged_index {
	/* Enter a free block whose tag and footer are set. */
	void (*insert)(struct strategy_core *core, struct block *block, size_t bytes);
	/* Take it out; its tag may still say free. */
	void (*remove)(struct strategy_core *core, struct block *block, size_t bytes);
	/* Would remove find its links whole? */
	bool (*is_intact)(const struct strategy_core *core, const struct block *block);
	/*
	 * For whoever remembers where blocks start; NULL when of no interest. Free blocks make
	 * themselves known by insert, these tell the rest. A used block starts at `block`.
	 */
	void (*started)(struct strategy_core *core, struct block *block);
	/* `gone` is no block's start any more: it lies in `into`; `after` starts behind that. */
	void (*absorbed)(struct strategy_core *core, struct block *gone, struct block *into,
			 struct block *after);
	/* Call `visit` for the free blocks whose tags say at least `bytes_min`. */
	void (*visit_free)(struct strategy_core *core, size_t bytes_min,
			   free_block_visit *visit, size_t *released);
};

/* ---- free blocks and their dirty bytes ---- */

ALLOT_INLINE void tagged_insert(struct strategy_core *core, const struct tagged_index *index,
				struct block *block, size_t bytes, size_t dirty_bytes)
{
	if (unlikely(bytes >= PAGES_BLOCK_BYTES_MIN)) {
		word_store(block_dirty_bytes(block, bytes), dirty_bytes);
		core->dirty_bytes += dirty_bytes;
		core->idle_bytes += bytes;
	}
	index->insert(core, block, bytes);
}

/* Take a free block out of the index; returns its dirty bytes. */
ALLOT_INLINE size_t tagged_remove(struct strategy_core *core, const struct tagged_index *index,
				  struct block *block, size_t bytes)
{
	size_t dirty_bytes = bytes;
	if (unlikely(bytes >= PAGES_BLOCK_BYTES_MIN)) {
		dirty_bytes = word_load(block_dirty_bytes(block, bytes));
		core->dirty_bytes = size_minus(core->dirty_bytes, dirty_bytes);
		core->idle_bytes = size_minus(core->idle_bytes, bytes);
	}
	index->remove(core, block, bytes);
	return dirty_bytes;
}

ALLOT_INLINE void tagged_absorbed(struct strategy_core *core, const struct tagged_index *index,
				  struct block *gone, struct block *into, struct block *after)
{
	core->merges++;
	if (index->absorbed != NULL)
		index->absorbed(core, gone, into, after);
}

/* Make [block, block + bytes) a free block in the index. */
ALLOT_INLINE void tagged_make_free(struct strategy_core *core, const struct tagged_index *index,
				   struct block *block, size_t bytes, uint64_t prev_flag,
				   size_t dirty_bytes)
{
	block_set_free(core, block, bytes, prev_flag);
	block_set_prev_used(block_after(block, bytes), false);
	tagged_insert(core, index, block, bytes, dirty_bytes);
}

/* ---- release ---- */

/*
 * Make a used block free, merged with its free neighbours, and enter it. `tag` is its tag. False,
 * and nothing changed, when a neighbour is damaged.
 */
ALLOT_INLINE bool tagged_release(struct strategy_core *core, const struct tagged_index *index,
				 struct block *block, uint64_t tag)
{
	size_t bytes = tag_size(tag);
	size_t dirty_bytes = bytes;
	uint64_t prev_flag = tag & TAG_PREV_IS_USED;
	struct block *next = block_after(block, bytes);
	uint64_t next_tag = block_tag(next);
	struct block *previous = NULL;
	size_t previous_bytes = 0;

	if (unlikely(!tag_is_sound(core, next, next_tag)))
		return block_broken(core, next);
	bool merge_next = !(next_tag & TAG_IS_USED);
	if (merge_next && unlikely(!index->is_intact(core, next)))
		return block_broken(core, next);
	if (!prev_flag) {
		previous = block_previous_free(core, block, &previous_bytes);
		if (unlikely(previous == NULL))
			return false;
		if (unlikely(!index->is_intact(core, previous)))
			return block_broken(core, previous);
	}
	if (merge_next) {
		dirty_bytes += tagged_remove(core, index, next, tag_size(next_tag));
		bytes += tag_size(next_tag);
		tagged_absorbed(core, index, next, block, block_after(block, bytes));
	}
	if (previous != NULL) {
		dirty_bytes += tagged_remove(core, index, previous, previous_bytes);
		tagged_absorbed(core, index, block, previous, block_after(block, bytes));
		bytes += previous_bytes;
		/* The word at a former block's start says "not used". */
		word_store(&block->tag, 0);
		block = previous;
		prev_flag = block_tag(previous) & TAG_PREV_IS_USED;
	}
	tagged_make_free(core, index, block, bytes, prev_flag, size_min(dirty_bytes, bytes));
	return true;
}

/* Make a used block free and enter it without looking at its neighbours. */
ALLOT_INLINE bool tagged_release_unmerged(struct strategy_core *core,
					  const struct tagged_index *index, struct block *block,
					  uint64_t tag)
{
	size_t bytes = tag_size(tag);
	struct block *next = block_after(block, bytes);
	if (unlikely(!tag_is_sound(core, next, block_tag(next))))
		return block_broken(core, next);
	tagged_make_free(core, index, block, bytes, tag & TAG_PREV_IS_USED, bytes);
	return true;
}

/* ---- place ---- */

/*
 * Cut a used block of `need` bytes, `requested` of them asked for, from the front of a free block
 * that is out of the index; the rest, if it can be a block, is entered.
 */
ALLOT_INLINE void *tagged_place(struct strategy_core *core, const struct tagged_index *index,
				struct block *block, size_t bytes, size_t need, size_t requested,
				uint64_t prev_flag, size_t dirty_bytes)
{
	size_t rest = bytes - need;
	core->placed_zero_from = core->zero_from;
	if (rest >= BLOCK_BYTES_MIN) {
		struct block *remainder = block_after(block, need);
		core->splits++;
		block_set_used(core, block, need, prev_flag, requested);
		/* The tag behind the remainder says already that it follows a free block. */
		block_set_free(core, remainder, rest, TAG_PREV_IS_USED);
		tagged_insert(core, index, remainder, rest,
			      size_min(rest, size_minus(dirty_bytes, need)));
		core_note_written(core, remainder + 1);
	} else {
		block_set_used(core, block, bytes, prev_flag, requested);
		block_set_prev_used(block_after(block, bytes), true);
		core_note_written(core, block_after(block, bytes) + 1);
	}
	return block_payload(block);
}

/* Place in a free block that is still in the index. */
ALLOT_INLINE void *tagged_take(struct strategy_core *core, const struct tagged_index *index,
			       struct block *block, uint64_t tag, size_t need, size_t requested)
{
	size_t dirty_bytes = tagged_remove(core, index, block, tag_size(tag));
	return tagged_place(core, index, block, tag_size(tag), need, requested,
			    tag & TAG_PREV_IS_USED, dirty_bytes);
}

/* What must be cut off in front of a block so that its payload lies at a multiple of `align`. */
static inline size_t tagged_aligned_gap(const struct block *block, size_t align)
{
	uintptr_t payload = (uintptr_t)block + TAG_BYTES;
	uintptr_t aligned = align_up(payload, align);
	/* It must be able to be a block. */
	if (aligned != payload && aligned - payload < BLOCK_BYTES_MIN)
		aligned = align_up(payload + BLOCK_BYTES_MIN, align);
	return aligned - payload;
}

/* As tagged_take(), with the payload at a multiple of `align`; the block is large enough. */
static inline void *tagged_take_aligned(struct strategy_core *core,
					const struct tagged_index *index, struct block *block,
					uint64_t tag, size_t need, size_t requested, size_t align)
{
	size_t bytes = tag_size(tag);
	size_t dirty_bytes = tagged_remove(core, index, block, bytes);
	size_t gap = tagged_aligned_gap(block, align);
	uint64_t prev_flag = tag & TAG_PREV_IS_USED;
	assert(gap + need <= bytes);
	if (gap > 0) {
		core->splits++;
		block_set_free(core, block, gap, prev_flag);
		tagged_insert(core, index, block, gap, size_min(gap, dirty_bytes));
		block = block_after(block, gap);
		bytes -= gap;
		dirty_bytes = size_minus(dirty_bytes, gap);
		prev_flag = 0;
		if (index->started != NULL)
			index->started(core, block);
	}
	return tagged_place(core, index, block, bytes, need, requested, prev_flag, dirty_bytes);
}

/* How large a free block must be to hold `need` bytes at any multiple of `align`. */
static inline size_t tagged_aligned_need(size_t need, size_t align)
{
	return align <= ALIGN_BYTES ? need : need + align + BLOCK_BYTES_MIN;
}

/* ---- grow ---- */

/* Size of the free block at the end of the last region, 0 if there is none. */
static inline size_t tagged_tail_bytes(struct strategy_core *core)
{
	struct region *last = core->source->last;
	if (last == NULL || last->bytes == 0)
		return 0;
	struct block *end = region_end_block(last);
	if (block_tag(end) & TAG_PREV_IS_USED)
		return 0;
	return tag_size(word_load((uint64_t *)end - 1));
}

/* Turn a fresh span into a free block, merged with one before it, and enter it. */
static inline struct block *tagged_add_span(struct strategy_core *core,
					    const struct tagged_index *index,
					    const struct span *span, size_t *out_bytes)
{
	size_t bytes, previous_bytes, dirty_bytes = 0;
	struct block *block = region_add_span(core, span, &bytes);
	uint64_t prev_flag = block_tag(block) & TAG_PREV_IS_USED;
	if (!prev_flag) {
		struct block *previous = block_previous_free(core, block, &previous_bytes);
		if (previous != NULL && index->is_intact(core, previous)) {
			dirty_bytes = tagged_remove(core, index, previous, previous_bytes);
			for (uint64_t *word = &block->tag; word > &block->tag - SEAM_WORDS; word--)
				word_store(word, 0);
			tagged_absorbed(core, index, block, previous, block_after(block, bytes));
			bytes += previous_bytes;
			block = previous;
			prev_flag = block_tag(previous) & TAG_PREV_IS_USED;
			block_set_free(core, block, bytes, prev_flag);
		}
	}
	/* Of interest where the block before is damaged. */
	core_note_written(core, block + 1);
	tagged_insert(core, index, block, bytes, dirty_bytes);
	*out_bytes = bytes;
	return block;
}

/*
 * Get memory so that there is a free block of `need` bytes at the end of a region; it is in the
 * index. NULL when the source has no more.
 */
static inline struct block *tagged_grow(struct strategy_core *core,
					const struct tagged_index *index, size_t need)
{
	/* The first try may land in a new region, short by what it hoped to merge with. */
	for (int attempt = 0; attempt < 2; attempt++) {
		struct span span;
		size_t bytes;
		size_t ask = size_minus(need, tagged_tail_bytes(core));
		if (core->source->last == NULL || attempt > 0)
			ask = need + REGION_OVERHEAD_BYTES;
		if (!source_grow(core->source, size_max(ask, 1), &span))
			return NULL;
		struct block *block = tagged_add_span(core, index, &span, &bytes);
		if (bytes >= need)
			return block;
	}
	return NULL;
}

/* ---- resize ---- */

/* Shorten a used block to `need` bytes; what is cut off is released if it can be a block. */
static inline bool tagged_shrink(struct strategy_core *core, const struct tagged_index *index,
				 struct block *block, uint64_t tag, size_t need, size_t requested)
{
	size_t bytes = tag_size(tag);
	uint64_t prev_flag = tag & TAG_PREV_IS_USED;
	struct block *next = block_after(block, bytes);
	uint64_t next_tag = block_tag(next);
	if (bytes - need < BLOCK_BYTES_MIN) {
		block_set_used(core, block, bytes, prev_flag, requested);
		return true;
	}
	if (!tag_is_sound(core, next, next_tag))
		return block_broken(core, next);
	if (!(next_tag & TAG_IS_USED) && !index->is_intact(core, next))
		return block_broken(core, next);
	struct block *rest = block_after(block, need);
	core->splits++;
	block_set_used(core, block, need, prev_flag, requested);
	block_set_used(core, rest, bytes - need, TAG_PREV_IS_USED, bytes - need - TAG_BYTES);
	return tagged_release(core, index, rest, block_tag(rest));
}

/* Absorb the free block behind, of `next_tag`, into a used one. */
static inline void tagged_absorb(struct strategy_core *core, const struct tagged_index *index,
				 struct block *block, uint64_t tag, uint64_t next_tag, size_t need,
				 size_t requested)
{
	struct block *next = block_after(block, tag_size(tag));
	size_t dirty_bytes = tagged_remove(core, index, next, tag_size(next_tag));
	tagged_absorbed(core, index, next, block, block_after(next, tag_size(next_tag)));
	/* The dirty bytes of what was absorbed lie in front, and that is what is used now. */
	tagged_place(core, index, block, tag_size(tag) + tag_size(next_tag), need, requested,
		     tag & TAG_PREV_IS_USED, tag_size(tag) + dirty_bytes);
}

static inline enum resize_result tagged_resize(struct strategy_core *core,
					       const struct tagged_index *index,
					       struct region *region, void *p, size_t requested,
					       size_t room_bytes)
{
	uint64_t tag;
	struct block *block = block_verify_live(core, region, p, &tag);
	if (block == NULL)
		return RESIZE_FAULT;
	size_t need = block_bytes_for(requested);
	size_t bytes = tag_size(tag);
	if (need <= bytes)
		return tagged_shrink(core, index, block, tag, need, requested) ? RESIZE_DONE :
										 RESIZE_FAULT;
	struct block *next = block_after(block, bytes);
	uint64_t next_tag = block_tag(next);
	if (!tag_is_sound(core, next, next_tag))
		return block_broken(core, next), RESIZE_FAULT;
	bool next_is_free = !(next_tag & TAG_IS_USED);
	size_t room = bytes + (next_is_free ? tag_size(next_tag) : 0);
	struct block *end = region_end_block(region);
	if (next_is_free && !index->is_intact(core, next))
		return block_broken(core, next), RESIZE_FAULT;
	if (room < need) {
		/* The last block of the heap grows with the heap. */
		bool is_last = block_after(block, room) == end && region == core->source->last;
		uintptr_t region_end = region->base + region->bytes;
		size_t ask = block_bytes_for(size_max(requested, room_bytes)) - bytes;
		if (!is_last || (tagged_grow(core, index, ask) == NULL &&
				 tagged_grow(core, index, need - bytes) == NULL))
			return RESIZE_MUST_MOVE;
		if (region->base + region->bytes == region_end)
			return RESIZE_MUST_MOVE; /* it grew elsewhere */
		next_tag = block_tag(next);
		room = bytes + tag_size(next_tag);
		if ((next_tag & TAG_IS_USED) || room < need)
			return RESIZE_MUST_MOVE;
	}
	requested = size_min(size_max(requested, room_bytes), room - TAG_BYTES);
	tagged_absorb(core, index, block, tag, next_tag, block_bytes_for(requested), requested);
	return RESIZE_DONE;
}

/* ---- trim ---- */

/* Drop the pages inside one free block, unless enough has been given. */
static inline void tagged_release_pages(struct strategy_core *core, struct block *block,
					size_t bytes, size_t *still)
{
	uint64_t tag = block_tag(block);
	if (unlikely((tag & TAG_IS_USED) || !tag_is_sound(core, block, tag))) {
		block_broken(core, block);
		return;
	}
	uint64_t *dirty = block_dirty_bytes(block, bytes);
	size_t dirty_bytes = word_load(dirty);
	if (dirty_bytes == 0 || *still == 0)
		return;
	uintptr_t begin = (uintptr_t)block + sizeof(*block);
	uintptr_t end = (uintptr_t)dirty;
	if (source_release(core->source, begin, end) == 0)
		return;
	if (block_after(block, bytes) == region_end_block(core->source->last))
		core_note_dropped(core, begin, end);
	*still = size_minus(*still, dirty_bytes);
	word_store(dirty, 0);
	core->dirty_bytes = size_minus(core->dirty_bytes, dirty_bytes);
}

/* Give back the free end of the last region, all but `keep_bytes`, but no more than asked for. */
static inline size_t tagged_trim_tail(struct strategy_core *core,
				      const struct tagged_index *index, size_t keep_bytes,
				      size_t most_bytes)
{
	struct region *last = core->source->last;
	size_t bytes = tagged_tail_bytes(core);
	struct block *block;
	if (bytes <= keep_bytes || bytes - keep_bytes < core->source->unit_bytes + BLOCK_BYTES_MIN)
		return 0;
	block = block_previous_free(core, region_end_block(last), &bytes);
	if (block == NULL || !index->is_intact(core, block))
		return 0;
	uint64_t prev_flag = block_tag(block) & TAG_PREV_IS_USED;
	size_t dirty_bytes = tagged_remove(core, index, block, bytes);
	size_t spare = size_min(bytes - size_max(keep_bytes, BLOCK_BYTES_MIN), most_bytes);
	size_t given = source_shrink(core->source, last, spare);
	bytes -= given;
	block_set_free(core, block, bytes, prev_flag);
	struct block *end = region_end_block(last);
	word_store(&end->tag, TAG_IS_USED | tag_seal(core, end, TAG_IS_USED));
	/* Where the heap grows again it is zero, behind this block's links. */
	uintptr_t seam = (uintptr_t)end + TAG_BYTES - SEAM_BYTES;
	core->zero_from = size_min(core->zero_from, size_max(seam, (uintptr_t)(block + 1)));
	tagged_insert(core, index, block, bytes, size_min(dirty_bytes, bytes));
	return given;
}

static inline size_t tagged_trim(struct strategy_core *core, const struct tagged_index *index,
				 size_t keep_bytes, size_t most_bytes)
{
	size_t released = tagged_trim_tail(core, index, keep_bytes, most_bytes);
	size_t still = size_minus(most_bytes, released);
	index->visit_free(core, PAGES_BLOCK_BYTES_MIN, tagged_release_pages, &still);
	/* What is not known of any block came of rounding, or of one that is damaged. */
	if (still > 0)
		core->dirty_bytes = 0;
	return most_bytes - still;
}

#endif
