/* SPDX-License-Identifier: MIT */
/*
 * What the long ways of a thread heap share: entering them, and the states of a slab that its owner
 * moves it through. Each belongs to who is inside (thread_heap.h), and takes no lock.
 *
 *   spare --> current --> detached (all live) --> resting --> available --> current or spare
 *
 * thread_heap.c allocates, thread_heap_remote.c frees and takes home what others freed,
 * thread_heap_medium.c has the blocks of the strategy, thread_heap_life.c begins and ends.
 */
#ifndef FRONT_THREAD_HEAP_PARTS_H
#define FRONT_THREAD_HEAP_PARTS_H

#include "front/heap.h"
#include "front/thread_heap.h"
#include "os/thread.h"

enum {
	SPARES_MAX = 16,
	ENDLESS = INT16_MAX,
};

static_assert(sizeof(struct thread_heap) <= THREAD_HEAP_STRIDE, "a thread heap fits its place");

static inline struct thread_heap *thread_heap_numbered(const struct front *front, uint32_t number)
{
	return (struct thread_heap *)(void *)((char *)front->thread_heap_table.base +
					      number * (size_t)THREAD_HEAP_STRIDE);
}

/* The caller's thread heap, now inside; NULL if it was, and a handler interrupted it. */
static inline struct thread_heap *long_way_begin(struct heap_caller *caller)
{
	struct thread_heap *own = caller->small;
	if (unlikely(caller_is_inside(caller)))
		return NULL;
	caller_enter(caller);
	return own;
}

/*
 * The remote word is `from`: make it `to`. False: it is not. While there is one thread no other
 * processor is to be kept from it, for a slab of few objects comes and goes often; but a signal
 * handler may free into the slab, so it is one instruction all the same.
 */
static inline bool remote_replace(struct slab *slab, uint64_t from, uint64_t to)
{
#if defined(__x86_64__)
	if (thread_is_alone()) {
		bool is_done;
		__asm__ volatile("cmpxchgq %3, %1"
				 : "+a"(from), "+m"(slab->remote), "=@ccz"(is_done)
				 : "r"(to)
				 : "memory");
		return is_done;
	}
#endif
	return atomic_compare_exchange_strong_explicit(&slab->remote, &from, to,
						       memory_order_acq_rel, memory_order_relaxed);
}

/* ---- slabs without objects ---- */

/* Back to the strategy. */
void slab_destroy(struct heap *heap, struct slab *slab);
void spares_destroy(struct thread_heap *own);

/* A slab without live objects, on no list. A spare one keeps its objects for its class. */
static inline void slab_release(struct thread_heap *own, struct slab *slab)
{
	slab_set_owner(slab, NULL);
	atomic_store_explicit(&slab->remote, 0, memory_order_relaxed);
	if (likely(own->spare_count < SPARES_MAX)) {
		slab_set_state(slab, SLAB_SPARE);
		own->spare_count++;
		slab_stack_push(&own->heap->front, &own->spare, slab);
	} else {
		slab_destroy(own->heap, slab);
	}
}

/* ---- states of an owned slab ---- */

/* All objects are live. */
static inline void slab_set_full(struct slab *slab)
{
	slab->own.head = NULL;
	slab->own.count = (int16_t)size_classes[slab->own.class].wake;
	slab->bin = &slab->own;
	slab_set_state(slab, SLAB_RESTING);
}

/* Among the available ones, `live` objects in use; released when there are none. */
static inline void slab_offer(struct thread_heap *own, struct slab *slab, uint32_t live)
{
	if (unlikely(live == 0)) {
		slab_release(own, slab);
		return;
	}
	slab->own.count = (int16_t)live;
	slab->bin = &slab->own;
	slab_set_state(slab, SLAB_AVAILABLE);
	slab_list_push(&own->heap->front, &own->available[slab->own.class], slab);
}

/* What it has free is to be the bin's from now on: that is returned. */
static inline struct object *slab_make_current(struct thread_heap *own, struct slab *slab,
					       struct bin *bin, unsigned class)
{
	struct object *head = slab->own.head;
	own->current[class] = slab_number(&own->heap->front, slab);
	slab_set_state(slab, SLAB_CURRENT);
	bin->count = ENDLESS;
	slab->own.head = NULL;
	slab->bin = bin;
	return head;
}

/* Of a slab that is not current so many objects were freed as it counted: into the next state. */
ALLOT_INLINE void slab_advance(struct thread_heap *own, struct slab *slab)
{
	const struct front *front = &own->heap->front;
	if (slab_state(slab) == SLAB_RESTING) {
		const struct size_class *class = &size_classes[slab->own.class];
		uint32_t freed = (uint32_t)(class->wake - slab->own.count);
		slab_list_remove(front, &own->resting, slab);
		slab_offer(own, slab, class->capacity - freed);
	} else {
		slab_list_remove(front, &own->available[slab->own.class], slab);
		slab_release(own, slab);
	}
}

/* `count` objects of a slab that is not current were freed. */
static inline void slab_count_frees(struct thread_heap *own, struct slab *slab, uint32_t count)
{
	slab->own.count = (int16_t)(slab->own.count - (int16_t)count);
	if (slab->own.count <= 0)
		slab_advance(own, slab);
}

/* A chain of free objects comes home to its slab. */
static inline void slab_take_home(struct thread_heap *own, struct slab *slab, struct object *head,
			   struct object *tail, uint32_t count)
{
	struct bin *bin = slab->bin;
	tail->next = bin->head;
	bin->head = head;
	if (slab_state(slab) != SLAB_CURRENT)
		slab_count_frees(own, slab, count);
}

/* ---- errands: what the next one inside does for others ---- */

/* Is there something to be done by the next one inside? */
static inline bool errands_wait(const struct thread_heap *own)
{
	const struct front *front = &own->heap->front;
	return ((uintptr_t)atomic_load_explicit(&own->pending, memory_order_relaxed) |
		(uintptr_t)atomic_load_explicit(&front->pending, memory_order_relaxed) |
		atomic_load_explicit(&own->dirty, memory_order_relaxed) | own->outbox_count) != 0;
}

/* Free what handlers left, hand over what is in one of the boxes, take home what others freed. */
void errands_run(struct thread_heap *own);
/* Take home what others freed in our slabs. */
void dirty_drain(struct thread_heap *own);
/* Hand over all objects of other threads' slabs. */
void outboxes_flush(struct thread_heap *own);

#endif
