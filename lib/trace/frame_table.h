/* SPDX-License-Identifier: MIT */
/*
 * Frame table: every call stack that was seen, as a tree with numbers.
 *
 * A frame is a return address and the frame of the caller; its number names the whole stack from
 * it outwards. 0 is the bottom of every stack. Numbers are dense from 1 on and never change, and a
 * frame is announced once, before any thread can get its number.
 *
 * Lock-free, for it is used in malloc and in signal handlers. Frames lie in pieces that are never
 * moved. What finds them is a table of numbers with open addressing. When half full, a copy of
 * twice the size takes its place; whoever adds to a table that is being copied adds to the copy
 * too. Tables that were replaced stay, as somebody may be reading them: together they are smaller
 * than the one in use. Two threads that meet a frame for the first time at the same moment may
 * both be given a number for it; both numbers are announced, and either means that stack.
 *
 * `epoch` tells apart equal addresses that belonged to different modules, one loaded after the
 * other was gone.
 */
#ifndef TRACE_FRAME_TABLE_H
#define TRACE_FRAME_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

enum {
	FRAME_PIECE_SHIFT = 15,
	FRAME_PIECE = 1 << FRAME_PIECE_SHIFT, /* frames */
	FRAME_PIECES_MAX = 512,
	FRAME_COUNT_MAX = FRAME_PIECE * FRAME_PIECES_MAX, /* 16 million: 256 MiB */
};

struct frame_node {
	uintptr_t address;
	uint32_t parent;
	uint32_t epoch;
};

/* Numbers of frames by hash, 0 where there is none. */
struct frame_slots {
	unsigned shift; /* 64 - log2 of how many */
	uint32_t mask;
	_Atomic(struct frame_slots *) next; /* its copy, when there is one */
	_Atomic uint32_t number[];
};

struct frame_table {
	_Atomic(struct frame_slots *) slots;
	_Atomic uint32_t count; /* numbers given so far, the bottom not counted */
	_Atomic uint32_t is_growing;
	_Atomic(struct frame_node *) pieces[FRAME_PIECES_MAX];
	/* Told of every frame; called by the thread that met it, must not unwind. */
	void (*frame_new)(uint32_t frame, uint32_t parent, uintptr_t address, void *context);
	void *context;
};

/*
 * The number of the frame `address` called from `parent`. When it cannot be had, because memory or
 * numbers are used up, that of `parent`: a stack without its innermost frames.
 */
uint32_t frame_add(struct frame_table *table, uint32_t parent, uintptr_t address, uint32_t epoch);

/* Announce every frame again, parents first: for a process that was forked and has a new file. */
void frame_announce_all(struct frame_table *table);

/* See unwind_visit_memory(). */
bool frame_table_visit_memory(const struct frame_table *table,
			      bool (*visit)(uintptr_t base, size_t bytes, void *context),
			      void *context);

/* In the child of a fork, whose parent's other threads may have been at work in here. */
void frame_table_fork_child(struct frame_table *table);

/* A frame that has a number. */
static inline const struct frame_node *frame_get(const struct frame_table *table, uint32_t frame)
{
	uint32_t index = frame - 1;
	return &atomic_load_explicit(&table->pieces[index >> FRAME_PIECE_SHIFT],
				     memory_order_acquire)[index & (FRAME_PIECE - 1)];
}

/* Spread over all bits, of which the highest are used. */
static inline uint64_t frame_hash(uint32_t parent, uintptr_t address)
{
	return (address + parent * UINT64_C(0x9E3779B97F4A7C15)) * UINT64_C(0xD6E8FEB86659FD93);
}

/* frame_add(). Fast path: the frame is there. */
ALLOT_INLINE uint32_t frame_number(struct frame_table *table, uint32_t parent, uintptr_t address,
				   uint32_t epoch)
{
	struct frame_slots *slots = atomic_load_explicit(&table->slots, memory_order_acquire);
	if (unlikely(slots == NULL))
		return frame_add(table, parent, address, epoch);
	uint32_t i = (uint32_t)(frame_hash(parent, address) >> slots->shift);
	for (;;) {
		uint32_t number = atomic_load_explicit(&slots->number[i], memory_order_acquire);
		if (unlikely(number == 0))
			return frame_add(table, parent, address, epoch);
		const struct frame_node *node = frame_get(table, number);
		if (likely(node->address == address && node->parent == parent &&
			   node->epoch == epoch))
			return number;
		i = (i + 1) & slots->mask;
	}
}

#endif
