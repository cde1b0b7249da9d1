/* SPDX-License-Identifier: MIT */
/*
 * Heap: everything between a call and a strategy. Arenas by contention, large requests as
 * mappings of their own, finding the owner of an address, resizing across all of these, and the
 * books.
 *
 * A heap is a value: the process has one, replay and embedders have as many as they like.
 *
 * The way of a request:
 *   - from arena->limit_bytes on it gets a mapping (pages/owners.h);
 *   - else the strategy of the caller's arena serves it, under the arena's lock;
 *   - if that arena is busy, the next one that is not, or a new one while there are few;
 *   - if it is full, another one that has room, before it grows;
 *   - if none may be waited for (signal handler, fork), a mapping, whatever the size;
 *   - if the system gives no pages, whatever any arena has left, then a mapping, then NULL.
 *
 * What realloc makes larger than 2 MiB becomes a mapping, with a front end and a dynamic threshold.
 *
 * The threshold between strategy and mappings is dynamic unless set: when a mapping is freed, it
 * rises to that mapping's size, so that what comes and goes often stays in the heap (the rule of
 * glibc's malloc since 2.5); and as far as it can when it was one of many.
 *
 * heap_try_allocate() and heap_try_free() are the fast paths, inlined into their callers. With a
 * NULL arena they do nothing, which is also how a heap with watchers (books, checks, memcheck)
 * makes every call take the long way.
 */
#ifndef FRONT_HEAP_H
#define FRONT_HEAP_H

#include "front/arena.h"
#include "front/thread_heap.h"

/* Why every call must take the long way. */
enum heap_watch {
	WATCH_BOOKS = 1,    /* keep the books below */
	WATCH_CHECK = 2,    /* check the arena after each call */
	WATCH_MEMCHECK = 4, /* tell memcheck about blocks */
};

/* A figure now and the highest it was. */
struct book_entry {
	_Atomic size_t now;
	_Atomic size_t peak;
};

/* Kept only when watched; units are bytes but for the counts. */
struct heap_books {
	struct book_entry requested;
	struct book_entry rounding;
	struct book_entry tags;
	struct book_entry mapped; /* regions and mappings */
	struct book_entry free;   /* mapped less the three above: free blocks and metadata */
	struct book_entry blocks;
	_Atomic uint64_t allocations;
	_Atomic uint64_t frees;
	_Atomic uint64_t resizes;
	_Atomic uint64_t resizes_moved;
	_Atomic uint64_t failures;
};

/* What went wrong, for heap->report. */
struct heap_fault {
	struct fault fault;
	const char *call;
	const char *strategy; /* "mapping" for one, NULL for the front end's slabs */
};

struct heap_config {
	struct arena_config arena;
	size_t arena_count_max;
	size_t mmap_threshold_bytes; /* 0: dynamic */
	size_t trim_threshold_bytes; /* 0: the built-in one */
	unsigned watch;              /* enum heap_watch */
	bool has_front;              /* small objects in slabs, by thread */
	bool has_huge_pages;         /* wanted, if it has a front end and grows large */
	/*
	 * Called with the arena locked, so it must not call into the heap; when it returns, the
	 * faulty call has no effect.
	 */
	void (*report)(const struct heap_fault *fault, void *context);
	void *report_context;
	/* Told of a block that was copied from `old` to `p`, before `old` is freed; may be NULL. */
	void (*moved)(const void *old, const void *p);
	/* Told what becomes of the heap's pages, see pages/owners.h. NULL: nobody is. */
	void (*pages_changed)(enum pages_change change, bool is_mapping, uintptr_t base,
			      size_t bytes, uintptr_t old_base);
};

struct heap {
	struct owners owners;
	struct heap_config config;
	struct arena *first;             /* always there; the others behind it */
	_Atomic size_t arena_count;
	_Atomic bool has_other_arenas; /* more than one: each asks the others before it grows */
	_Atomic size_t mmap_threshold_bytes;
	_Atomic size_t trim_threshold_bytes;
	_Atomic unsigned mappings_freed; /* that could raise the threshold */
	_Atomic bool is_threshold_fixed;
	_Atomic unsigned freeze_count;   /* forks under way */
	struct lock break_lock;
	struct front front;
	struct heap_books books;
};

/*
 * Begin a heap. `first` is zeroed memory of arena_bytes() for its first arena, which must outlive
 * the heap. False when the system has no memory.
 */
bool heap_init(struct heap *heap, const struct heap_config *config, struct arena *first);
/* Give everything back. */
void heap_finish(struct heap *heap);

static inline bool heap_is_frozen(const struct heap *heap)
{
	return atomic_load_explicit(&heap->freeze_count, memory_order_acquire) != 0;
}

/* Report what arena->core->fault says and clear it. */
void heap_report(struct heap *heap, struct arena *arena, const char *call);

/* ---- the long ways ---- */

/* `align` is a power of two of at least ALIGN_BYTES. NULL: out of memory. */
void *heap_allocate_slow(struct heap *heap, struct heap_caller *caller, size_t bytes,
			 size_t align, bool must_be_zero);
void heap_free_slow(struct heap *heap, struct heap_caller *caller, void *p, const char *call);
/* realloc() with a block and a size above 0. NULL: out of memory or a fault, the block stays. */
void *heap_resize(struct heap *heap, struct heap_caller *caller, void *p, size_t bytes);

/* The arena is dirty: purge if it is time. Its lock is held. */
void heap_purge_arena(struct heap *heap, struct arena *arena);

/* What the owner may use of a block; 0 when it is none of ours or not live. Never a fault. */
size_t heap_usable_bytes(struct heap *heap, const void *p);

/* Is `p` in memory of this heap: a region, or the start of a mapping, live or just freed? */
bool heap_owns(const struct heap *heap, const void *p);

/*
 * Give back all that is free, but for `keep_bytes` at the end of each arena and for what threads
 * other than the caller keep ready for themselves. Returns bytes given.
 */
size_t heap_trim(struct heap *heap, struct heap_caller *caller, size_t keep_bytes);

/* A block of the strategy of some arena, for the front end. NULL: no memory, or a fault. */
void *heap_block_create(struct heap *heap, struct arena **arena, size_t bytes, size_t align);
void heap_block_destroy(struct heap *heap, void *p);
/* The size of a live block of a strategy; false when it is none. */
bool heap_block_size(struct heap *heap, void *p, struct block_size *out);

/* Visit every block of every arena, then the mappings. */
bool heap_walk(struct heap *heap, bool (*visit)(const struct block_info *block, bool is_mapping,
						void *context),
	       void *context);

/* What memory of the heap is for. */
enum heap_use { HEAP_USE_REGION, HEAP_USE_MAPPING, HEAP_USE_TABLE };

/*
 * Visit all address space of the heap that can be resident: regions, mappings, tables; no lock is
 * taken. Stops and returns false when `visit` does.
 */
bool heap_visit_memory(const struct heap *heap,
		       bool (*visit)(enum heap_use use, uintptr_t base, size_t bytes,
				     void *context),
		       void *context);

/* Prove every invariant of every arena. */
bool heap_check(struct heap *heap, struct text *message);

/* Set both thresholds, which are then no longer dynamic. SIZE_MAX leaves one as it is. */
void heap_set_thresholds(struct heap *heap, size_t mmap_bytes, size_t trim_bytes);

/* Totals over all arenas, for reports. */
struct heap_totals {
	size_t arenas;
	size_t mapped_bytes;      /* regions */
	size_t mapped_bytes_peak; /* sum of each arena's own peak */
	uint64_t source_calls;    /* and calls for mappings */
	uint64_t splits;
	uint64_t merges;
};
void heap_totals(struct heap *heap, struct heap_totals *out);

/* ---- fork: see api/fork.c ---- */

/* Take every arena's lock, but those this thread holds already. */
void heap_freeze(struct heap *heap);
void heap_thaw(struct heap *heap);
/* In the child: free the locks of the fork, give up arenas whose owner is gone. */
void heap_thaw_child(struct heap *heap);

/* ---- the fast paths: NULL or false asks for the long way ---- */

ALLOT_INLINE void *heap_try_allocate(struct arena *arena, size_t bytes)
{
	void *p = NULL;
	if (likely(arena != NULL &&
		   bytes < atomic_load_explicit(&arena->limit_bytes, memory_order_relaxed))) {
		bool is_alone = thread_is_alone();
		if (likely(arena_try_enter(arena, thread_self(), is_alone))) {
			p = arena->strategy->allocate(arena->state, bytes, ALIGN_BYTES);
			if (unlikely(p == NULL))
				heap_report(arena->heap, arena, "malloc");
			if (arena_is_dirty(arena))
				heap_purge_arena(arena->heap, arena);
			arena_leave(arena, is_alone);
		}
	}
	return p;
}

ALLOT_INLINE bool heap_try_free(struct arena *arena, void *p)
{
	if (unlikely(arena == NULL))
		return false;
	struct region *home = atomic_load_explicit(&arena->source.home, memory_order_acquire);
	bool is_alone = thread_is_alone();
	if (unlikely((uintptr_t)p - home->base >= home->reserved_bytes) ||
	    unlikely(!arena_try_enter(arena, thread_self(), is_alone)))
		return false;
	if (unlikely(!arena->strategy->free(arena->state, home, p)))
		heap_report(arena->heap, arena, "free");
	else if (arena_is_dirty(arena))
		heap_purge_arena(arena->heap, arena);
	arena_leave(arena, is_alone);
	return true;
}

#endif
