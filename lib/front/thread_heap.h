/* SPDX-License-Identifier: MIT */
/*
 * Thread heap: the small objects of one thread.
 *
 * A request takes the first object of its class's bin; a free puts its object at the front of the
 * list of its slab, which is the class's bin when the slab is the current one. No lock, no atomic
 * operation, no header. Everything else happens once in many calls:
 *
 *   refill   the bin is empty: what others freed is taken home, the current slab is carved
 *            further, another available one becomes current, one left by a thread that ended is
 *            claimed, or the strategy is asked for a new one
 *   event    a slab has enough free objects to be used again, or none is left in use
 *   remote   an object of another thread's slab: collected by slab and handed over in chains
 *
 * While any of this goes on is_busy is set. A signal handler that interrupts it and finds it set
 * gets a block of the strategy, and leaves what it frees on a stack of its own. So a handler may
 * allocate, which POSIX does not ask for and profilers do; it costs six instructions a pair.
 */
#ifndef FRONT_THREAD_HEAP_H
#define FRONT_THREAD_HEAP_H

#include "front/block_cache.h"
#include "front/front.h"

enum { OUTBOXES = 8, OUTBOX_OBJECTS_MAX = 32 };

/* Objects of one slab of another thread, freed and not handed over yet. */
struct outbox {
	struct slab *slab;
	struct object *head;
	struct object *tail;
	uint32_t count;
};

struct thread_heap {
	/* What the fast paths read; all 0 where there is none. */
	size_t small_bytes_end; /* requests from here on are not for us */
	uintptr_t base;         /* of the heap's range */
	size_t span;            /* and how far its table of slabs reached lately */
	struct slab *slabs;     /* an entry for each SLAB_BYTES of it */
	uintptr_t key;
	bool is_busy;           /* the caller is inside, or a handler that interrupted it is */
	uint16_t bin_offsets[SMALL_STEPS + 3]; /* by bytes / 16, rounded up: where in `bins` */
	struct bin bins[SMALL_CLASSES];
	/* What the long ways do. */
	struct heap *heap;
	uint32_t number;
	uint32_t spare_count;
	uint32_t spare;                     /* slabs without objects */
	uint32_t resting;                   /* owned slabs with few free objects */
	uint32_t current[SMALL_CLASSES];
	uint32_t available[SMALL_CLASSES];
	struct outbox outboxes[OUTBOXES];
	_Atomic uint32_t dirty;             /* stack of slabs with remote frees, by others */
	struct object *_Atomic pending;     /* freed by handlers that interrupted a long way */
	uint32_t next_idle;                 /* number of the next one without a thread */
	struct arena *arena;                /* where its slabs came from last */
	size_t cached_bytes_end;            /* larger requests are not for the cache; 0: off */
	struct block_cache cache;
};

/* A thread heap that serves nobody: every call takes the long way. */
extern struct thread_heap thread_heap_none;

/* A thread heap for the calling thread, or NULL when there is no memory for one more. */
struct thread_heap *thread_heap_begin(struct heap *heap);
/* Its thread is done: everything is handed over. */
void thread_heap_end(struct thread_heap *own);

/* ---- the long ways ---- */

/* `bytes` <= SMALL_BYTES_MAX. NULL: no slab can be had, or a handler interrupted a long way. */
void *thread_heap_allocate(struct thread_heap *own, size_t bytes);
/*
 * Free an object of a slab, whoever owns it; `own` may be &thread_heap_none. False: a fault, which
 * was reported.
 */
bool thread_heap_free(struct thread_heap *own, struct heap *heap, struct slab *slab, void *p,
		      const char *call);
/* Hand over everything, and give spare slabs back. */
void thread_heap_flush(struct thread_heap *own);

/* ---- the fast paths ---- */

/* Around whatever a handler must not see half done. */
ALLOT_INLINE void thread_heap_enter(struct thread_heap *own)
{
	own->is_busy = true;
	atomic_signal_fence(memory_order_seq_cst);
}

ALLOT_INLINE void thread_heap_leave(struct thread_heap *own)
{
	atomic_signal_fence(memory_order_seq_cst);
	own->is_busy = false;
}

/* A medium block from the thread's cache, or NULL: ask the strategy. */
ALLOT_INLINE void *thread_heap_try_cached(struct thread_heap *own, size_t bytes)
{
	if (bytes >= own->cached_bytes_end || own->is_busy)
		return NULL;
	thread_heap_enter(own);
	void *p = block_cache_take(&own->cache, bytes);
	thread_heap_leave(own);
	return p;
}

enum cache_result {
	CACHE_TOOK,
	CACHE_REFUSED, /* the block is live and in no cache: the strategy may free it */
	CACHE_UNSURE,  /* the long way must find out */
};

/* Put a medium block into the thread's cache. */
enum cache_result thread_heap_cache(struct thread_heap *own, void *p);

/* An object, or NULL: take the long way. */
ALLOT_INLINE void *thread_heap_try_allocate(struct thread_heap *own, size_t bytes)
{
	if (unlikely(bytes >= own->small_bytes_end) || unlikely(own->is_busy))
		return NULL;
	size_t step = (bytes + SMALL_STEP_BYTES - 1) / SMALL_STEP_BYTES;
	struct bin *bin = (struct bin *)((char *)own->bins + own->bin_offsets[step]);
	thread_heap_enter(own);
	struct object *object = bin->head;
	if (likely(object != NULL)) {
		bin->head = object->next;
		object->mark = 0;
	}
	thread_heap_leave(own);
	return object;
}

enum free_result {
	FREE_DONE,
	FREE_IN_SLAB,  /* thread_heap_free() must do it */
	FREE_ELSEWHERE /* not an object of a slab */
};

/* An event of the own slab, after a free; leaves the thread heap, so it is called last. */
void thread_heap_event(struct thread_heap *own, struct slab *slab);

/* Free an object of one of the thread's own slabs. */
ALLOT_INLINE enum free_result thread_heap_try_free(struct thread_heap *own, void *p)
{
	uintptr_t offset = (uintptr_t)p - own->base;
	if (unlikely(offset >= own->span))
		return FREE_ELSEWHERE;
	struct slab *slab = &own->slabs[offset >> SLAB_SHIFT];
	if (unlikely(atomic_load_explicit(&slab->owner, memory_order_relaxed) != own))
		return __atomic_load_n(&slab->state, __ATOMIC_RELAXED) == SLAB_NONE ?
			       FREE_ELSEWHERE :
			       FREE_IN_SLAB;
	struct object *object = p;
	uintptr_t mark = free_mark(own->key, p);
	if (unlikely(!slab_has_object_at(slab, (uint32_t)(offset & (SLAB_BYTES - 1)))) ||
	    unlikely(object->mark == mark) || unlikely(own->is_busy))
		return FREE_IN_SLAB;
	thread_heap_enter(own);
	struct bin *bin = slab->bin;
	object->mark = mark;
	object->next = bin->head;
	bin->head = object;
	if (likely(--bin->count != 0))
		thread_heap_leave(own);
	else
		thread_heap_event(own, slab);
	return FREE_DONE;
}

#endif
