/* SPDX-License-Identifier: MIT */
/*
 * Segregated fit: free blocks on lists by size, with a bitmap of the lists that are not empty.
 *
 * Lists. Below 1 KiB each multiple of 16 bytes has its own list, so that a hit is exact. Above,
 * each doubling is divided into 16 lists (the two-level scheme of TLSF: Masmano, Ripoll, Crespo
 * and Real 2004). A block is on the list its size falls into.
 *
 * Finding. The list the need falls into may hold blocks that are too small: of its first few the
 * best that fits is taken. Otherwise the bitmap gives the next list that is not empty, all of
 * whose blocks fit, in two instructions a word. What is left over is split off and entered again.
 *
 * The top, the free block at the end of the heap, is on no list and used when nothing on them fits.
 * So it has no links, and what is cut off it is not: cutting leaves the rest untouched but for its
 * tag, which lies in a page with the end of what was cut off. (With links in the next page, each of
 * the slabs that a small program has would make two pages resident, where it needs one.)
 *
 * Coalescing. Immediate: a freed block is merged with both neighbours by boundary tags and
 * entered. Deferred: small blocks wait whole on quick lists (quick_list.h) until a request finds
 * nothing or too many bytes wait.
 *
 * Work. Allocate and free are O(1): a bitmap search over a constant number of words, a bounded
 * look into one list. With order:address an insertion is O(length of its list); with fit:best a
 * search is O(length of one list). A flush is O(blocks that wait), paid for by their frees.
 */
#include "strategy/free_list.h"
#include "strategy/quick_list.h"
#include "strategy/tagged.h"

enum {
	EXACT_BYTES_MAX = 1024,
	EXACT_SHIFT = 10,
	LISTS_A_DOUBLING_SHIFT = 4,
	LISTS_A_DOUBLING = 1 << LISTS_A_DOUBLING_SHIFT,
	DOUBLINGS = 36 - EXACT_SHIFT, /* up to the size field of a tag */
	EXACT_LISTS = EXACT_BYTES_MAX / ALIGN_BYTES,
	LISTS = EXACT_LISTS + DOUBLINGS * LISTS_A_DOUBLING,
	BITMAP_WORDS = (LISTS + 63) / 64,
	/* How many blocks of the need's own list are looked at: enough to find a near fit in a
	 * list whose sizes differ by 6 % at most, few enough to stay in the noise. */
	LOOKS_MAX = 8,
	/* Deferred bytes that may wait before all are merged. */
	QUICK_BYTES_MAX = 64 << 10,
};

struct segregated {
	struct strategy_core core;
	uint64_t bitmap[BITMAP_WORDS]; /* bit i: lists[i] is not empty */
	struct block *lists[LISTS];
	struct block *top; /* or NULL */
	struct quick_lists quick;
};

ALLOT_INLINE struct segregated *of_core(const struct strategy_core *core)
{
	return (struct segregated *)(uintptr_t)core;
}

/* The list for blocks of `bytes`. */
ALLOT_INLINE unsigned list_of(size_t bytes)
{
	if (likely(bytes < EXACT_BYTES_MAX))
		return (unsigned)(bytes / ALIGN_BYTES);
	unsigned doubling = log2_floor(bytes);
	/* The leading bits, the first of which counts as a doubling more. */
	unsigned leading = (unsigned)(bytes >> (doubling - LISTS_A_DOUBLING_SHIFT));
	return leading + (doubling << LISTS_A_DOUBLING_SHIFT) + EXACT_LISTS -
	       ((EXACT_SHIFT + 1) << LISTS_A_DOUBLING_SHIFT);
}

/* The first list from `list` on that is not empty, LISTS if none. */
ALLOT_INLINE unsigned list_find(const struct segregated *s, unsigned list)
{
	unsigned word = list / 64;
	uint64_t bits = word_load(&s->bitmap[word]) & ~(uint64_t)0 << list % 64;
	while (bits == 0) {
		if (++word == BITMAP_WORDS)
			return LISTS;
		bits = word_load(&s->bitmap[word]);
	}
	return word * 64 + lowest_bit(bits);
}

ALLOT_INLINE void list_insert(struct segregated *s, struct block *block, size_t bytes)
{
	unsigned list = list_of(bytes);
	uint64_t *word = &s->bitmap[list / 64];
	if (unlikely(s->core.policy.order == ORDER_ADDRESS))
		free_list_insert_sorted(&s->core, &s->lists[list], block);
	else
		free_list_push(&s->lists[list], block);
	word_store(word, word_load(word) | (uint64_t)1 << list % 64);
}

/* The block at the end of the heap is the top from here on, and what was it a block as others. */
ALLOT_INLINE void top_set(struct segregated *s, struct block *block)
{
	struct block *before = s->top;
	s->top = block;
	if (unlikely(before != NULL))
		list_insert(s, before, tag_size(block_tag(before)));
}

ALLOT_INLINE void index_insert(struct strategy_core *core, struct block *block, size_t bytes)
{
	struct segregated *s = of_core(core);
	if (block_after(block, bytes) == region_end_block(core->source->last))
		top_set(s, block);
	else
		list_insert(s, block, bytes);
}

ALLOT_INLINE void index_remove(struct strategy_core *core, struct block *block, size_t bytes)
{
	struct segregated *s = of_core(core);
	if (block == s->top) {
		s->top = NULL;
		return;
	}
	unsigned list = list_of(bytes);
	uint64_t *word = &s->bitmap[list / 64];
	free_list_remove(&s->lists[list], block);
	if (s->lists[list] == NULL)
		word_store(word, word_load(word) & ~((uint64_t)1 << list % 64));
}

ALLOT_INLINE bool index_is_intact(const struct strategy_core *core, const struct block *block)
{
	return block == of_core(core)->top || free_list_is_intact(core, block);
}

static void index_visit_free(struct strategy_core *core, size_t bytes_min,
			     free_block_visit *visit, size_t *released)
{
	struct segregated *s = of_core(core);
	for (unsigned list = list_find(s, list_of(bytes_min)); list < LISTS;
	     list = list_find(s, list + 1)) {
		free_list_visit(core, s->lists[list], bytes_min, visit, released);
		if (list + 1 == LISTS)
			break;
	}
	if (s->top == NULL)
		return;
	size_t top_bytes = tag_size(block_tag(s->top));
	if (top_bytes >= bytes_min)
		visit(core, s->top, top_bytes, released);
}

static const struct tagged_index index = {
	.insert = index_insert,
	.remove = index_remove,
	.is_intact = index_is_intact,
	.visit_free = index_visit_free,
};

/* ---- finding ---- */

/*
 * The best of the first `looks` blocks of a list that holds `need` bytes, or NULL. A link that
 * leads out of the heap ends the list; the block that has it is found broken when it is used.
 */
static struct block *list_best(const struct strategy_core *core, struct block *block, size_t need,
			       unsigned looks)
{
	struct block *best = NULL;
	size_t best_bytes = SIZE_MAX;
	for (; block != NULL && looks > 0; block = block_next_free(block), looks--) {
		if (unlikely(!core_has_block_at(core, (uintptr_t)block)))
			break;
		size_t bytes = tag_size(block_tag(block));
		if (bytes >= need && bytes < best_bytes) {
			best = block;
			best_bytes = bytes;
			if (bytes == need)
				break;
		}
	}
	return best;
}

/* The best block of the lists, or one that is good enough; NULL: none. */
ALLOT_INLINE struct block *lists_find(struct segregated *s, size_t need, unsigned looks)
{
	unsigned list = list_of(need);
	if (list >= EXACT_LISTS) {
		struct block *near = list_best(&s->core, s->lists[list], need, looks);
		if (near != NULL || ++list == LISTS)
			return near;
	}
	list = list_find(s, list);
	if (list == LISTS)
		return NULL;
	if (list < EXACT_LISTS)
		return s->lists[list];
	return list_best(&s->core, s->lists[list], need, looks);
}

ALLOT_INLINE struct block *segregated_find(struct segregated *s, size_t need)
{
	bool is_best = s->core.policy.fit == FIT_BEST;
	struct block *block = lists_find(s, need, is_best ? UINT32_MAX : LOOKS_MAX);
	if (s->top == NULL || (block != NULL && !is_best))
		return block;
	size_t top_bytes = tag_size(block_tag(s->top));
	bool is_better = block == NULL || top_bytes < tag_size(block_tag(block));
	return top_bytes >= need && is_better ? s->top : block;
}

/* Does it hold `need` bytes at a multiple of `align`? */
ALLOT_INLINE bool block_holds_aligned(const struct block *block, size_t need, size_t align)
{
	return tag_size(block_tag(block)) >= need + tagged_aligned_gap(block, align);
}

/*
 * A block that holds `need` bytes at a multiple of `align` without being large enough to hold them
 * at any place: such as the hole that an aligned block left. NULL: none among the first of each
 * list. How many are looked at goes by what is gained, up to the alignment's bytes: 2 for 2 KiB, 8
 * for a page, 128 for a slab.
 */
static struct block *segregated_find_aligned(struct segregated *s, size_t need, size_t align)
{
	enum { LOOKS_MIN = 2, LOOKS_SHIFT = 21 };
	unsigned end = list_of(tagged_aligned_need(need, align));
	size_t still = size_max(align * align >> LOOKS_SHIFT, LOOKS_MIN);
	for (unsigned list = list_find(s, list_of(need)); list < end && still > 0;
	     list = list_find(s, list + 1)) {
		struct block *block = s->lists[list];
		for (unsigned looks = 0; block != NULL && looks < LOOKS_MAX && still > 0;
		     looks++, still--) {
			if (unlikely(!core_has_block_at(&s->core, (uintptr_t)block)))
				break;
			if (block_holds_aligned(block, need, align))
				return block;
			block = block_next_free(block);
		}
	}
	return NULL;
}

/* Merge everything that waits on quick lists. */
static ALLOT_OUTLINE void segregated_flush(struct segregated *s)
{
	size_t list = QUICK_LISTS - 1;
	struct block *block;
	while ((block = quick_take_any(&s->core, &s->quick, &list)) != NULL) {
		/* A block whose neighbour is damaged stays used: lost, but harmless. */
		tagged_release(&s->core, &index, block, block_tag(block));
	}
}

/* The block to place `need` bytes in, still in the index; the heap grows if it must. */
ALLOT_INLINE struct block *segregated_obtain(struct segregated *s, size_t need, size_t align)
{
	size_t aligned_need = tagged_aligned_need(need, align);
	struct block *block = segregated_find(s, aligned_need);
	if (likely(block != NULL))
		return block;
	if (s->quick.bytes > 0) {
		segregated_flush(s);
		block = segregated_find(s, aligned_need);
	}
	if (block == NULL && align > ALIGN_BYTES && s->top != NULL &&
	    block_holds_aligned(s->top, need, align))
		block = s->top;
	return block != NULL ? block : tagged_grow(&s->core, &index, aligned_need);
}

/* A block from the lists is used only if what its tag and links say is true. */
ALLOT_INLINE bool block_is_whole(struct segregated *s, struct block *block, uint64_t tag,
				 size_t need)
{
	if (likely(tag_is_sound(&s->core, block, tag) && !(tag & TAG_IS_USED) &&
		   tag_size(tag) >= need && index_is_intact(&s->core, block)))
		return true;
	return block_broken(&s->core, block);
}

/* After damage in a list: drop all lists, so that no later call follows them. */
static ALLOT_COLD void lists_drop(struct segregated *s)
{
	for (unsigned i = 0; i < LISTS; i++)
		s->lists[i] = NULL;
	for (unsigned i = 0; i < BITMAP_WORDS; i++)
		s->bitmap[i] = 0;
	s->top = NULL;
}

/* ---- the strategy ---- */

static ALLOT_OUTLINE void *allocate_unquick(struct segregated *s, size_t need, size_t requested,
					    size_t align)
{
	struct block *block = NULL;
	if (unlikely(align > ALIGN_BYTES))
		block = segregated_find_aligned(s, need, align);
	if (block == NULL)
		block = segregated_obtain(s, need, align);
	if (block == NULL)
		return NULL;
	uint64_t tag = block_tag(block);
	if (unlikely(!block_is_whole(s, block, tag, need))) {
		lists_drop(s);
		return NULL;
	}
	if (likely(align <= ALIGN_BYTES))
		return tagged_take(&s->core, &index, block, tag, need, requested);
	return tagged_take_aligned(&s->core, &index, block, tag, need, requested, align);
}

static void *segregated_allocate(void *state, size_t bytes, size_t align)
{
	struct segregated *s = state;
	size_t need = block_bytes_for(bytes);
	if (likely(quick_takes(need) && align <= ALIGN_BYTES)) {
		void *p = quick_pop(&s->core, &s->quick, need, bytes);
		if (likely(p != NULL))
			return p;
		if (unlikely(s->core.fault.kind != FAULT_NONE))
			return NULL;
	}
	return allocate_unquick(s, need, bytes, align);
}

static ALLOT_OUTLINE bool free_merging(struct segregated *s, struct block *block, uint64_t tag)
{
	return tagged_release(&s->core, &index, block, tag);
}

static bool segregated_free(void *state, struct region *region, void *p)
{
	struct segregated *s = state;
	uint64_t tag;
	struct block *block = block_verify_live(&s->core, region, p, &tag);
	if (unlikely(block == NULL))
		return false;
	if (likely(quick_takes(tag_size(tag)) && s->core.policy.coalesce == COALESCE_DEFERRED)) {
		quick_push(&s->quick, block, tag);
		if (unlikely(s->quick.bytes > QUICK_BYTES_MAX))
			segregated_flush(s);
		return true;
	}
	return free_merging(s, block, tag);
}

static enum resize_result segregated_resize(void *state, struct region *region, void *p,
					    size_t bytes, size_t room_bytes)
{
	return tagged_resize(state, &index, region, p, bytes, room_bytes);
}

static bool segregated_describe(void *state, struct region *region, void *p,
				struct block_info *out)
{
	return block_describe(state, region, p, out);
}

static size_t segregated_trim(void *state, size_t keep_bytes, size_t most_bytes)
{
	struct segregated *s = state;
	segregated_flush(s);
	return tagged_trim(&s->core, &index, keep_bytes, most_bytes);
}

static bool segregated_walk(void *state, block_visit *visit, void *context)
{
	return blocks_walk(state, visit, context);
}

static bool list_check(struct segregated *s, unsigned list, size_t *count, struct text *message)
{
	struct block *head = s->lists[list];
	bool bit = s->bitmap[list / 64] >> list % 64 & 1;
	if (bit != (head != NULL)) {
		text_format(message, "bitmap is wrong about list %u", (size_t)list);
		return false;
	}
	if (!free_list_check(&s->core, head, count, message))
		return false;
	for (struct block *block = head; block != NULL; block = block_next_free(block)) {
		struct block *next = block_next_free(block);
		if (list_of(tag_size(block_tag(block))) != list) {
			text_format(message, "free block %p is on the wrong list", (void *)block);
			return false;
		}
		if (s->core.policy.order == ORDER_ADDRESS && next != NULL && next < block) {
			text_format(message, "list out of order at %p", (void *)block);
			return false;
		}
	}
	return true;
}

static bool segregated_check(void *state, struct text *message)
{
	struct segregated *s = state;
	size_t free_blocks = 0, listed_blocks = 0;
	if (!blocks_check(&s->core, false, &free_blocks, message))
		return false;
	for (unsigned list = 0; list < LISTS; list++) {
		if (!list_check(s, list, &listed_blocks, message))
			return false;
	}
	if (s->top != NULL) {
		listed_blocks++;
		size_t bytes = tag_size(block_tag(s->top));
		if (block_after(s->top, bytes) != region_end_block(s->core.source->last)) {
			text_format(message, "the top, %p, is not at the end", (void *)s->top);
			return false;
		}
	}
	if (free_blocks != listed_blocks) {
		text_format(message, "%u free blocks, but %u on lists", free_blocks,
			    listed_blocks);
		return false;
	}
	return quick_lists_check(&s->core, &s->quick, message);
}

ALLOT_START static void segregated_init(void *state)
{
	(void)state;
}

static_assert(sizeof(struct segregated) <= STRATEGY_STATE_BYTES_MAX, "state fits its storage");

const struct strategy strategy_segregated = {
	.name = "segregated",
	.summary = "segregated fit: lists by size and a bitmap, splitting, boundary-tag merging",
	.bound = "O(1); O(blocks of one list) with order:address or fit:best",
	.fits = HAS_FIT_FIRST | HAS_FIT_BEST,
	.orders = HAS_ORDER_LIFO | HAS_ORDER_ADDRESS,
	.coalescings = HAS_COALESCE_IMMEDIATE | HAS_COALESCE_DEFERRED,
	.default_policy = {FIT_FIRST, ORDER_LIFO, COALESCE_DEFERRED},
	.state_bytes = sizeof(struct segregated),
	.block_bytes_min = BLOCK_BYTES_MIN,
	.request_bytes_max = BLOCK_BYTES_MAX - BLOCK_BYTES_MIN,
	.align_bytes_max = (size_t)1 << 30,
	.init = segregated_init,
	.allocate = segregated_allocate,
	.free = segregated_free,
	.resize = segregated_resize,
	.describe = segregated_describe,
	.size = block_size,
	.trim = segregated_trim,
	.walk = segregated_walk,
	.check = segregated_check,
};
