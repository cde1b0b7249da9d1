/* SPDX-License-Identifier: MIT */
/*
 * Watched heaps: books, checks after each call, and what memcheck is told. See heap.h.
 */
#include "front/heap_parts.h"

/* ---- the books ---- */

static void entry_add(struct book_entry *entry, size_t bytes)
{
	size_t now = atomic_fetch_add_explicit(&entry->now, bytes, memory_order_relaxed) + bytes;
	size_t peak = atomic_load_explicit(&entry->peak, memory_order_relaxed);
	while (now > peak && !atomic_compare_exchange_weak_explicit(&entry->peak, &peak, now,
								    memory_order_relaxed,
								    memory_order_relaxed))
		;
}

static void entry_set(struct book_entry *entry, size_t bytes)
{
	atomic_store_explicit(&entry->now, 0, memory_order_relaxed);
	entry_add(entry, bytes);
}

void heap_books_mapped(struct heap *heap)
{
	struct heap_books *books = &heap->books;
	size_t mapped = atomic_load(&heap->owners.mapping_mapped_bytes);
	for (struct arena *arena = heap->first; arena != NULL; arena = atomic_load(&arena->next))
		mapped += __atomic_load_n(&arena->source.mapped_bytes, __ATOMIC_RELAXED);
	size_t used = atomic_load(&books->requested.now) + atomic_load(&books->rounding.now) +
		      atomic_load(&books->tags.now);
	entry_set(&books->mapped, mapped);
	entry_set(&books->free, size_minus(mapped, used));
}

static void books_add(struct heap *heap, const struct block_info *block)
{
	struct heap_books *books = &heap->books;
	entry_add(&books->requested, block->requested_bytes);
	entry_add(&books->rounding, block->usable_bytes - block->requested_bytes);
	entry_add(&books->tags, block->tag_bytes);
	entry_add(&books->blocks, 1);
	heap_books_mapped(heap);
}

static void books_remove(struct heap *heap, const struct block_info *block)
{
	struct heap_books *books = &heap->books;
	atomic_fetch_sub(&books->requested.now, block->requested_bytes);
	atomic_fetch_sub(&books->rounding.now, block->usable_bytes - block->requested_bytes);
	atomic_fetch_sub(&books->tags.now, block->tag_bytes);
	atomic_fetch_sub(&books->blocks.now, 1);
	heap_books_mapped(heap);
}

/* ---- watching ---- */

void heap_check_after(struct heap *heap, struct arena *arena)
{
	enum { MESSAGE_BYTES = 160 };
	char chars[MESSAGE_BYTES];
	struct text message;
	text_init(&message, chars, sizeof(chars));
	if (arena->strategy->check(arena->state, &message))
		return;
	struct heap_fault report = {
		.fault = {FAULT_BROKEN_TAG, 0, 0, 0},
		.call = chars,
		.strategy = arena->strategy->name,
	};
	heap->config.report(&report, heap->config.report_context);
}

void heap_watch_made(struct heap *heap, void *p, bool is_zeroed)
{
	struct block_info block;
	unsigned watch = heap->config.watch;
	if (watch == 0 || !heap_describe(heap, p, &block))
		return;
	if (watch & WATCH_BOOKS)
		books_add(heap, &block);
	if (watch & WATCH_MEMCHECK)
		memcheck_block_made(p, block.requested_bytes, is_zeroed);
}

void heap_watch_gone(struct heap *heap, void *p)
{
	struct block_info block;
	unsigned watch = heap->config.watch;
	if (watch == 0 || !heap_describe(heap, p, &block))
		return;
	if (watch & WATCH_BOOKS)
		books_remove(heap, &block);
	if (watch & WATCH_MEMCHECK)
		memcheck_block_gone(p);
}

void heap_watch_resized(struct heap *heap, const struct block_info *old, void *p)
{
	struct block_info block;
	if (heap->config.watch == 0 || !heap_describe(heap, p, &block))
		return;
	if (heap->config.watch & WATCH_BOOKS) {
		books_remove(heap, old);
		books_add(heap, &block);
	}
	if (!(heap->config.watch & WATCH_MEMCHECK))
		return;
	if ((uintptr_t)p == old->payload) {
		memcheck_block_resized(p, old->requested_bytes, block.requested_bytes);
	} else {
		memcheck_block_gone((void *)old->payload);
		memcheck_block_made(p, block.requested_bytes, true);
	}
}
