/* SPDX-License-Identifier: MIT */
/*
 * Of all arenas of a heap: trimming, walking, checking, totals, and forks.
 */
#include "front/heap_parts.h"

/* ---- the whole heap ---- */

size_t heap_trim(struct heap *heap, struct heap_caller *caller, size_t keep_bytes)
{
	uintptr_t self = thread_self();
	bool is_alone = thread_is_alone();
	size_t released = mapping_retry_idle(&heap->owners);
	look_begin(heap);
	if (caller->small != &thread_heap_none)
		thread_heap_flush(caller);
	for (struct arena *arena = heap->first; arena != NULL; arena = atomic_load(&arena->next)) {
		if (!arena_enter(arena, self, is_alone))
			continue;
		released += arena->strategy->trim(arena->state, keep_bytes, SIZE_MAX);
		heap_report(heap, arena, "malloc_trim");
		arena_leave(arena, is_alone);
	}
	look_end(heap);
	return released;
}

struct visit {
	const struct heap *heap;
	bool (*visit)(const struct block_info *block, bool is_mapping, void *context);
	void *context;
};

/* What is no object of a slab, as a free block. */
static bool visit_rest(const struct visit *v, uintptr_t begin, uintptr_t end)
{
	struct block_info rest = {
		.payload = begin,
		.state = BLOCK_FREE,
		.block_bytes = end - begin,
	};
	return begin == end || v->visit(&rest, false, v->context);
}

/* A slab: what has never been carved, its objects, live and free, and what is left behind them. */
static bool visit_slab(const struct visit *v, const struct slab *slab)
{
	size_t bytes = class_bytes(slab->own.class);
	size_t carved = slab_carved_count(slab) * bytes;
	uintptr_t end = slab->first + bytes;
	if (!visit_rest(v, slab_base(slab), end - carved))
		return false;
	for (uintptr_t at = end - carved; at < end; at += bytes) {
		struct block_info info;
		if (!heap_describe_small(&v->heap->front, slab, (void *)at, &info))
			info = (struct block_info){.payload = at, .block_bytes = bytes,
						   .state = BLOCK_DEFERRED};
		if (!v->visit(&info, false, v->context))
			return false;
	}
	return visit_rest(v, end, slab_base(slab) + SLAB_USABLE_BYTES);
}

static bool visit_block(const struct block_info *block, void *context)
{
	struct visit *v = context;
	const struct slab *slab = front_slab(&v->heap->front, (void *)block->payload);
	if (slab != NULL && block->state == BLOCK_LIVE)
		return visit_slab(v, slab);
	if (block->state == BLOCK_LIVE && block_is_cached(v->heap, block)) {
		struct block_info cached = {.payload = block->payload,
					    .block_bytes = block->block_bytes,
					    .state = BLOCK_DEFERRED};
		return v->visit(&cached, false, v->context);
	}
	return v->visit(block, false, v->context);
}

static bool visit_mapping(const struct mapping *mapping, void *context)
{
	struct visit *v = context;
	struct block_info block;
	heap_mapping_read(mapping, &block);
	return v->visit(&block, true, v->context);
}

bool heap_walk(struct heap *heap,
	       bool (*visit)(const struct block_info *block, bool is_mapping, void *context),
	       void *context)
{
	struct visit v = {heap, visit, context};
	uintptr_t self = thread_self();
	bool is_alone = thread_is_alone();
	for (struct arena *arena = heap->first; arena != NULL; arena = atomic_load(&arena->next)) {
		if (!arena_enter(arena, self, is_alone))
			continue;
		look_begin(heap);
		bool goes_on = arena->strategy->walk(arena->state, visit_block, &v);
		look_end(heap);
		heap_report(heap, arena, "walk");
		arena_leave(arena, is_alone);
		if (!goes_on)
			return false;
	}
	return mapping_walk(&heap->owners, visit_mapping, &v);
}

/* ---- its memory ---- */

struct memory_visit {
	bool (*visit)(enum heap_use use, uintptr_t base, size_t bytes, void *context);
	void *context;
};

static bool visit_table(uintptr_t base, size_t bytes, void *context)
{
	const struct memory_visit *v = context;
	return bytes == 0 || v->visit(HEAP_USE_TABLE, base, bytes, v->context);
}

static bool visit_own_mapping(const struct mapping *mapping, void *context)
{
	const struct memory_visit *v = context;
	return v->visit(HEAP_USE_MAPPING, mapping->base, mapping->mapped_bytes, v->context);
}

/* What of a table can be resident: all of one that can be read where it is not there yet. */
static bool visit_own_table(const struct own_table *table, bool is_readable,
			    struct memory_visit *v)
{
	return table->base == NULL ||
	       visit_table((uintptr_t)table->base, is_readable ? table->bytes_max : table->bytes,
			   v);
}

static bool visit_arenas(const struct heap *heap, struct memory_visit *v)
{
	for (struct arena *arena = heap->first; arena != NULL; arena = atomic_load(&arena->next)) {
		if (arena != heap->first &&
		    !visit_table((uintptr_t)arena, arena_bytes(arena->strategy), v))
			return false;
		for (struct region *r = arena->source.first; r != NULL; r = r->next) {
			if (!v->visit(HEAP_USE_REGION, r->base, region_bytes(r), v->context))
				return false;
		}
	}
	return true;
}

bool heap_visit_memory(const struct heap *heap,
		       bool (*visit)(enum heap_use use, uintptr_t base, size_t bytes,
				     void *context),
		       void *context)
{
	struct memory_visit v = {visit, context};
	const struct front *front = &heap->front;
	return visit_arenas(heap, &v) && mapping_walk(&heap->owners, visit_own_mapping, &v) &&
	       address_map_visit_memory(&heap->owners.map, visit_table, &v) &&
	       (!front->is_on || (visit_own_table(&front->slab_table, true, &v) &&
				  visit_own_table(&front->slack_table, false, &v) &&
				  visit_own_table(&front->thread_heap_table, false, &v)));
}

bool heap_check(struct heap *heap, struct text *message)
{
	uintptr_t self = thread_self();
	bool is_alone = thread_is_alone();
	if (!front_check(&heap->front, message))
		return false;
	for (struct arena *arena = heap->first; arena != NULL; arena = atomic_load(&arena->next)) {
		if (!arena_enter(arena, self, is_alone))
			continue;
		look_begin(heap);
		bool is_whole = arena->strategy->check(arena->state, message);
		look_end(heap);
		arena_leave(arena, is_alone);
		if (!is_whole)
			return false;
	}
	return true;
}

void heap_totals(struct heap *heap, struct heap_totals *out)
{
	uintptr_t self = thread_self();
	bool is_alone = thread_is_alone();
	*out = (struct heap_totals){
		.source_calls = atomic_load(&heap->owners.mapping_calls),
	};
	for (struct arena *arena = heap->first; arena != NULL; arena = atomic_load(&arena->next)) {
		bool is_entered = arena_enter(arena, self, is_alone);
		out->arenas++;
		out->mapped_bytes += arena->source.mapped_bytes;
		out->mapped_bytes_peak += arena->source.mapped_bytes_peak;
		out->source_calls += arena->source.calls;
		out->splits += arena->core->splits;
		out->merges += arena->core->merges;
		if (is_entered)
			arena_leave(arena, is_alone);
	}
}

/* ---- fork ---- */

void heap_freeze(struct heap *heap)
{
	uintptr_t self = thread_self();
	if (!lock_is_mine(&heap->front.lock, self)) {
		lock_inherit(&heap->front.lock, self);
		atomic_store(&heap->front.is_frozen, true);
		lock_wake_all(&heap->front.lock);
	}
	for (struct arena *arena = heap->first; arena != NULL; arena = atomic_load(&arena->next)) {
		if (lock_is_mine(&arena->lock, self) || atomic_load(&arena->is_abandoned))
			continue;
		lock_inherit(&arena->lock, self);
		atomic_store(&arena->is_frozen, true);
		lock_wake_all(&arena->lock);
	}
}

void heap_thaw(struct heap *heap)
{
	if (atomic_exchange(&heap->front.is_frozen, false))
		lock_give(&heap->front.lock, false);
	for (struct arena *arena = heap->first; arena != NULL; arena = atomic_load(&arena->next)) {
		if (atomic_exchange(&arena->is_frozen, false))
			lock_give(&arena->lock, false);
	}
}

void heap_thaw_child(struct heap *heap)
{
	uintptr_t self = thread_self();
	for (struct arena *arena = heap->first; arena != NULL; arena = atomic_load(&arena->next)) {
		bool was_frozen = atomic_exchange(&arena->is_frozen, false);
		uintptr_t word = atomic_load(&arena->lock.word);
		atomic_store(&arena->lock.heir, 0);
		if (was_frozen)
			atomic_store(&arena->lock.word, 0);
		else if (word != 0 && !lock_is_mine(&arena->lock, self))
			atomic_store(&arena->is_abandoned, true);
	}
	atomic_store(&heap->break_lock.word, 0);
	atomic_store(&heap->front.lock.heir, 0);
	if (atomic_exchange(&heap->front.is_frozen, false) ||
	    !lock_is_mine(&heap->front.lock, self))
		atomic_store(&heap->front.lock.word, 0);
	atomic_store(&heap->freeze_count, 0);
}
