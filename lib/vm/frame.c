/* SPDX-License-Identifier: MIT */
/*
 * Frames: binary buddies (Knowlton 1965; mm/page_alloc.c in Linux). A free block's partner is the
 * block whose number differs in the bit of its order; two free partners of one order are one free
 * block of the next.
 */
#include "vm/frame.h"

#include "base/bits.h"
#include "vm/memory.h"

static void list_insert(struct frames *frames, uint32_t head, unsigned order)
{
	struct frame *frame = frame_at(frames, head);
	uint32_t first = frames->lists[order];
	frame->use = FRAME_FREE;
	frame->order = (uint8_t)order;
	frame->next = first;
	frame->previous = FRAME_NONE;
	if (first != FRAME_NONE)
		frame_at(frames, first)->previous = head;
	frames->lists[order] = head;
	frames->list_counts[order]++;
}

static void list_remove(struct frames *frames, uint32_t head)
{
	struct frame *frame = frame_at(frames, head);
	unsigned order = frame->order;
	if (frame->previous != FRAME_NONE)
		frame_at(frames, frame->previous)->next = frame->next;
	else
		frames->lists[order] = frame->next;
	if (frame->next != FRAME_NONE)
		frame_at(frames, frame->next)->previous = frame->previous;
	frame->use = FRAME_INNER;
	frames->list_counts[order]--;
}

/* Enter a block, merged with its partners as far as they are free. */
static void block_free(struct frames *frames, uint32_t head, unsigned order)
{
	while (order < ORDER_MAX) {
		uint32_t partner = head ^ (uint32_t)1 << order;
		if ((uint64_t)partner + ((uint64_t)1 << order) > frames->count)
			break;
		const struct frame *frame = frame_at(frames, partner);
		if (frame->use != FRAME_FREE || frame->order != order)
			break;
		list_remove(frames, partner);
		head &= ~((uint32_t)1 << order);
		order++;
	}
	list_insert(frames, head, order);
}

bool frames_init(struct frames *frames, uint64_t count)
{
	*frames = (struct frames){.count = count, .free_count = count - 1};
	frames->all = memory_take(count * sizeof(struct frame));
	if (frames->all == NULL)
		return false;

	/* Whole blocks as large as their place and the end allow, in ascending order. */
	for (uint64_t at = 1; at < count;) {
		unsigned order = lowest_bit(at);
		while (order > ORDER_MAX || at + ((uint64_t)1 << order) > count)
			order--;
		list_insert(frames, (uint32_t)at, order);
		at += (uint64_t)1 << order;
	}
	return true;
}

void frames_finish(struct frames *frames)
{
	if (frames->all != NULL)
		memory_give(frames->all, frames->count * sizeof(struct frame));
	*frames = (struct frames){0};
}

uint32_t frame_take(struct frames *frames, unsigned order, enum frame_use use)
{
	unsigned from = order;
	while (from <= ORDER_MAX && frames->lists[from] == FRAME_NONE)
		from++;
	if (from > ORDER_MAX)
		return FRAME_NONE;
	uint32_t head = frames->lists[from];
	list_remove(frames, head);
	while (from > order) {
		from--;
		list_insert(frames, head + ((uint32_t)1 << from), from);
	}
	frames->free_count -= (uint64_t)1 << order;
	for (uint32_t i = 0; i < (uint32_t)1 << order; i++)
		*frame_at(frames, head + i) = (struct frame){.head = head, .use = (uint8_t)use};
	frame_at(frames, head)->order = (uint8_t)order;
	return head;
}

void frame_give(struct frames *frames, uint32_t head)
{
	unsigned order = frame_at(frames, head)->order;
	assert(frame_at(frames, head)->block_maps == 0);
	for (uint32_t i = 0; i < (uint32_t)1 << order; i++)
		*frame_at(frames, head + i) = (struct frame){.use = FRAME_INNER};
	frames->free_count += (uint64_t)1 << order;
	block_free(frames, head, order);
}

void frame_split(struct frames *frames, uint32_t head)
{
	struct frame *first = frame_at(frames, head);
	unsigned order = first->order;
	assert(first->huge_maps == 0);
	for (uint32_t i = 0; i < (uint32_t)1 << order; i++) {
		struct frame *frame = frame_at(frames, head + i);
		frame->head = head + i;
		frame->order = 0;
		frame->block_maps = frame->maps;
	}
	/* What nobody mapped any more was kept by the rest of the block. */
	for (uint32_t i = 0; i < (uint32_t)1 << order; i++) {
		if (frame_at(frames, head + i)->maps == 0)
			frame_give(frames, head + i);
	}
}

bool frames_check(const struct frames *frames, const char **why)
{
	uint64_t free_count = 0;
	for (unsigned order = 0; order <= ORDER_MAX; order++) {
		uint64_t count = 0;
		for (uint32_t head = frames->lists[order]; head != FRAME_NONE;
		     head = frame_at(frames, head)->next) {
			const struct frame *frame = frame_at(frames, head);
			uint32_t partner = head ^ (uint32_t)1 << order;
			*why = "a free block is not where its order allows";
			if (frame->use != FRAME_FREE || frame->order != order ||
			    !is_aligned(head, (size_t)1 << order))
				return false;
			*why = "two free partners are not merged";
			if (order < ORDER_MAX && partner < frames->count &&
			    frame_at(frames, partner)->use == FRAME_FREE &&
			    frame_at(frames, partner)->order == order)
				return false;
			count++;
		}
		*why = "a list of free blocks is miscounted";
		if (count != frames->list_counts[order])
			return false;
		free_count += count << order;
	}
	*why = "free frames are miscounted";
	return free_count == frames->free_count;
}
