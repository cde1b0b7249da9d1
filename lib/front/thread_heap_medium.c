/* SPDX-License-Identifier: MIT */
/*
 * Medium blocks of a thread: whether a block may be kept in its cache (block_cache.h), and where
 * the fast path finds the next one by itself.
 */
#include "front/thread_heap_parts.h"

void thread_heap_missed(struct heap_caller *caller, size_t bytes)
{
	struct thread_heap *own = long_way_begin(caller);
	if (own == NULL)
		return;
	block_cache_missed(&own->cache, own->heap, bytes);
	caller_leave(caller, own);
}

void *thread_heap_take_aligned(struct heap_caller *caller, size_t bytes, size_t align)
{
	struct thread_heap *own = caller->small;
	if (!gate_has_medium(&own->open, bytes))
		return NULL;
	caller_enter(caller);
	void *p = block_cache_take_aligned(&own->cache, bytes, align);
	caller_leave(caller, own);
	return p;
}

/* Where a block with a tag was: the fast path finds the next one there by itself. */
static void home_set(struct thread_heap *own, const void *p)
{
	const struct region *region = owners_region(&own->heap->owners, (uintptr_t)p);
	const struct arena *arena = region->heap;
	if (arena->strategy->size == block_size &&
	    region == atomic_load_explicit(&arena->source.home, memory_order_relaxed)) {
		own->open.home = region;
		own->open.home_key = arena->core->key;
	}
}

/* The usable bytes of what looks like a live block of a strategy, 0 if it is none. */
static size_t medium_bytes(struct thread_heap *own, void *p)
{
	uint64_t tag;
	struct block_size size;
	if (likely(block_has_used_tag(&own->open.home_key, own->open.home, p, &tag)))
		return tag_size(tag) - TAG_BYTES;
	if (!heap_block_size(own->heap, p, &size))
		return 0;
	home_set(own, p);
	return size.usable_bytes;
}

enum cache_result thread_heap_cache(struct heap_caller *caller, void *p)
{
	struct thread_heap *own = caller_heap(caller);
	const struct slab *entry = front_entry(&own->heap->front, p);
	uintptr_t mark = free_mark(entry, p);
	if (caller_is_inside(caller) || front_slab(&own->heap->front, p) != NULL)
		return CACHE_UNSURE;
	caller_enter(caller);
	size_t usable_bytes = medium_bytes(own, p);
	enum cache_result result = CACHE_REFUSED;
	if (usable_bytes <= SMALL_BYTES_MAX || ((struct cached_block *)p)->mark == mark)
		result = CACHE_UNSURE;
	else if (gate_has_medium(&own->open, usable_bytes) &&
		 (block_cache_put(&own->cache, p, usable_bytes, mark) ||
		  (block_cache_refused(&own->cache, usable_bytes) &&
		   block_cache_put(&own->cache, p, usable_bytes, mark))))
		result = CACHE_TOOK;
	caller_leave(caller, own);
	return result;
}
