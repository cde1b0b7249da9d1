/* SPDX-License-Identifier: MIT */
/*
 * The long ways of a heap. See heap.h.
 */
#include "front/heap.h"

#include <string.h>

#include "base/memcheck.h"
#include "pages/own_memory.h"

enum {
	MMAP_THRESHOLD_BYTES = 128 << 10,
	MMAP_THRESHOLD_BYTES_MAX = 32 << 20, /* how far the dynamic threshold rises */
	MAPPINGS_HABIT = 16,                 /* after so many freed it rises at once */
	TRIM_THRESHOLD_BYTES = 256 << 10,
	KEEP_BYTES = 64 << 10,               /* left at the end of an arena by a purge */
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
}

bool heap_init(struct heap *heap, const struct heap_config *config, struct arena *first)
{
	if (!owners_init(&heap->owners))
		return false;
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

/* ---- reporting ---- */

void heap_report(struct heap *heap, struct arena *arena, const char *call)
{
	struct heap_fault report = {
		.fault = arena->core->fault,
		.call = call,
		.strategy = arena->strategy->name,
	};
	if (report.fault.kind == FAULT_NONE)
		return;
	arena->core->fault = (struct fault){0};
	heap->config.report(&report, heap->config.report_context);
}

static void report_foreign(struct heap *heap, const void *p, const char *call)
{
	struct mapping mapping;
	struct heap_fault report = {
		.fault = {FAULT_FOREIGN, (uintptr_t)p, 0, 0},
		.call = call,
		.strategy = heap->first->strategy->name,
	};
	if (mapping_find(&heap->owners, p, &mapping) && !mapping.is_live) {
		report.fault = (struct fault){FAULT_DOUBLE_FREE, (uintptr_t)p, mapping.base,
					      mapping.mapped_bytes};
		report.strategy = "mapping";
	} else if (mapping_containing(&heap->owners, p, &mapping)) {
		bool is_aligned_address = is_aligned((uintptr_t)p, ALIGN_BYTES);
		report.fault = (struct fault){is_aligned_address ? FAULT_INTERIOR :
								   FAULT_MISALIGNED,
					      (uintptr_t)p, mapping.base, mapping.mapped_bytes};
		report.strategy = "mapping";
	}
	heap->config.report(&report, heap->config.report_context);
}

/* ---- looking under memcheck ---- */

/* Around whatever touches bytes that are not the program's. */
static void look_begin(const struct heap *heap)
{
	if (unlikely(heap->config.watch & WATCH_MEMCHECK))
		memcheck_enter();
}

static void look_end(const struct heap *heap)
{
	if (unlikely(heap->config.watch & WATCH_MEMCHECK))
		memcheck_leave();
}

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

static void books_count(_Atomic uint64_t *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static void books_mapped(struct heap *heap)
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
	books_mapped(heap);
}

static void books_remove(struct heap *heap, const struct block_info *block)
{
	struct heap_books *books = &heap->books;
	atomic_fetch_sub(&books->requested.now, block->requested_bytes);
	atomic_fetch_sub(&books->rounding.now, block->usable_bytes - block->requested_bytes);
	atomic_fetch_sub(&books->tags.now, block->tag_bytes);
	atomic_fetch_sub(&books->blocks.now, 1);
	books_mapped(heap);
}

/* ---- finding out about an address ---- */

static void mapping_read(const struct mapping *mapping, struct block_info *out)
{
	*out = (struct block_info){
		.payload = mapping->base,
		.block_bytes = mapping->mapped_bytes,
		.usable_bytes = mapping->mapped_bytes,
		.requested_bytes = mapping->requested_bytes,
		.state = BLOCK_LIVE,
	};
}

bool heap_owns(const struct heap *heap, const void *p)
{
	struct mapping mapping;
	struct region *region = owners_region(&heap->owners, (uintptr_t)p);
	if (region != NULL)
		return (uintptr_t)p - region->base < region_reserved_bytes(region);
	return mapping_find(&heap->owners, p, &mapping);
}

static bool describe_small(const struct front *front, const struct slab *slab, const void *p,
			   struct block_info *out)
{
	if (!slab_object_is_live(slab, p))
		return false;
	size_t bytes = class_bytes(slab->own.class);
	*out = (struct block_info){
		.payload = (uintptr_t)p,
		.block_bytes = bytes,
		.usable_bytes = bytes,
		.requested_bytes = bytes - slab_slack(front, p),
		.state = BLOCK_LIVE,
	};
	return true;
}

static bool block_describe_in(struct region *region, const void *p, struct block_info *out)
{
	struct arena *arena = region->heap;
	return arena->strategy->describe(arena->state, region, (void *)p, out);
}

bool heap_block_size(struct heap *heap, void *p, struct block_size *out)
{
	struct region *region = owners_region(&heap->owners, (uintptr_t)p);
	if (region == NULL)
		return false;
	struct arena *arena = region->heap;
	if (likely(arena->strategy->size != NULL))
		return arena->strategy->size(arena->state, region, p, out);
	struct block_info info;
	if (!arena->strategy->describe(arena->state, region, p, &info))
		return false;
	*out = (struct block_size){info.usable_bytes, info.requested_bytes};
	return true;
}

/* Is a block that its strategy calls live in the cache of some thread? */
static bool is_cached(const struct heap *heap, const struct block_info *block)
{
	const struct cached_block *p = (const struct cached_block *)block->payload;
	return heap->front.is_on && block->usable_bytes > SMALL_BYTES_MAX &&
	       p->mark == free_mark(front_entry(&heap->front, p), p);
}

/*
 * Describe a live block of ours without reporting anything. No lock is taken, so that it can be
 * asked in a signal handler, during a fork, and in the child of _Fork(): the block is the
 * caller's, and what others may change meanwhile are single bits about its neighbours.
 */
static bool heap_describe(struct heap *heap, const void *p, struct block_info *out)
{
	struct mapping mapping;
	const struct slab *slab = front_slab(&heap->front, p);
	if (slab != NULL)
		return describe_small(&heap->front, slab, p, out);
	struct region *region = owners_region(&heap->owners, (uintptr_t)p);
	if (region != NULL)
		return block_describe_in(region, p, out) && !is_cached(heap, out);
	if (!mapping_find(&heap->owners, p, &mapping) || !mapping.is_live)
		return false;
	mapping_read(&mapping, out);
	return true;
}

size_t heap_usable_bytes(struct heap *heap, const void *p)
{
	struct block_info block;
	look_begin(heap);
	bool is_live = heap_describe(heap, p, &block);
	look_end(heap);
	return is_live ? block.usable_bytes : 0;
}

/* ---- watching ---- */

static void check_after(struct heap *heap, struct arena *arena)
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

/* A block was made: tell whoever watches. */
static void watch_made(struct heap *heap, void *p, bool is_zeroed)
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

/* A block is about to go. */
static void watch_gone(struct heap *heap, void *p)
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

/* ---- allocating ---- */

/* What is known to be zero in a block: the rest of what was asked for must be cleared. */
struct zeros {
	uintptr_t begin;
	uintptr_t end;
};

/* Of the block at `p`, that was placed just now. */
static struct zeros zeros_placed(const struct strategy_core *core, const void *p)
{
	const struct region *last = core->source->last;
	uintptr_t address = (uintptr_t)p;
	if (core->placed_zero_from == UINTPTR_MAX || address - last->base >= last->bytes)
		return (struct zeros){address, address};
	return (struct zeros){size_max(address, core->placed_zero_from),
			      last->base + last->bytes - SEAM_BYTES};
}

static void block_clear(void *p, size_t bytes, const struct zeros *zeros)
{
	uintptr_t address = (uintptr_t)p;
	size_t before = size_min(bytes, zeros->begin - address);
	size_t until = size_max(before, size_min(bytes, zeros->end - address));
	memset(p, 0, before);
	memset((char *)p + until, 0, bytes - until);
}

/* One try in an arena that is entered. */
static void *arena_allocate(struct heap *heap, struct arena *arena, size_t bytes, size_t align,
			    bool may_grow, struct zeros *out_zeros)
{
	size_t mapped_before = arena->source.mapped_bytes;
	arena->source.is_let = may_grow;
	arena->core->placed_zero_from = UINTPTR_MAX;
	void *p = arena->strategy->allocate(arena->state, bytes, align);
	arena->source.is_let = false;
	if (p != NULL)
		*out_zeros = zeros_placed(arena->core, p);
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
		check_after(heap, arena);
	return p;
}

static struct arena *arena_after(const struct heap *heap, const struct arena *arena)
{
	struct arena *next = atomic_load(&arena->next);
	return next != NULL ? next : heap->first;
}

/* An arena nobody is in, entered; a new one if all are busy and there may be more. NULL: none. */
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
			     bool may_grow, struct zeros *out_zeros)
{
	uintptr_t self = thread_self();
	bool is_alone = thread_is_alone();
	struct arena *arena = *current;
	do {
		if (may_grow ? arena_enter(arena, self, is_alone) :
			       arena_enter_soon(arena, self, is_alone)) {
			void *p = arena_allocate(heap, arena, bytes, align, may_grow,
						 out_zeros);
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
	void *p = arena_allocate(heap, arena, bytes, align, !has_others, out_zeros);
	/* lock_give() must know what lock_try() knew: a fresh arena is locked the shared way. */
	arena_leave(arena, is_alone);
	if (p == NULL && has_others)
		p = allocate_around(heap, &arena, bytes, align, false, out_zeros);
	if (p == NULL)
		p = allocate_around(heap, &arena, bytes, align, true, out_zeros);
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

/* A block of the kind that suits its size, or a mapping. */
static void *allocate_kind(struct heap *heap, struct heap_caller *caller, size_t bytes,
			   size_t align, bool must_be_zero, bool is_mapping)
{
	struct arena *first = heap->first;
	struct zeros zeros = {0};
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
		watch_made(heap, p, must_be_zero);
	look_end(heap);
	return p;
}

ALLOT_OUTLINE void *heap_allocate_slow(struct heap *heap, struct heap_caller *caller,
				       size_t bytes, size_t align, bool must_be_zero)
{
	return allocate_kind(heap, caller, bytes, align, must_be_zero, false);
}

/* ---- freeing ---- */

ALLOT_COLD void heap_purge_arena(struct heap *heap, struct arena *arena)
{
	size_t trim_bytes = atomic_load_explicit(&heap->trim_threshold_bytes,
						 memory_order_relaxed);
	arena_purge(arena, trim_bytes, size_min(KEEP_BYTES, trim_bytes));
}

/*
 * A mapping of this size came and went: serve the next one of that size from the heap; all that may
 * be, when it was one of many.
 */
static void threshold_raise(struct heap *heap, size_t mapped_bytes)
{
	size_t bytes = mapped_bytes + 1;
	if (atomic_load_explicit(&heap->is_threshold_fixed, memory_order_relaxed) ||
	    bytes > MMAP_THRESHOLD_BYTES_MAX)
		return;
	if (atomic_fetch_add_explicit(&heap->mappings_freed, 1, memory_order_relaxed) >=
	    MAPPINGS_HABIT)
		bytes = MMAP_THRESHOLD_BYTES_MAX;
	if (bytes <= atomic_load_explicit(&heap->mmap_threshold_bytes, memory_order_relaxed))
		return;
	atomic_store(&heap->mmap_threshold_bytes, bytes);
	for (struct arena *arena = heap->first; arena != NULL; arena = atomic_load(&arena->next))
		arena_set_limit(heap, arena);
}

static void free_mapping(struct heap *heap, void *p, const char *call)
{
	struct mapping mapping;
	if (!mapping_find(&heap->owners, p, &mapping) || !mapping_free(&heap->owners, p)) {
		report_foreign(heap, p, call);
		return;
	}
	threshold_raise(heap, mapping.mapped_bytes);
}

/* Report that a block is freed or resized that is free already, in the cache of some thread. */
static void report_cached(struct heap *heap, const struct block_info *block, const char *call)
{
	struct heap_fault report = {
		.fault = {FAULT_DOUBLE_FREE, block->payload, block->payload, block->block_bytes},
		.call = call,
	};
	heap->config.report(&report, heap->config.report_context);
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
		check_after(heap, arena);
	arena_leave(arena, is_alone);
}

/* A block that a program frees: not one that is in a cache already. */
static void free_block(struct heap *heap, struct region *region, void *p, const char *call)
{
	struct block_info info;
	if (heap->front.is_on && block_describe_in(region, p, &info) && is_cached(heap, &info))
		report_cached(heap, &info, call);
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
	watch_gone(heap, p);
	if (slab != NULL)
		thread_heap_free(caller, heap, slab, p, call);
	else if (region != NULL)
		free_block(heap, region, p, call);
	else
		free_mapping(heap, p, call);
	if (heap->config.watch & WATCH_BOOKS) {
		books_count(&heap->books.frees);
		books_mapped(heap);
	}
	look_end(heap);
}

/* ---- resizing ---- */

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
	if (is_live && is_cached(heap, out_old)) {
		report_cached(heap, out_old, "realloc");
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
		check_after(heap, arena);
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
		       !is_cached(heap, out_old);
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
		moved = allocate_kind(heap, caller, bytes, ALIGN_BYTES, false,
				      resize_needs_mapping(heap, old_usable_bytes, bytes));
	if (moved == NULL)
		return NULL;
	memcpy(moved, p, size_min(old_usable_bytes, bytes));
	if (!thread_heap_try_free(caller, p))
		heap_free_slow(heap, caller, p, "realloc");
	books_count(&heap->books.resizes_moved);
	return moved;
}

/* Books and memcheck of a block that was `old` and is at `p` now. */
static void watch_resized(struct heap *heap, const struct block_info *old, void *p)
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

/* A mapping, or nothing of ours; *out_old is the block before. */
static enum resize_result resize_outside(struct heap *heap, void *p, size_t bytes,
					 struct block_info *out_old, void **out_resized)
{
	struct mapping mapping;
	if (!mapping_find(&heap->owners, p, &mapping) || !mapping.is_live) {
		report_foreign(heap, p, "realloc");
		return RESIZE_FAULT;
	}
	mapping_read(&mapping, out_old);
	*out_resized = resize_mapping(heap, p, bytes);
	return *out_resized != NULL ? RESIZE_DONE : RESIZE_MUST_MOVE;
}

/* Within its class, or not at all. */
static enum resize_result resize_small(struct heap *heap, const struct slab *slab, void *p,
				       size_t bytes, struct block_info *out_old)
{
	if (!describe_small(&heap->front, slab, p, out_old)) {
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
		watch_resized(heap, &old, resized);
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
		if (!describe_small(&v->heap->front, slab, (void *)at, &info))
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
	if (block->state == BLOCK_LIVE && is_cached(v->heap, block)) {
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
	mapping_read(mapping, &block);
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
