/* SPDX-License-Identifier: MIT */
/*
 * Boundary tags: blocks that know their size at both ends.
 *
 * A region is cut into blocks without a gap. Each starts with one word, its tag, 8 bytes before a
 * multiple of 16, so that the payload behind it is 16-byte aligned. A free block repeats its tag
 * in its last word, the footer; a live one has no footer, for the next block's tag says in one
 * bit that this one is in use (Knuth, The Art of Computer Programming 1, 2.5, exercise 19;
 * Lea's malloc). So a live block costs one word, and both neighbours are found in constant time.
 *
 *      base                                                              base + bytes
 *      | pad | tag payload... | tag links...  footer | tag payload... | end tag |
 *      0     8
 *
 *     63        42 41     36 35                4  3    2        1         0
 *     |   seal    |  slack  |  size in bytes/16  | -  deferred  prev used  used |
 *
 *   size       of the whole block, tag included; the end tag's is 0.
 *   used       handed out, or deferred.
 *   prev used  the block before is not free: it has no footer.
 *   deferred   freed by the program but kept whole; counts as used for its neighbours.
 *   slack      bytes of the payload nobody asked for (0..63): what makes accounting exact.
 *   seal       22 bits that depend on a secret key, the block's address, its size and `used`.
 *
 * The seal is what makes damage visible: a stray write, an interior pointer taken for a block, a
 * tag copied from elsewhere pass with a chance of 1 in 4 million. It leaves out the bits that
 * change without the block itself changing, so that setting `prev used` needs no new seal.
 *
 * Invariant that double frees are found by: the word at a former block's start says "not used"
 * until a payload covers it. Whoever merges or splits blocks must keep it so.
 *
 * Not here: which free block to take (the strategies), and the sequences they share (tagged.h).
 */
#ifndef STRATEGY_BLOCK_H
#define STRATEGY_BLOCK_H

#include <assert.h>

#include "base/access.h"
#include "base/bits.h"
#include "base/compiler.h"
#include "strategy/strategy.h"

enum {
	TAG_IS_USED = 1,
	TAG_PREV_IS_USED = 2,
	TAG_IS_DEFERRED = 4,
	TAG_SLACK_SHIFT = 36,
	TAG_SLACK_MAX = 63,
	TAG_SEAL_SHIFT = 42,
	TAG_BYTES = 8,
	REGION_PAD_BYTES = 8,                         /* before the first block */
	REGION_OVERHEAD_BYTES = REGION_PAD_BYTES + TAG_BYTES, /* and the end tag */
	BLOCK_BYTES_MIN = 32,                         /* a tag, two links, a footer */
	DEFERRED_BLOCK_BYTES_MAX = 1024,              /* no larger block is ever deferred */
	PAGES_BLOCK_BYTES_MIN = 64 << 10, /* free blocks from here on count their dirty bytes */
	SEAM_WORDS = 3, /* at the end of a region: dirty bytes and footer of a block, the end tag */
	SEAM_BYTES = SEAM_WORDS * TAG_BYTES,
};

#define TAG_SIZE_MASK ((uint64_t)0xFFFFFFFF0)
#define TAG_SLACK_MASK ((uint64_t)TAG_SLACK_MAX << TAG_SLACK_SHIFT)
#define TAG_SEAL_MASK (~(uint64_t)0 << TAG_SEAL_SHIFT)
#define BLOCK_BYTES_MAX ((size_t)1 << 35) /* keeps sums of two sizes inside the field */

struct block {
	uint64_t tag;
	/* The payload; when free: */
	struct block *next;
	struct block *previous;
};

/* Called for a free block of `bytes`, by its tag, which nobody has verified. */
typedef void free_block_visit(struct strategy_core *core, struct block *block, size_t bytes,
			      size_t *released);

ALLOT_INLINE size_t tag_size(uint64_t tag)
{
	return tag & TAG_SIZE_MASK;
}

ALLOT_INLINE size_t tag_slack(uint64_t tag)
{
	return (tag & TAG_SLACK_MASK) >> TAG_SLACK_SHIFT;
}

/* The seal of a block, and bits below it: a multiplicative hash by the secret odd key. */
ALLOT_INLINE uint64_t seal_of(uint64_t key, const struct block *block, uint64_t size,
			      uint64_t used_flag)
{
	return ((uintptr_t)block ^ (size + used_flag) << 16) * key;
}

/* The seal that belongs to `tag` at `block`. */
ALLOT_INLINE uint64_t tag_seal(const struct strategy_core *core, const struct block *block,
			       uint64_t tag)
{
	return seal_of(core->key, block, tag_size(tag), tag & TAG_IS_USED) & TAG_SEAL_MASK;
}

ALLOT_INLINE bool tag_is_sound(const struct strategy_core *core, const struct block *block,
			       uint64_t tag)
{
	return ((tag_seal(core, block, tag) ^ tag) & TAG_SEAL_MASK) == 0;
}

ALLOT_INLINE uint64_t block_tag(const struct block *block)
{
	return word_load(&block->tag);
}

ALLOT_INLINE void *block_payload(struct block *block)
{
	return (char *)block + TAG_BYTES;
}

ALLOT_INLINE struct block *block_of_payload(const void *p)
{
	return (struct block *)((uintptr_t)p - TAG_BYTES);
}

ALLOT_INLINE struct block *block_after(struct block *block, size_t bytes)
{
	return (struct block *)((char *)block + bytes);
}

ALLOT_INLINE uint64_t *block_footer(struct block *block, size_t bytes)
{
	return (uint64_t *)((char *)block + bytes - TAG_BYTES);
}

/*
 * Of a free block of PAGES_BLOCK_BYTES_MIN at least, before its footer: about how much of it is
 * resident.
 */
static inline uint64_t *block_dirty_bytes(struct block *block, size_t bytes)
{
	return block_footer(block, bytes) - 1;
}

static inline struct block *region_first_block(const struct region *region)
{
	return (struct block *)(region->base + REGION_PAD_BYTES);
}

static inline struct block *region_end_block(const struct region *region)
{
	return (struct block *)(region->base + region->bytes - TAG_BYTES);
}

/* Memory up to `end` was written, or handed out. */
ALLOT_INLINE void core_note_written(struct strategy_core *core, const void *end)
{
	if ((uintptr_t)end > core->zero_from)
		core->zero_from = (uintptr_t)end;
}

/* What is known to be zero in a block: the rest of what was asked for must be cleared. */
struct zeros {
	uintptr_t begin;
	uintptr_t end;
};

/* Of the block at `p`, that was just allocated; all there was to be noted before is forgotten. */
static inline struct zeros core_zeros_placed(struct strategy_core *core, const void *p)
{
	const struct region *last = core->source->last;
	uintptr_t address = (uintptr_t)p;
	uintptr_t from = core->placed_zero_from;
	/* No address inside a block is to lie about where memcheck looks for pointers. */
	core->placed_zero_from = UINTPTR_MAX;
	if (p == NULL || from == UINTPTR_MAX || address - last->base >= last->bytes)
		return (struct zeros){address, address};
	return (struct zeros){size_max(address, from), last->base + last->bytes - SEAM_BYTES};
}

/* The whole pages of [begin, end), up to the seam of the last region, were dropped. */
void core_note_dropped(struct strategy_core *core, uintptr_t begin, uintptr_t end);

/* Does `address` lie where a block of this heap could start? */
ALLOT_INLINE bool region_has_block_at(const struct region *region, uintptr_t address)
{
	return address % ALIGN_BYTES == REGION_PAD_BYTES &&
	       address - region->base <= region->bytes - REGION_OVERHEAD_BYTES - BLOCK_BYTES_MIN +
						 REGION_PAD_BYTES;
}

bool core_has_block_at_slow(const struct strategy_core *core, uintptr_t address);

ALLOT_INLINE bool core_has_block_at(const struct strategy_core *core, uintptr_t address)
{
	const struct region *region = core->source->first;
	if (likely(address - region->base < region->bytes))
		return region_has_block_at(region, address);
	return core_has_block_at_slow(core, address);
}

/* The block size for a request; the request must be at most BLOCK_BYTES_MAX. */
ALLOT_INLINE size_t block_bytes_for(size_t requested)
{
	size_t bytes = (requested + TAG_BYTES + ALIGN_BYTES - 1) & ~(size_t)(ALIGN_BYTES - 1);
	return bytes < BLOCK_BYTES_MIN ? BLOCK_BYTES_MIN : bytes;
}

/* Make `block` live, with `requested` of its `bytes` asked for. Leaves the next tag alone. */
ALLOT_INLINE void block_set_used(const struct strategy_core *core, struct block *block,
				 size_t bytes, uint64_t prev_flag, size_t requested)
{
	uint64_t slack = bytes - TAG_BYTES - requested;
	uint64_t tag = bytes | TAG_IS_USED;
	assert(slack <= TAG_SLACK_MAX);
	word_store(&block->tag,
		   tag | prev_flag | slack << TAG_SLACK_SHIFT | tag_seal(core, block, tag));
}

/* Make `block` free: tag and footer. Leaves the next tag alone. */
ALLOT_INLINE void block_set_free(const struct strategy_core *core, struct block *block,
				 size_t bytes, uint64_t prev_flag)
{
	uint64_t tag = bytes | tag_seal(core, block, bytes);
	word_store(&block->tag, tag | prev_flag);
	word_store(block_footer(block, bytes), tag);
}

/* Say in the tag at `next` whether the block before it is used. */
ALLOT_INLINE void block_set_prev_used(struct block *next, bool is_used)
{
	uint64_t tag = block_tag(next);
	uint64_t wanted = is_used ? tag | TAG_PREV_IS_USED : tag & ~(uint64_t)TAG_PREV_IS_USED;
	if (tag != wanted)
		word_store(&next->tag, wanted);
}

/*
 * Is `p` the payload of a block in use, whose tag is then *out_tag? Not if it is misaligned,
 * outside, interior, already free, or its tag is broken. Deferred blocks are in use, and so is the
 * end tag of a region, which has no size. The key is read when it is multiplied by.
 */
ALLOT_INLINE bool block_has_used_tag(const uint64_t *key, const struct region *region,
				     const void *p, uint64_t *out_tag)
{
	const struct block *block = block_of_payload(p);
	/* Tags lie from base + 8 to the end tag; region->bytes is a multiple of 16. */
	if (unlikely((uintptr_t)block - region->base >= load_compared(&region->bytes)) ||
	    unlikely((uintptr_t)p % ALIGN_BYTES != 0))
		return false;
	uint64_t tag = block_tag(block);
	*out_tag = tag;
	/* The seal it has if it is in use. */
	uint64_t seal = seal_of(*key, block, tag_size(tag), TAG_IS_USED);
	return likely((seal ^ tag) >> TAG_SEAL_SHIFT == 0) && likely(tag & TAG_IS_USED);
}

/* The live block whose payload `p` is, with its tag, or NULL. Records nothing. */
ALLOT_INLINE struct block *block_find_live(const struct strategy_core *core,
					   const struct region *region, const void *p,
					   uint64_t *out_tag)
{
	uint64_t tag = 0;
	bool is_live = block_has_used_tag(&core->key, region, p, &tag) &&
		       !(tag & TAG_IS_DEFERRED) && tag_size(tag) != 0;
	*out_tag = is_live ? tag : 0;
	return is_live ? block_of_payload(p) : NULL;
}

/* Record what is wrong with `p`, which block_find_live() did not find. */
void block_accuse(struct strategy_core *core, struct region *region, const void *p);

/* As block_find_live(), for a call that got `p` from the program: NULL comes with a fault. */
ALLOT_INLINE struct block *block_verify_live(struct strategy_core *core, struct region *region,
					     const void *p, uint64_t *out_tag)
{
	struct block *block = block_find_live(core, region, p, out_tag);
	if (unlikely(block == NULL))
		block_accuse(core, region, p);
	return block;
}

/*
 * The free block before `block`, whose tag says there is one, with its size. NULL with a fault:
 * the footer or the tag it leads to is broken.
 */
struct block *block_previous_free(struct strategy_core *core, struct block *block,
				  size_t *out_bytes);

/* Report that the tag at `block` is broken; false. */
bool block_broken(struct strategy_core *core, struct block *block);

/* Turn a fresh span into one free block, closed by an end tag; no merging. Returns the block. */
struct block *region_add_span(struct strategy_core *core, const struct span *span,
			      size_t *out_bytes);

/* Visit every block of every region. Stops at damage, returning false with the fault recorded. */
bool blocks_walk(struct strategy_core *core, block_visit *visit, void *context);

/*
 * Check every tag, footer and flag, that blocks fill each region exactly, and, if
 * `free_neighbours` is false, that no two free blocks touch. Counts free blocks for the caller to
 * compare with its own index.
 */
bool blocks_check(struct strategy_core *core, bool free_neighbours, size_t *out_free_blocks,
		  struct text *message);

bool block_describe(struct strategy_core *core, struct region *region, void *p,
		    struct block_info *out);
/* The `size` of every strategy on boundary tags, whose state is its core first. */
bool block_size(void *state, struct region *region, void *p, struct block_size *out);

#endif
