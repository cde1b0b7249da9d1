/* SPDX-License-Identifier: MIT */
/*
 * The parts of a heap: what heap*.c share.
 */
#ifndef FRONT_HEAP_PARTS_H
#define FRONT_HEAP_PARTS_H

#include "front/heap.h"

#include "base/memcheck.h"

/* ---- what an address is: heap_block.c ---- */

/* A mapping, as a block. */
void heap_mapping_read(const struct mapping *mapping, struct block_info *out);

/* An object of a slab; false if `p` is none that is live. */
bool heap_describe_small(const struct front *front, const struct slab *slab, const void *p,
			 struct block_info *out);

/*
 * Describe a live block of ours without reporting anything. No lock is taken, so that it can be
 * asked in a signal handler, during a fork, and in the child of _Fork(): the block is the
 * caller's, and what others may change meanwhile are single bits about its neighbours.
 */
bool heap_describe(struct heap *heap, const void *p, struct block_info *out);

static inline bool heap_describe_block(struct region *region, const void *p, struct block_info *out)
{
	struct arena *arena = region->heap;
	return arena->strategy->describe(arena->state, region, (void *)p, out);
}

/* Is a block that its strategy calls live in the cache of some thread? */
static inline bool block_is_cached(const struct heap *heap, const struct block_info *block)
{
	const struct cached_block *p = (const struct cached_block *)block->payload;
	return heap->front.is_on && block->usable_bytes > SMALL_BYTES_MAX &&
	       p->mark == free_mark(front_entry(&heap->front, p), p);
}

/* Report that a pointer is none of ours, or a mapping's that it does not begin. */
void heap_report_foreign(struct heap *heap, const void *p, const char *call);

/* Report that a block is freed or resized that is free already, in the cache of some thread. */
void heap_report_cached(struct heap *heap, const struct block_info *block, const char *call);

/* ---- who watches: heap_watch.c ---- */

/* Around whatever touches bytes that are not the program's. */
static inline void look_begin(const struct heap *heap)
{
	if (unlikely(heap->config.watch & WATCH_MEMCHECK))
		memcheck_enter();
}

static inline void look_end(const struct heap *heap)
{
	if (unlikely(heap->config.watch & WATCH_MEMCHECK))
		memcheck_leave();
}

static inline void books_count(_Atomic uint64_t *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* What is mapped, and free of that, in the books. */
void heap_books_mapped(struct heap *heap);

/* A block was made, or is about to go: tell whoever watches. */
void heap_watch_made(struct heap *heap, void *p, bool is_zeroed);
void heap_watch_gone(struct heap *heap, void *p);

/* Books and memcheck of a block that was `old` and is at `p` now. */
void heap_watch_resized(struct heap *heap, const struct block_info *old, void *p);

/* Check the arena, and report what is wrong. */
void heap_check_after(struct heap *heap, struct arena *arena);

/* ---- heap.c ---- */

/* A block of the kind that suits its size, or a mapping. */
void *heap_allocate_kind(struct heap *heap, struct heap_caller *caller, size_t bytes,
			 size_t align, bool must_be_zero, bool is_mapping);

#endif
