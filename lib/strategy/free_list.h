/* SPDX-License-Identifier: MIT */
/*
 * Free lists: doubly linked, the links in the payload of the free blocks themselves, NULL at both
 * ends. Insertion in front or by address; removal in constant time.
 *
 * A link is believed only after a look: free_list_is_intact() checks that both neighbours are
 * blocks of this heap and point back (as glibc's "safe unlinking" does since 2004), so that a
 * write after free cannot make the allocator write elsewhere.
 */
#ifndef STRATEGY_FREE_LIST_H
#define STRATEGY_FREE_LIST_H

#include "strategy/block.h"

ALLOT_INLINE struct block *block_next_free(const struct block *block)
{
	return link_load((void *const *)&block->next);
}

ALLOT_INLINE void free_list_push(struct block **head, struct block *block)
{
	struct block *first = *head;
	link_store((void **)&block->next, first);
	link_store((void **)&block->previous, NULL);
	if (first != NULL)
		link_store((void **)&first->previous, block);
	*head = block;
}

/*
 * Enter `block` so that the list stays in address order: O(length). It ends at a broken link, which
 * is recorded.
 */
static inline void free_list_insert_sorted(struct strategy_core *core, struct block **head,
					   struct block *block)
{
	struct block *before = NULL;
	struct block *after = *head;
	while (after != NULL && core_has_block_at(core, (uintptr_t)after) && after < block) {
		before = after;
		after = block_next_free(after);
	}
	if (after != NULL && unlikely(!core_has_block_at(core, (uintptr_t)after))) {
		block_broken(core, before != NULL ? before : block);
		after = NULL;
	}
	link_store((void **)&block->next, after);
	link_store((void **)&block->previous, before);
	if (after != NULL)
		link_store((void **)&after->previous, block);
	if (before != NULL)
		link_store((void **)&before->next, block);
	else
		*head = block;
}

ALLOT_INLINE void free_list_remove(struct block **head, struct block *block)
{
	struct block *next = block_next_free(block);
	struct block *previous = link_load((void *const *)&block->previous);
	if (next != NULL)
		link_store((void **)&next->previous, previous);
	if (previous != NULL)
		link_store((void **)&previous->next, next);
	else
		*head = next;
}

ALLOT_INLINE bool free_list_is_intact(const struct strategy_core *core, const struct block *block)
{
	const struct block *next = block_next_free(block);
	const struct block *previous = link_load((void *const *)&block->previous);
	if (next != NULL && (!core_has_block_at(core, (uintptr_t)next) ||
			     link_load((void *const *)&next->previous) != block))
		return false;
	return previous == NULL || (core_has_block_at(core, (uintptr_t)previous) &&
				    link_load((void *const *)&previous->next) == block);
}

/*
 * Call `visit` for the blocks of a list that have `bytes_min`, up to the first whose links are
 * broken.
 */
static inline void free_list_visit(struct strategy_core *core, struct block *head,
				   size_t bytes_min, free_block_visit *visit, size_t *released)
{
	for (struct block *block = head; block != NULL; block = block_next_free(block)) {
		if (unlikely(!free_list_is_intact(core, block))) {
			block_broken(core, block);
			return;
		}
		size_t bytes = tag_size(block_tag(block));
		if (bytes >= bytes_min)
			visit(core, block, bytes, released);
	}
}

/* Check a whole list; adds its length to *count. False with a line at the first broken link. */
static inline bool free_list_check(struct strategy_core *core, struct block *head,
				   size_t *count, struct text *message)
{
	struct block *previous = NULL;
	for (struct block *block = head; block != NULL; block = block_next_free(block)) {
		if (!core_has_block_at(core, (uintptr_t)block) ||
		    link_load((void *const *)&block->previous) != previous) {
			text_format(message, "broken link to free block %p", (void *)block);
			return false;
		}
		uint64_t tag = block_tag(block);
		if ((tag & TAG_IS_USED) || !tag_is_sound(core, block, tag)) {
			text_format(message, "block %p is in a free list but not free",
				    (void *)block);
			return false;
		}
		previous = block;
		++*count;
	}
	return true;
}

#endif
