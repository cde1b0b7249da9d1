/* SPDX-License-Identifier: MIT */
/*
 * Heaps: their beginning and end, allocating and freeing by the long ways, thresholds. See heap.h.
 */
#include "front/heap_parts.h"

#include <string.h>

#include "front/prefault.h"
#include "pages/own_memory.h"

enum {
	MMAP_THRESHOLD_BYTES = 128 << 10,
	MMAP_THRESHOLD_BYTES_MAX = 32 << 20, /* how far the dynamic threshold rises */
	MAPPINGS_HABIT = 16,                 /* after so many freed it rises at once */
	TRIM_THRESHOLD_BYTES = 256 << 10,
	KEEP_BYTES = 64 << 10,               /* left at the end of an arena by a purge */
	HUGE_FROM_BYTES = 16 << 20,          /* of an arena */
};

/* ---- life ---- */

static void arena_set_limit(struct heap *heap, struct arena *arena)
{
	size_t threshold = atomic_load_explicit(&heap->mmap_threshold_bytes, memory_order_relaxed);
	size_t largest = arena->strategy->request_bytes_max + 1;
	atomic_store_explicit(&arena->limit_bytes, size_min(threshold, largest),
			      memory_order_relaxed);
}

void heap_set_thresholds(struct heap *heap, size_t mmap_bytes, size_t trim_bytes)
{
	if (mmap_bytes != SIZE_MAX)
		atomic_store(&heap->mmap_threshold_bytes, mmap_bytes);
	if (trim_bytes != SIZE_MAX)
		atomic_store(&heap->trim_threshold_bytes, trim_bytes);
	atomic_store(&heap->is_threshold_fixed, true);
	for (struct arena *arena = heap->first; arena != NULL; arena = atomic_load(&arena->next))
		arena_set_limit(heap, arena);
}

/* The front end, if it is wanted and there is room for it. */
static void front_begin(struct heap *heap)
{
	struct heap_config *config = &heap->config;
	/* memcheck is to see every block. */
	if (!config->has_front || config->watch & WATCH_MEMCHECK ||
	    config->arena.source == ARENA_BUFFER ||
	    config->arena.strategy->align_bytes_max < SLAB_BYTES)
		return;
	bool is_on = front_init(&heap->front, config->arena.source == ARENA_SBRK,
				config->watch != 0, config->watch & WATCH_BOOKS,
				&heap->freeze_count);
	if (is_on && config->arena.source == ARENA_MMAP)
		config->arena.range = &heap->front.range;
	config->arena.may_prefault = is_on;
	config->arena.huge_from_bytes = is_on && config->has_huge_pages ? HUGE_FROM_BYTES : 0;
}

ALLOT_START bool heap_init(struct heap *heap, const struct heap_config *config, struct arena *first)
{
	if (!owners_init(&heap->owners))
		return false;
	heap->owners.changed = config->pages_changed;
	heap->config = *config;
	heap->config.arena.owners = &heap->owners;
	heap->config.arena.break_lock = &heap->break_lock;
	size_t mmap_bytes = config->mmap_threshold_bytes;
	size_t trim_bytes = config->trim_threshold_bytes;
	atomic_init(&heap->is_threshold_fixed, mmap_bytes != 0 || trim_bytes != 0);
	if (mmap_bytes == 0)
		mmap_bytes = MMAP_THRESHOLD_BYTES;
	if (trim_bytes == 0)
		trim_bytes = config->arena.source == ARENA_BUFFER ? SIZE_MAX : TRIM_THRESHOLD_BYTES;
	atomic_init(&heap->mmap_threshold_bytes, mmap_bytes);
	atomic_init(&heap->trim_threshold_bytes, trim_bytes);
	front_begin(heap);
	arena_init(first, heap, &heap->config.arena);
	arena_set_limit(heap, first);
	heap->first = first;
	atomic_init(&heap->arena_count, 1);
	return true;
}

void heap_finish(struct heap *heap)
{
	struct arena *arena = heap->first;
	while (arena != NULL) {
		struct arena *next = atomic_load(&arena->next);
		arena_finish(arena);
		if (arena != heap->first)
			own_memory_destroy(arena, arena_bytes(arena->strategy));
		arena = next;
	}
	front_finish(&heap->front);
	owners_finish(&heap->owners);
}

static struct arena *arena_create(struct heap *heap)
{
	size_t count = atomic_load(&heap->arena_count);
	do {
		if (count >= heap->config.arena_count_max)
			return NULL;
	} while (!atomic_compare_exchange_weak(&heap->arena_count, &count, count + 1));
	struct arena *arena = own_memory_create(arena_bytes(heap->config.arena.strategy));
	if (arena == NULL) {
		atomic_fetch_sub(&heap->arena_count, 1);
		return NULL;
	}
	arena_init(arena, heap, &heap->config.arena);
	arena_set_limit(heap, arena);
	atomic_store_explicit(&heap->has_other_arenas, true, memory_order_relaxed);
	/* Its maker is its first user: it is published locked. */
	lock_try(&arena->lock, thread_self(), false);
	struct arena *second = atomic_load(&heap->first->next);
	do {
		atomic_store(&arena->next, second);
	} while (!atomic_compare_exchange_weak(&heap->first->next, &second, arena));
	return arena;
}

/* ---- allocating ---- */

static void block_clear(void *p, size_t bytes, const struct zeros *zeros)
{
	uintptr_t address = (uintptr_t)p;
	size_t before = size_min(bytes, zeros->begin - address);
	size_t until = size_max(before, size_min(bytes, zeros->end - address));
	memset(p, 0, before);
	memset((char *)p + until, 0, bytes - until);
}

/* What else is known of a block that was placed. */
struct placing {
	struct zeros zeros;
	struct prefault prefault;
};

/* One try in an arena that is entered. */
static void *arena_allocate(struct heap *heap, struct arena *arena, size_t bytes, size_t align,
			    bool may_grow, struct placing *out)
{
	size_t mapped_before = arena->source.mapped_bytes;
	arena->source.is_let = may_grow;
	arena->core->placed_zero_from = UINTPTR_MAX;
	void *p = arena->strategy->allocate(arena->state, bytes, align);
	arena->source.is_let = false;
	out->prefault = prefault_plan(arena);
	out->zeros = core_zeros_placed(arena->core, p);
	if (unlikely(p == NULL))
		heap_report(heap, arena, "malloc");
	if (arena_is_dirty(arena))
		heap_purge_arena(heap, arena);
	if (heap->config.watch & WATCH_MEMCHECK && arena->source.mapped_bytes > mapped_before) {
		struct region *last = arena->source.last;
		size_t fresh = size_min(arena->source.mapped_bytes - mapped_before, last->bytes);
		memcheck_pages_fresh(last->base + last->bytes - fresh, fresh);
	}
	if (heap->config.watch & WATCH_CHECK)
		heap_check_after(heap, arena);
	return p;
}

static struct arena *arena_after(const struct heap *heap, const struct arena *arena)
{
	struct arena *next = atomic_load(&arena->next);
	return next != NULL ? next : heap->first;
}

/*
 * An arena nobody is in, entered; `from` also if it is left soon; a new one if all are busy and
 * there may be more. NULL: none.
 */
static struct arena *arena_find(struct heap *heap, struct arena *from, uintptr_t self,
				bool is_alone)
{
	struct arena *arena = from;
	do {
		if (arena_try_enter(arena, self, is_alone))
			return arena;
		arena = arena_after(heap, arena);
	} while (arena != from);
	if (lock_is_mine(&from->lock, self) || heap_is_frozen(heap))
		return NULL;
	if (arena_enter_soon(from, self, is_alone))
		return from;
	arena = arena_create(heap);
	if (arena != NULL)
		return arena;
	return arena_enter(from, self, is_alone) ? from : NULL;
}

/*
 * From the first arena that can, beginning with *current, which is then that one. If they may not
 * grow, none is waited for that is busy for long.
 */
static void *allocate_around(struct heap *heap, struct arena **current, size_t bytes, size_t align,
			     bool may_grow, struct placing *out)
{
	uintptr_t self = thread_self();
	bool is_alone = thread_is_alone();
	struct arena *arena = *current;
	do {
		/* The first one was asked just now. */
		if (may_grow ? arena_enter(arena, self, is_alone) :
			       arena != *current && arena_enter_soon(arena, self, is_alone)) {
			void *p = arena_allocate(heap, arena, bytes, align, may_grow, out);
			arena_leave(arena, is_alone);
			if (p != NULL) {
				*current = arena;
				return p;
			}
		}
		arena = arena_after(heap, arena);
	} while (arena != *current);
	return NULL;
}

/*
 * What one arena has free the others do not know of; where there are several, one grows only when
 * none of the others had room. Else a thread whose arena is full of what others left would grow
 * beside arenas that are empty.
 */
static void *allocate_in_arena(struct heap *heap, struct arena **current, size_t bytes,
			       size_t align, struct zeros *out_zeros)
{
	uintptr_t self = thread_self();
	bool is_alone = thread_is_alone();
	struct arena *from = *current != NULL ? *current : heap->first;
	struct arena *arena = arena_find(heap, from, self, is_alone);
	if (arena == NULL)
		return NULL;
	bool has_others = atomic_load_explicit(&heap->has_other_arenas, memory_order_relaxed);
	struct placing placing;
	void *p = arena_allocate(heap, arena, bytes, align, !has_others, &placing);
	/* lock_give() must know what lock_try() knew: a fresh arena is locked the shared way. */
	arena_leave(arena, is_alone);
	if (p == NULL && has_others)
		p = allocate_around(heap, &arena, bytes, align, false, &placing);
	if (p == NULL)
		p = allocate_around(heap, &arena, bytes, align, true, &placing);
	prefault_carry_out(placing.prefault);
	*out_zeros = placing.zeros;
	if (heap->config.watch == 0 && p != NULL)
		*current = arena;
	return p;
}

void *heap_block_create(struct heap *heap, struct arena **arena, size_t bytes, size_t align)
{
	struct zeros zeros;
	return allocate_in_arena(heap, arena, bytes, align, &zeros);
}

/* An object of a slab. */
static void *allocate_small(struct heap *heap, struct heap_caller *caller, size_t bytes,
			    size_t align)
{
	size_t wanted = small_bytes_aligned(bytes, align);
	if (caller->small == &thread_heap_none || wanted > SMALL_BYTES_MAX)
		return NULL;
	/* The books have a byte for it. */
	if (heap->front.keeps_slacks && class_bytes(class_for(wanted)) - bytes > UINT8_MAX)
		return NULL;
	void *p = thread_heap_allocate(caller, wanted);
	if (p != NULL)
		slab_set_slack(&heap->front, p, class_bytes(class_for(wanted)) - bytes);
	return p;
}

static void *allocate_mapping(struct heap *heap, size_t bytes, size_t align)
{
	void *p = mapping_create(&heap->owners, bytes, align);
	if (p != NULL && heap->config.watch & WATCH_MEMCHECK)
		memcheck_pages_fresh((uintptr_t)p, align_up(bytes, heap->owners.page_bytes));
	return p;
}

void *heap_allocate_kind(struct heap *heap, struct heap_caller *caller, size_t bytes,
			 size_t align, bool must_be_zero, bool is_mapping)
{
	struct arena *first = heap->first;
	struct zeros zeros = {UINTPTR_MAX, UINTPTR_MAX}; /* none */
	bool is_zero = false;
	look_begin(heap);
	void *p = is_mapping ? NULL : allocate_small(heap, caller, bytes, align);
	/* An alignment costs a strategy that much more room. */
	size_t limit = atomic_load_explicit(&first->limit_bytes, memory_order_relaxed);
	bool is_small = !is_mapping && bytes < limit &&
			(align <= ALIGN_BYTES || align < limit - bytes);
	if (p == NULL && is_small && align <= first->strategy->align_bytes_max)
		p = allocate_in_arena(heap, &caller->arena, bytes, align, &zeros);
	if (p == NULL && heap->config.arena.source != ARENA_BUFFER) {
		p = allocate_mapping(heap, bytes, align);
		is_zero = true;
	}
	/* Too large to be a habit, but the address space is short: does the strategy have it? */
	if (p == NULL && !is_small && bytes <= first->strategy->request_bytes_max &&
	    align <= first->strategy->align_bytes_max) {
		p = allocate_in_arena(heap, &caller->arena, bytes, align, &zeros);
		is_zero = false;
	}
	/* Small ones as well, which may grow in place. */
	if (p != NULL && !is_zero && heap->front.is_on) {
		block_cache_clear(p);
		if (gate_has_medium(&caller->small->open, bytes))
			thread_heap_missed(caller, bytes);
	}
	if (p == NULL)
		books_count(&heap->books.failures);
	else if (must_be_zero && !is_zero)
		block_clear(p, bytes, &zeros);
	if (heap->config.watch & WATCH_BOOKS)
		books_count(&heap->books.allocations);
	if (p != NULL)
		heap_watch_made(heap, p, must_be_zero);
	look_end(heap);
	return p;
}

ALLOT_OUTLINE void *heap_allocate_slow(struct heap *heap, struct heap_caller *caller,
				       size_t bytes, size_t align, bool must_be_zero)
{
	return heap_allocate_kind(heap, caller, bytes, align, must_be_zero, false);
}

/* ---- freeing ---- */

ALLOT_COLD void heap_purge_arena(struct heap *heap, struct arena *arena)
{
	size_t trim_bytes = atomic_load_explicit(&heap->trim_threshold_bytes,
						 memory_order_relaxed);
	arena_purge(arena, trim_bytes, size_min(KEEP_BYTES, trim_bytes));
	heap_report(heap, arena, "free");
}

/*
 * A mapping of this size came and went: serve the next one of that size from the heap; all that may
 * be, when it was one of many.
 */
static void threshold_raise(struct heap *heap, size_t mapped_bytes)
{
	size_t bytes = mapped_bytes + 1;
	size_t threshold = atomic_load_explicit(&heap->mmap_threshold_bytes, memory_order_relaxed);
	/* Smaller ones were made for want of an arena, not for their size. */
	if (atomic_load_explicit(&heap->is_threshold_fixed, memory_order_relaxed) ||
	    mapped_bytes < MMAP_THRESHOLD_BYTES || bytes > MMAP_THRESHOLD_BYTES_MAX ||
	    threshold >= MMAP_THRESHOLD_BYTES_MAX)
		return;
	if (atomic_fetch_add_explicit(&heap->mappings_freed, 1, memory_order_relaxed) >=
	    MAPPINGS_HABIT)
		bytes = MMAP_THRESHOLD_BYTES_MAX;
	if (bytes <= threshold)
		return;
	atomic_store(&heap->mmap_threshold_bytes, bytes);
	for (struct arena *arena = heap->first; arena != NULL; arena = atomic_load(&arena->next))
		arena_set_limit(heap, arena);
}

static void free_mapping(struct heap *heap, void *p, const char *call)
{
	struct mapping mapping;
	if (!mapping_find(&heap->owners, p, &mapping) || !mapping_free(&heap->owners, p)) {
		heap_report_foreign(heap, p, call);
		return;
	}
	threshold_raise(heap, mapping.mapped_bytes);
}

static void free_in_arena(struct heap *heap, struct region *region, void *p, const char *call)
{
	struct arena *arena = region->heap;
	bool is_alone = thread_is_alone();
	if (!arena_enter(arena, thread_self(), is_alone)) {
		arena_leave_pending(arena, p);
		return;
	}
	if (!arena->strategy->free(arena->state, region, p))
		heap_report(heap, arena, call);
	else if (arena_is_dirty(arena))
		heap_purge_arena(heap, arena);
	if (heap->config.watch & WATCH_CHECK)
		heap_check_after(heap, arena);
	arena_leave(arena, is_alone);
}

/* A block that a program frees: not one that is in a cache already. */
static void free_block(struct heap *heap, struct region *region, void *p, const char *call)
{
	struct block_info info;
	if (heap->front.is_on && heap_describe_block(region, p, &info) &&
	    block_is_cached(heap, &info))
		heap_report_cached(heap, &info, call);
	else
		free_in_arena(heap, region, p, call);
}

void heap_block_destroy(struct heap *heap, void *p)
{
	free_in_arena(heap, owners_region(&heap->owners, (uintptr_t)p), p, "free");
}

ALLOT_OUTLINE void heap_free_slow(struct heap *heap, struct heap_caller *caller, void *p,
				  const char *call)
{
	struct slab *slab = front_slab(&heap->front, p);
	struct region *region = owners_region(&heap->owners, (uintptr_t)p);
	look_begin(heap);
	heap_watch_gone(heap, p);
	if (slab != NULL)
		thread_heap_free(caller, heap, slab, p, call);
	else if (region != NULL)
		free_block(heap, region, p, call);
	else
		free_mapping(heap, p, call);
	if (heap->config.watch & WATCH_BOOKS) {
		books_count(&heap->books.frees);
		heap_books_mapped(heap);
	}
	look_end(heap);
}
