/* SPDX-License-Identifier: MIT */
/*
 * Quick lists: deferred coalescing for small blocks (Weinstock 1976; "fastbins" in Lea's malloc).
 *
 * A freed small block is not merged. It keeps its size, is marked deferred, and waits on a list
 * for exactly that size, newest first; the next request of the size takes it back by flipping the
 * mark. To its neighbours it is still in use. Merging happens later and for all at once: when a
 * request finds nothing (quick_lists_flush() by the strategy), or when too many bytes wait.
 *
 * A block is trusted when taken back only if it lies in the heap and its tag says deferred and of
 * this size: a write after free that changed the link is found here.
 */
#ifndef STRATEGY_QUICK_LIST_H
#define STRATEGY_QUICK_LIST_H

#include "strategy/block.h"

enum {
	QUICK_BLOCK_BYTES_MAX = DEFERRED_BLOCK_BYTES_MAX, /* larger blocks are merged at once */
	QUICK_LISTS = QUICK_BLOCK_BYTES_MAX / ALIGN_BYTES + 1,
};

struct quick_lists {
	struct block *heads[QUICK_LISTS];
	size_t bytes; /* waiting, over all lists */
};

ALLOT_INLINE bool quick_takes(size_t block_bytes)
{
	return block_bytes <= QUICK_BLOCK_BYTES_MAX;
}

ALLOT_INLINE void quick_push(struct quick_lists *quick, struct block *block, uint64_t tag)
{
	struct block **head = &quick->heads[tag_size(tag) / ALIGN_BYTES];
	word_store(&block->tag, tag | TAG_IS_DEFERRED);
	link_store((void **)&block->next, *head);
	*head = block;
	quick->bytes += tag_size(tag);
}

/* Take a waiting block of exactly `bytes`, or NULL. On damage the list is dropped, with a fault. */
ALLOT_INLINE void *quick_pop(struct strategy_core *core, struct quick_lists *quick, size_t bytes,
			     size_t requested)
{
	struct block **head = &quick->heads[bytes / ALIGN_BYTES];
	struct block *block = *head;
	uint64_t slack = bytes - TAG_BYTES - requested;
	if (block == NULL)
		return NULL;
	uint64_t tag = likely(core_has_block_at(core, (uintptr_t)block)) ? block_tag(block) : 0;
	if (unlikely((tag & (TAG_SIZE_MASK | TAG_IS_USED | TAG_IS_DEFERRED)) !=
		     (bytes | TAG_IS_USED | TAG_IS_DEFERRED))) {
		*head = NULL;
		block_broken(core, block);
		return NULL;
	}
	*head = link_load((void *const *)&block->next);
	quick->bytes -= bytes;
	tag &= ~(TAG_SLACK_MASK | TAG_IS_DEFERRED);
	word_store(&block->tag, tag | slack << TAG_SLACK_SHIFT);
	return block_payload(block);
}

/*
 * Take one waiting block off the lists, largest first. NULL when there is none; a damaged list is
 * dropped with a fault and skipped.
 */
static inline struct block *quick_take_any(struct strategy_core *core, struct quick_lists *quick,
					   size_t *list)
{
	for (; *list > 0; --*list) {
		struct block **head = &quick->heads[*list];
		struct block *block = *head;
		if (block == NULL)
			continue;
		if (!core_has_block_at(core, (uintptr_t)block) ||
		    !(block_tag(block) & TAG_IS_DEFERRED) ||
		    tag_size(block_tag(block)) != *list * ALIGN_BYTES) {
			*head = NULL;
			block_broken(core, block);
			continue;
		}
		*head = link_load((void *const *)&block->next);
		quick->bytes -= *list * ALIGN_BYTES;
		word_store(&block->tag, block_tag(block) & ~(uint64_t)TAG_IS_DEFERRED);
		return block;
	}
	return NULL;
}

/* Check all lists and count what waits. */
static inline bool quick_lists_check(struct strategy_core *core, const struct quick_lists *quick,
				     struct text *message)
{
	size_t bytes = 0;
	for (size_t i = 0; i < QUICK_LISTS; i++) {
		for (struct block *block = quick->heads[i]; block != NULL;
		     block = link_load((void *const *)&block->next)) {
			if (!core_has_block_at(core, (uintptr_t)block) ||
			    !(block_tag(block) & TAG_IS_DEFERRED) ||
			    tag_size(block_tag(block)) != i * ALIGN_BYTES) {
				text_format(message, "broken quick list at block %p",
					    (void *)block);
				return false;
			}
			bytes += i * ALIGN_BYTES;
		}
	}
	if (bytes != quick->bytes)
		text_string(message, "quick lists do not hold what they count");
	return bytes == quick->bytes;
}

#endif
