/* SPDX-License-Identifier: MIT */
/*
 * Resizing: in place, by moving pages, or by a copy; and how much room what grows is given.
 */
#include "front/heap_parts.h"

#include <string.h>

/*
 * What grows by little will grow again: by less than an eighth, and an eighth is given. Not where
 * every byte is in the books, or where it is the algorithm that is looked at.
 */
static size_t resize_room(const struct heap *heap, size_t usable_bytes, size_t bytes)
{
	bool is_by_little = bytes > usable_bytes &&
			    bytes - usable_bytes < usable_bytes / ROOM_SHARE;
	if (!is_by_little || !heap->front.is_on || heap->config.watch != 0)
		return bytes;
	return bytes + bytes / ROOM_SHARE;
}

/* In place within its arena, which is entered; *out_old is the block before. */
static enum resize_result resize_entered(struct heap *heap, struct arena *arena,
					 struct region *region, void *p, size_t bytes,
					 struct block_info *out_old)
{
	size_t limit = atomic_load_explicit(&arena->limit_bytes, memory_order_relaxed);
	bool is_live = arena->strategy->describe(arena->state, region, p, out_old);
	if (is_live && block_is_cached(heap, out_old)) {
		heap_report_cached(heap, out_old, "realloc");
		return RESIZE_FAULT;
	}
	/* Whatever the limit, what is usable already needs no move. */
	if (is_live && bytes >= limit && bytes > out_old->usable_bytes)
		return RESIZE_MUST_MOVE;
	size_t room_bytes = resize_room(heap, out_old->usable_bytes, bytes);
	if (room_bytes >= limit)
		room_bytes = bytes;
	arena->source.is_let = true;
	enum resize_result result =
		arena->strategy->resize(arena->state, region, p, bytes, room_bytes);
	arena->source.is_let = false;
	if (result == RESIZE_FAULT)
		heap_report(heap, arena, "realloc");
	if (result == RESIZE_DONE && arena_is_dirty(arena))
		heap_purge_arena(heap, arena);
	if (heap->config.watch & WATCH_CHECK)
		heap_check_after(heap, arena);
	return result;
}

static enum resize_result resize_in_arena(struct heap *heap, struct region *region, void *p,
					  size_t bytes, struct block_info *out_old)
{
	struct arena *arena = region->heap;
	bool is_alone = thread_is_alone();
	if (arena_enter(arena, thread_self(), is_alone)) {
		enum resize_result result =
			resize_entered(heap, arena, region, p, bytes, out_old);
		arena_leave(arena, is_alone);
		return result;
	}
	/* Where the lock cannot be had the block moves; what is none is refused without a word. */
	bool is_live = arena->strategy->describe(arena->state, region, p, out_old) &&
		       !block_is_cached(heap, out_old);
	return is_live ? RESIZE_MUST_MOVE : RESIZE_FAULT;
}

/*
 * In place, or with its pages moved by the kernel. A mapping that shrinks to where the strategy
 * serves moves there, so that a small block does not keep a large piece of address space.
 */
static void *resize_mapping(struct heap *heap, void *p, size_t bytes)
{
	size_t limit = atomic_load_explicit(&heap->first->limit_bytes, memory_order_relaxed);
	if (bytes < size_min(limit, GRANULE_BYTES))
		return NULL;
	return mapping_resize(&heap->owners, p, bytes, true);
}

/*
 * What has grown so large is likely to grow on: as a mapping it can do so without being copied, or
 * resident twice. Not where it is the algorithm that is looked at, or the threshold was set.
 */
static bool resize_needs_mapping(const struct heap *heap, size_t old_bytes, size_t bytes)
{
	enum { GROWN_MAPPING_BYTES_MIN = 2 << 20 };
	return bytes > old_bytes && bytes >= GROWN_MAPPING_BYTES_MIN && heap->front.is_on &&
	       !atomic_load_explicit(&heap->is_threshold_fixed, memory_order_relaxed);
}

static void *resize_by_copy(struct heap *heap, struct heap_caller *caller, void *p,
			    size_t old_usable_bytes, size_t bytes)
{
	void *moved = thread_heap_try_allocate(caller, bytes);
	if (moved == NULL)
		moved = heap_allocate_kind(heap, caller, bytes, ALIGN_BYTES, false,
					   resize_needs_mapping(heap, old_usable_bytes, bytes));
	if (moved == NULL)
		return NULL;
	memcpy(moved, p, size_min(old_usable_bytes, bytes));
	if (heap->config.moved != NULL)
		heap->config.moved(p, moved);
	if (!thread_heap_try_free(caller, p))
		heap_free_slow(heap, caller, p, "realloc");
	books_count(&heap->books.resizes_moved);
	return moved;
}

/*
 * Is a mapping that grows to `bytes` to have huge pages? It is full, or why should it grow; so the
 * last one, touched in part, is a fourth of it at most.
 */
static bool resize_is_for_huge(const struct heap *heap, size_t mapped_bytes, size_t bytes)
{
	enum { GROWN_HUGE_BYTES_MIN = 8 << 20 };
	return mapped_bytes >= GROWN_HUGE_BYTES_MIN && bytes > mapped_bytes &&
	       heap->front.is_on && heap->config.has_huge_pages;
}

/* A mapping, or nothing of ours; *out_old is the block before. */
static enum resize_result resize_outside(struct heap *heap, void *p, size_t bytes,
					 struct block_info *out_old, void **out_resized)
{
	struct mapping mapping;
	if (!mapping_find(&heap->owners, p, &mapping) || !mapping.is_live) {
		heap_report_foreign(heap, p, "realloc");
		return RESIZE_FAULT;
	}
	heap_mapping_read(&mapping, out_old);
	*out_resized = resize_mapping(heap, p, bytes);
	if (*out_resized != NULL && resize_is_for_huge(heap, mapping.mapped_bytes, bytes))
		mapping_want_huge(&heap->owners, *out_resized, bytes);
	return *out_resized != NULL ? RESIZE_DONE : RESIZE_MUST_MOVE;
}

/* Within its class, or not at all. */
static enum resize_result resize_small(struct heap *heap, const struct slab *slab, void *p,
				       size_t bytes, struct block_info *out_old)
{
	if (!heap_describe_small(&heap->front, slab, p, out_old)) {
		slab_report(heap, slab, p, "realloc");
		return RESIZE_FAULT;
	}
	if (bytes > out_old->usable_bytes || class_for(bytes) != slab->own.class)
		return RESIZE_MUST_MOVE;
	slab_set_slack(&heap->front, p, out_old->usable_bytes - bytes);
	return RESIZE_DONE;
}

void *heap_resize(struct heap *heap, struct heap_caller *caller, void *p, size_t bytes)
{
	struct block_info old = {0};
	const struct slab *slab = front_slab(&heap->front, p);
	struct region *region = owners_region(&heap->owners, (uintptr_t)p);
	void *resized = p;
	size_t room_bytes;
	look_begin(heap);
	if (heap->config.watch & WATCH_BOOKS)
		books_count(&heap->books.resizes);
	enum resize_result result;
	if (slab != NULL)
		result = resize_small(heap, slab, p, bytes, &old);
	else if (region != NULL)
		result = resize_in_arena(heap, region, p, bytes, &old);
	else
		result = resize_outside(heap, p, bytes, &old, &resized);
	switch (result) {
	case RESIZE_DONE:
		heap_watch_resized(heap, &old, resized);
		break;
	case RESIZE_MUST_MOVE:
		room_bytes = resize_room(heap, old.usable_bytes, bytes);
		resized = resize_by_copy(heap, caller, p, old.usable_bytes, room_bytes);
		if (resized == NULL && room_bytes > bytes)
			resized = resize_by_copy(heap, caller, p, old.usable_bytes, bytes);
		/*
		 * Shrinking never fails: a block that cannot move stays as large as it is. Only
		 * when system calls fail; the books then go on counting what was asked for before.
		 */
		if (resized == NULL && bytes <= old.usable_bytes)
			resized = p;
		break;
	case RESIZE_FAULT:
		resized = NULL;
	}
	look_end(heap);
	return resized;
}
