/* SPDX-License-Identifier: MIT */
/*
 * Adding frames, and room for them. See frame_table.h.
 */
#include "trace/frame_table.h"

#include <stdbool.h>
#include <stddef.h>

#include "os/map.h"
#include "os/thread.h"
#include "os/ticks.h"

enum { SLOTS_FIRST_LOG2 = 14, GROW_WAIT_NS = 100 * 1000 * 1000 };

/* The piece with index `piece`, made if it is not there; NULL: no memory. */
static struct frame_node *piece_get(struct frame_table *table, uint32_t piece)
{
	struct frame_node *nodes = atomic_load(&table->pieces[piece]);
	if (nodes != NULL)
		return nodes;
	struct frame_node *mine = os_map(sizeof(struct frame_node) * FRAME_PIECE);
	if (mine == NULL)
		return NULL;
	if (atomic_compare_exchange_strong(&table->pieces[piece], &nodes, mine))
		return mine;
	os_unmap((uintptr_t)mine, sizeof(struct frame_node) * FRAME_PIECE);
	return nodes;
}

static size_t slots_bytes(unsigned count_log2)
{
	size_t page_bytes = os_page_bytes();
	size_t bytes = sizeof(struct frame_slots) + (sizeof(uint32_t) << count_log2);
	return (bytes + page_bytes - 1) & ~(page_bytes - 1);
}

static struct frame_slots *slots_create(unsigned count_log2)
{
	struct frame_slots *slots = os_map(slots_bytes(count_log2));
	if (slots != NULL) {
		slots->shift = 64 - count_log2;
		slots->mask = (UINT32_C(1) << count_log2) - 1;
	}
	return slots;
}

/* Enter a number where its frame's hash says. False: it is full. */
static bool slots_enter(struct frame_slots *slots, const struct frame_node *node, uint32_t number)
{
	uint32_t i = (uint32_t)(frame_hash(node->parent, node->address) >> slots->shift);
	for (uint32_t tries = 0; tries <= slots->mask; tries++) {
		uint32_t there = 0;
		if (atomic_compare_exchange_strong(&slots->number[i], &there, number) ||
		    there == number)
			return true;
		i = (i + 1) & slots->mask;
	}
	return false;
}

static void slots_copy(struct frame_table *table, struct frame_slots *from, struct frame_slots *to)
{
	for (uint32_t i = 0; i <= from->mask; i++) {
		uint32_t number = atomic_load(&from->number[i]);
		if (number != 0)
			slots_enter(to, frame_get(table, number), number);
	}
}

/* Put a copy of twice the size in the place of `slots`, unless somebody is at it. */
static void slots_grow(struct frame_table *table, struct frame_slots *slots)
{
	if (atomic_exchange(&table->is_growing, 1) != 0)
		return;
	if (atomic_load(&table->slots) == slots) {
		struct frame_slots *copy = slots_create(64 - slots->shift + 1);
		if (copy != NULL) {
			atomic_store(&slots->next, copy);
			slots_copy(table, slots, copy);
			atomic_store(&table->slots, copy);
		}
	}
	atomic_store(&table->is_growing, 0);
}

/* The slots, made if there are none yet; NULL: no memory. */
static struct frame_slots *slots_get(struct frame_table *table)
{
	struct frame_slots *slots = atomic_load(&table->slots);
	if (slots != NULL)
		return slots;
	struct frame_slots *mine = slots_create(SLOTS_FIRST_LOG2);
	if (mine == NULL)
		return NULL;
	if (atomic_compare_exchange_strong(&table->slots, &slots, mine))
		return mine;
	os_unmap((uintptr_t)mine, slots_bytes(SLOTS_FIRST_LOG2));
	return slots;
}

/* A new number for `node`, announced; 0: there is none left, or no memory. */
static uint32_t number_give(struct frame_table *table, const struct frame_node *node)
{
	uint32_t index = atomic_load(&table->count);
	do {
		if (index >= FRAME_COUNT_MAX ||
		    piece_get(table, index >> FRAME_PIECE_SHIFT) == NULL)
			return 0;
	} while (!atomic_compare_exchange_weak(&table->count, &index, index + 1));
	piece_get(table, index >> FRAME_PIECE_SHIFT)[index & (FRAME_PIECE - 1)] = *node;
	if (table->frame_new != NULL)
		table->frame_new(index + 1, node->parent, node->address, table->context);
	return index + 1;
}

/*
 * The number of an equal frame in `slots`, or 0 and in `*out_index` the free slot after all those
 * with the same hash; UINT32_MAX there when it is full.
 */
static uint32_t slots_find(struct frame_table *table, struct frame_slots *slots,
			   const struct frame_node *node, uint32_t *out_index)
{
	uint32_t i = (uint32_t)(frame_hash(node->parent, node->address) >> slots->shift);
	for (uint32_t tries = 0; tries <= slots->mask; tries++) {
		uint32_t number = atomic_load_explicit(&slots->number[i], memory_order_acquire);
		*out_index = i;
		if (number == 0)
			return 0;
		const struct frame_node *there = frame_get(table, number);
		if (there->address == node->address && there->parent == node->parent &&
		    there->epoch == node->epoch)
			return number;
		i = (i + 1) & slots->mask;
	}
	*out_index = UINT32_MAX;
	return 0;
}

/* One slot in eight at least stays free, so that looking for what is not there ends. */
static bool slots_are_full(const struct frame_table *table, const struct frame_slots *slots)
{
	return atomic_load(&table->count) >= slots->mask - slots->mask / 8;
}

/*
 * Slots with room. Where a thread makes larger ones it is waited for, but not for ever: a signal
 * handler may have interrupted it.
 */
static struct frame_slots *slots_with_room(struct frame_table *table)
{
	struct frame_slots *slots = slots_get(table);
	uint64_t begin_ns = 0;
	while (slots != NULL && slots_are_full(table, slots) &&
	       atomic_load(&table->is_growing) != 0) {
		uint64_t now_ns = os_clock_ns();
		begin_ns = begin_ns != 0 ? begin_ns : now_ns;
		if (now_ns - begin_ns > GROW_WAIT_NS)
			break;
		os_yield();
		slots = slots_get(table);
	}
	return slots;
}

ALLOT_COLD uint32_t frame_add(struct frame_table *table, uint32_t parent, uintptr_t address,
			      uint32_t epoch)
{
	const struct frame_node node = {address, parent, epoch};
	struct frame_slots *slots = slots_with_room(table);
	uint32_t index, there = 0;
	if (slots == NULL)
		return parent;
	uint32_t number = slots_find(table, slots, &node, &index);
	if (number != 0)
		return number;
	if (index == UINT32_MAX || slots_are_full(table, slots))
		return parent;
	number = number_give(table, &node);
	if (number == 0)
		return parent;
	if (!atomic_compare_exchange_strong(&slots->number[index], &there, number))
		slots_enter(slots, &node, number);
	/* Whoever copies has told so before it looked at the first slot. */
	struct frame_slots *copy = atomic_load(&slots->next);
	if (copy == NULL && atomic_load(&table->count) > slots->mask / 2)
		slots_grow(table, slots);
	for (; copy != NULL; copy = atomic_load(&copy->next))
		slots_enter(copy, &node, number);
	return number;
}

void frame_table_fork_child(struct frame_table *table)
{
	atomic_store(&table->is_growing, 0);
}

void frame_announce_all(struct frame_table *table)
{
	uint32_t count = atomic_load(&table->count);
	for (uint32_t number = 1; number <= count; number++) {
		const struct frame_node *node = frame_get(table, number);
		table->frame_new(number, node->parent, node->address, table->context);
	}
}

bool frame_table_visit_memory(const struct frame_table *table,
			      bool (*visit)(uintptr_t base, size_t bytes, void *context),
			      void *context)
{
	const struct frame_slots *slots = atomic_load(&table->slots);
	if (slots != NULL && !visit((uintptr_t)slots, slots_bytes(64 - slots->shift), context))
		return false;
	for (size_t i = 0; i < FRAME_PIECES_MAX; i++) {
		const struct frame_node *nodes = atomic_load(&table->pieces[i]);
		if (nodes != NULL &&
		    !visit((uintptr_t)nodes, sizeof(struct frame_node) * FRAME_PIECE, context))
			return false;
	}
	return true;
}
