/* SPDX-License-Identifier: MIT */
/*
 * Explicit list: one doubly linked list of all free blocks, its links in their payloads.
 *
 * Finding. First fit takes the first block on the list that is large enough, best fit the
 * smallest one (it stops at an exact fit). Order lifo puts a freed block in front; order address
 * keeps the list sorted, which costs a search on free and fragments less. What is left of a split
 * block is entered like a freed one.
 *
 * What makes it as fast as that can be: `largest_bytes` is never less than the largest block on
 * the list, so that a request the list cannot serve is known at once, without following it.
 *
 * Coalescing. Immediate: with both neighbours by boundary tags. Deferred: small blocks wait whole
 * on quick lists (quick_list.h) until the list has nothing for a request or too many bytes wait.
 *
 * Work. Allocate: O(free blocks). Free: O(1) with order lifo, O(free blocks) with order address.
 */
#include "strategy/free_list.h"
#include "strategy/quick_list.h"
#include "strategy/tagged.h"

enum { QUICK_BYTES_MAX = 64 << 10 };

struct explicit {
	struct strategy_core core;
	struct block *head;
	size_t largest_bytes; /* no block on the list is larger */
	struct quick_lists quick;
};

ALLOT_INLINE struct explicit *of_core(const struct strategy_core *core)
{
	return (struct explicit *)(uintptr_t)core;
}

ALLOT_INLINE void index_insert(struct strategy_core *core, struct block *block, size_t bytes)
{
	struct explicit *e = of_core(core);
	if (core->policy.order == ORDER_ADDRESS)
		free_list_insert_sorted(core, &e->head, block);
	else
		free_list_push(&e->head, block);
	e->largest_bytes = size_max(e->largest_bytes, bytes);
}

ALLOT_INLINE void index_remove(struct strategy_core *core, struct block *block, size_t bytes)
{
	(void)bytes;
	free_list_remove(&of_core(core)->head, block);
}

static void index_visit_free(struct strategy_core *core, size_t bytes_min,
			     free_block_visit *visit, size_t *released)
{
	free_list_visit(core, of_core(core)->head, bytes_min, visit, released);
}

static const struct tagged_index index = {
	.insert = index_insert,
	.remove = index_remove,
	.is_intact = free_list_is_intact,
	.visit_free = index_visit_free,
};

/* ---- finding ---- */

/* Follow the list; on a link out of the heap, drop it with a fault. */
static struct block *find_first(struct explicit *e, size_t need)
{
	size_t largest_bytes = 0;
	for (struct block *block = e->head; block != NULL; block = block_next_free(block)) {
		if (unlikely(!core_has_block_at(&e->core, (uintptr_t)block))) {
			e->head = NULL;
			return block_broken(&e->core, block), NULL;
		}
		size_t bytes = tag_size(block_tag(block));
		if (bytes >= need)
			return block;
		largest_bytes = size_max(largest_bytes, bytes);
	}
	e->largest_bytes = largest_bytes;
	return NULL;
}

static struct block *find_best(struct explicit *e, size_t need)
{
	struct block *best = NULL;
	size_t best_bytes = SIZE_MAX;
	size_t largest_bytes = 0;
	for (struct block *block = e->head; block != NULL; block = block_next_free(block)) {
		if (unlikely(!core_has_block_at(&e->core, (uintptr_t)block))) {
			e->head = NULL;
			return block_broken(&e->core, block), NULL;
		}
		size_t bytes = tag_size(block_tag(block));
		if (bytes == need)
			return block;
		if (bytes > need && bytes < best_bytes) {
			best = block;
			best_bytes = bytes;
		}
		largest_bytes = size_max(largest_bytes, bytes);
	}
	e->largest_bytes = largest_bytes;
	return best;
}

static struct block *explicit_find(struct explicit *e, size_t need)
{
	if (need > e->largest_bytes)
		return NULL;
	return e->core.policy.fit == FIT_BEST ? find_best(e, need) : find_first(e, need);
}

static ALLOT_OUTLINE void explicit_flush(struct explicit *e)
{
	size_t list = QUICK_LISTS - 1;
	struct block *block;
	while ((block = quick_take_any(&e->core, &e->quick, &list)) != NULL) {
		/* A block whose neighbour is damaged stays used: lost, but harmless. */
		tagged_release(&e->core, &index, block, block_tag(block));
	}
}

static struct block *explicit_obtain(struct explicit *e, size_t need)
{
	struct block *block = explicit_find(e, need);
	if (block == NULL && e->quick.bytes > 0 && e->core.fault.kind == FAULT_NONE) {
		explicit_flush(e);
		block = explicit_find(e, need);
	}
	if (block != NULL || e->core.fault.kind != FAULT_NONE)
		return block;
	return tagged_grow(&e->core, &index, need);
}

/* ---- the strategy ---- */

static ALLOT_OUTLINE void *allocate_unquick(struct explicit *e, size_t need, size_t requested,
					    size_t align)
{
	struct block *block = explicit_obtain(e, tagged_aligned_need(need, align));
	if (block == NULL)
		return NULL;
	uint64_t tag = block_tag(block);
	if (unlikely(!tag_is_sound(&e->core, block, tag) || (tag & TAG_IS_USED) ||
		     !free_list_is_intact(&e->core, block))) {
		e->head = NULL;
		return block_broken(&e->core, block), NULL;
	}
	if (likely(align <= ALIGN_BYTES))
		return tagged_take(&e->core, &index, block, tag, need, requested);
	return tagged_take_aligned(&e->core, &index, block, tag, need, requested, align);
}

static void *explicit_allocate(void *state, size_t bytes, size_t align)
{
	struct explicit *e = state;
	size_t need = block_bytes_for(bytes);
	if (likely(quick_takes(need) && align <= ALIGN_BYTES)) {
		void *p = quick_pop(&e->core, &e->quick, need, bytes);
		if (likely(p != NULL))
			return p;
		if (unlikely(e->core.fault.kind != FAULT_NONE))
			return NULL;
	}
	return allocate_unquick(e, need, bytes, align);
}

static bool explicit_free(void *state, struct region *region, void *p)
{
	struct explicit *e = state;
	uint64_t tag;
	struct block *block = block_verify_live(&e->core, region, p, &tag);
	if (unlikely(block == NULL))
		return false;
	if (e->core.policy.coalesce == COALESCE_DEFERRED && quick_takes(tag_size(tag))) {
		quick_push(&e->quick, block, tag);
		if (unlikely(e->quick.bytes > QUICK_BYTES_MAX))
			explicit_flush(e);
		return true;
	}
	return tagged_release(&e->core, &index, block, tag);
}

static enum resize_result explicit_resize(void *state, struct region *region, void *p,
					  size_t bytes, size_t room_bytes)
{
	return tagged_resize(state, &index, region, p, bytes, room_bytes);
}

static bool explicit_describe(void *state, struct region *region, void *p, struct block_info *out)
{
	return block_describe(state, region, p, out);
}

static size_t explicit_trim(void *state, size_t keep_bytes, size_t most_bytes)
{
	struct explicit *e = state;
	explicit_flush(e);
	return tagged_trim(&e->core, &index, keep_bytes, most_bytes);
}

static bool explicit_walk(void *state, block_visit *visit, void *context)
{
	return blocks_walk(state, visit, context);
}

static bool list_check(struct explicit *e, size_t *count, struct text *message)
{
	if (!free_list_check(&e->core, e->head, count, message))
		return false;
	for (struct block *block = e->head; block != NULL; block = block_next_free(block)) {
		struct block *next = block_next_free(block);
		if (tag_size(block_tag(block)) > e->largest_bytes) {
			text_format(message, "free block %p is larger than the largest",
				    (void *)block);
			return false;
		}
		if (e->core.policy.order == ORDER_ADDRESS && next != NULL && next < block) {
			text_format(message, "list out of order at %p", (void *)block);
			return false;
		}
	}
	return true;
}

static bool explicit_check(void *state, struct text *message)
{
	struct explicit *e = state;
	size_t free_blocks = 0, listed_blocks = 0;
	if (!blocks_check(&e->core, false, &free_blocks, message) ||
	    !list_check(e, &listed_blocks, message))
		return false;
	if (free_blocks != listed_blocks) {
		text_format(message, "%u free blocks, but %u on the list", free_blocks,
			    listed_blocks);
		return false;
	}
	return quick_lists_check(&e->core, &e->quick, message);
}

static void explicit_init(void *state)
{
	(void)state;
}

static_assert(sizeof(struct explicit) <= STRATEGY_STATE_BYTES_MAX, "state fits its storage");

const struct strategy strategy_explicit = {
	.name = "explicit",
	.summary = "explicit list: one doubly linked list of the free blocks",
	.bound = "allocate O(free blocks), free O(1); with order:address both O(free blocks)",
	.fits = HAS_FIT_FIRST | HAS_FIT_BEST,
	.orders = HAS_ORDER_LIFO | HAS_ORDER_ADDRESS,
	.coalescings = HAS_COALESCE_IMMEDIATE | HAS_COALESCE_DEFERRED,
	.default_policy = {FIT_FIRST, ORDER_LIFO, COALESCE_DEFERRED},
	.state_bytes = sizeof(struct explicit),
	.block_bytes_min = BLOCK_BYTES_MIN,
	.request_bytes_max = BLOCK_BYTES_MAX - BLOCK_BYTES_MIN,
	.align_bytes_max = (size_t)1 << 30,
	.init = explicit_init,
	.allocate = explicit_allocate,
	.free = explicit_free,
	.resize = explicit_resize,
	.describe = explicit_describe,
	.size = block_size,
	.trim = explicit_trim,
	.walk = explicit_walk,
	.check = explicit_check,
};
