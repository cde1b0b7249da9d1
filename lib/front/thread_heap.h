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
 * While any of this goes on the thread is *inside*: the caller's pointer leads to the closed gate
 * of its thread heap instead of the open one. A gate is what the fast paths look at before they
 * touch anything; through a closed one a signal handler that interrupts them gets no further, so
 * that it gets a block of the strategy and leaves what it frees on a stack of its own. So a handler
 * may allocate, which POSIX does not ask for and profilers do; it costs four instructions a pair.
 */
#ifndef FRONT_THREAD_HEAP_H
#define FRONT_THREAD_HEAP_H

#include <stdalign.h>

#include "front/block_cache.h"
#include "front/front.h"
#include "strategy/block.h"

enum {
	OUTBOXES = 32,
	OUTBOX_OBJECTS_MAX = 32,
	ROOM_SHARE = 8, /* of a block may be room to grow, or to have shrunk */
};

/* Objects of one slab of another thread, freed and not handed over yet. */
struct outbox {
	struct slab *slab;
	struct object *head;
	struct object *tail;
	uint32_t count;
};

/* What the fast paths read first. Closed, it has no small requests and no slab that is ours. */
struct gate {
	size_t small_bytes_end; /* requests from here on are not for us */
	struct slab *slabs;     /* the table: an entry for every address */
	size_t slab_mask;
	size_t medium_bytes_span; /* of sizes above the small ones that are for the cache */
	const struct region *home; /* a region of tagged blocks, where medium ones were lately */
	uint64_t home_key;         /* that these tags are sealed with */
};

struct thread_heap {
	struct gate open; /* first, so that a pointer to the heap is one to its gate */
	uint16_t bin_offsets[SMALL_STEPS + 3]; /* by bytes / 16, rounded up: where in `bins` */
	struct gate closed;
	struct bin bins[SMALL_CLASSES];
	/* What the long ways do. */
	struct heap *heap;
	uint32_t number;
	uint32_t spare_count;
	uint32_t spare;                     /* slabs without objects */
	uint32_t resting;                   /* owned slabs with few free objects */
	uint32_t current[SMALL_CLASSES];
	uint32_t available[SMALL_CLASSES];
	uint32_t outbox_count;              /* outboxes with objects */
	uint32_t outbox_turn;
	struct outbox outboxes[OUTBOXES];
	uint32_t next_idle;                 /* number of the next one without a thread */
	struct arena *arena;                /* where its slabs came from last */
	struct block_cache cache;
	/* What others write, not in a cache line with the rest. */
	unsigned char gap[64];
	_Atomic uint32_t dirty;             /* stack of slabs with remote frees */
	struct object *_Atomic pending;     /* freed by handlers that interrupted a long way */
};

/* A thread heap that serves nobody: every call takes the long way. */
extern struct thread_heap thread_heap_none;

/*
 * Who calls: what a thread keeps of a heap. `small` serves its small objects, &thread_heap_none if
 * nothing does; while the thread is inside it points to the closed gate. `arena` is the arena it
 * prefers, NULL at first and for ever if the heap is watched.
 */
struct heap_caller {
	struct arena *arena;
	struct thread_heap *small;
};

/* A thread heap for the calling thread, or NULL when there is no memory for one more. */
struct thread_heap *thread_heap_begin(struct heap *heap);
/*
 * Its thread is done: everything is handed over. If the thread is inside, a handler ended it, and
 * its heap stays as it is for ever.
 */
void thread_heap_end(struct heap_caller *caller);

/* ---- being inside ---- */

enum {
	GATE_CLOSED = offsetof(struct thread_heap, closed),
	THREAD_HEAP_ALIGN_BYTES = 256,
};
static_assert(offsetof(struct thread_heap, open) == 0 && GATE_CLOSED < THREAD_HEAP_ALIGN_BYTES,
	      "the lowest byte of a pointer to a gate tells which it is");

/* The caller's thread heap, which it may be inside of. */
ALLOT_INLINE struct thread_heap *caller_heap(const struct heap_caller *caller)
{
	return (struct thread_heap *)((uintptr_t)caller->small &
				      ~(uintptr_t)(THREAD_HEAP_ALIGN_BYTES - 1));
}

ALLOT_INLINE bool caller_is_inside(const struct heap_caller *caller)
{
	return caller->small != caller_heap(caller);
}

/*
 * Around whatever a handler must not see half done. Entering is a store of one byte, that leaving
 * covers with a whole pointer, because what is loaded next is forwarded from one store only.
 */
ALLOT_INLINE void caller_set_gate(struct heap_caller *caller, uintptr_t gate)
{
	enum { LOWEST_BYTE = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 0 : sizeof(void *) - 1 };
	((unsigned char *)&caller->small)[LOWEST_BYTE] = (unsigned char)gate;
}

ALLOT_INLINE void caller_enter(struct heap_caller *caller)
{
	caller_set_gate(caller, GATE_CLOSED);
	atomic_signal_fence(memory_order_seq_cst);
}

ALLOT_INLINE void caller_leave(struct heap_caller *caller, struct thread_heap *own)
{
	atomic_signal_fence(memory_order_seq_cst);
	caller->small = own;
}

/*
 * Leave with nothing done, by who does not know whether `own` is a thread heap, or whether the
 * caller was inside already. Where it is none, a handler may have given the caller one meanwhile.
 */
ALLOT_INLINE void caller_retreat(struct heap_caller *caller, struct thread_heap *own)
{
	if (likely(own->open.small_bytes_end != 0)) {
		caller_leave(caller, own);
		return;
	}
	atomic_signal_fence(memory_order_seq_cst);
	caller_set_gate(caller, (uintptr_t)own);
}

/* ---- the long ways ---- */

/* `bytes` <= SMALL_BYTES_MAX. NULL: no slab can be had, or a handler interrupted a long way. */
void *thread_heap_allocate(struct heap_caller *caller, size_t bytes);
/* Free an object of a slab, whoever owns it. False: a fault, which was reported. */
bool thread_heap_free(struct heap_caller *caller, struct heap *heap, struct slab *slab, void *p,
		      const char *call);
/* The same of one that is live, by a caller whose gate is open. */
void thread_heap_free_live(struct heap_caller *caller, struct slab *slab, void *p);
/* Hand over everything, and give spare slabs back. */
void thread_heap_flush(struct heap_caller *caller);
/* An event of the own slab, after a free; the caller is inside, and no more after that. */
void thread_heap_event(struct heap_caller *caller, struct slab *slab);

/* ---- medium blocks ---- */

/* A request found nothing in the cache. */
void thread_heap_missed(struct heap_caller *caller, size_t bytes);
/* A block from the cache at a multiple of `align`, or NULL. */
void *thread_heap_take_aligned(struct heap_caller *caller, size_t bytes, size_t align);

enum cache_result {
	CACHE_TOOK,
	CACHE_REFUSED, /* the block is live and in no cache: the strategy may free it */
	CACHE_UNSURE,  /* the long way must find out */
};

/* Put a medium block of any strategy, in any region, into the cache; make room if that is due. */
enum cache_result thread_heap_cache(struct heap_caller *caller, void *p);

/* ---- the fast paths ---- */

/* Is a request, or a block, of this size for the cache? */
ALLOT_INLINE bool gate_has_medium(const struct gate *gate, size_t bytes)
{
	return bytes - (SMALL_BYTES_MAX + 1) < gate->medium_bytes_span;
}

/*
 * What to ask for, for `bytes` that are no small object at a multiple of `align`: what is smaller
 * than that gets all of it but the next block's tag, so that such blocks lie side by side, and any
 * of them serves any of these requests. Not beyond a page, which they would touch anyway.
 */
ALLOT_INLINE size_t thread_heap_fill_align(const struct heap_caller *caller, size_t bytes,
					   size_t align)
{
	enum { ALIGN_FILLED_MAX = 4096 };
	bool is_filled = align <= ALIGN_FILLED_MAX && bytes < align - TAG_BYTES &&
			 gate_has_medium(&caller->small->open, align - TAG_BYTES);
	return is_filled ? align - TAG_BYTES : bytes;
}

ALLOT_INLINE void *thread_heap_take_cached(struct heap_caller *caller, struct thread_heap *own,
					   size_t bytes)
{
	if (unlikely(!gate_has_medium(&own->open, bytes)))
		return NULL;
	caller_enter(caller);
	void *p = block_cache_take(&own->cache, bytes);
	caller_leave(caller, own);
	return p;
}

/* `offset` is one of own->bin_offsets. */
ALLOT_INLINE struct bin *bin_at(struct thread_heap *own, size_t offset)
{
	return (struct bin *)((char *)own->bins + offset);
}

ALLOT_INLINE void *thread_heap_take_small(struct heap_caller *caller, struct thread_heap *own,
					  size_t bytes)
{
	size_t offset = own->bin_offsets[computed_once(small_step(bytes))];
	caller_enter(caller);
	struct object *object = bin_at(own, offset)->head;
	if (likely(object != NULL)) {
		/* The address twice, within a load and a store, not once by itself. */
		bin_at(own, computed_once(offset))->head = object->next;
		object->mark = 0;
	}
	caller_leave(caller, own);
	return object;
}

/* A small object, or a medium block from the cache. NULL: take the long way. */
ALLOT_INLINE void *thread_heap_try_allocate(struct heap_caller *caller, size_t bytes)
{
	struct thread_heap *own = caller->small;
	return likely(bytes < own->open.small_bytes_end) ?
		       thread_heap_take_small(caller, own, bytes) :
		       thread_heap_take_cached(caller, own, bytes);
}

/*
 * Put a medium block into the cache, if it is one with a tag in the region where they were lately,
 * and there is room; the caller is inside, and no more after that. What is in a slab has no tag:
 * before it lies what other threads write, or the tag of the slab.
 */
ALLOT_INLINE bool thread_heap_put_cached(struct heap_caller *caller, struct thread_heap *own,
					 const struct slab *entry, uintptr_t mark, void *p)
{
	uint64_t tag = 0;
	if (unlikely(!slab_is_none(entry)) ||
	    unlikely(!block_has_used_tag(&own->open.home_key, own->open.home, p, &tag)) ||
	    unlikely(!gate_has_medium(&own->open, tag_size(tag) - TAG_BYTES)) ||
	    unlikely(((struct cached_block *)p)->mark == mark)) {
		caller_retreat(caller, own);
		return false;
	}
	/* Blocks of this size are not deferred. */
	static_assert((int)DEFERRED_BLOCK_BYTES_MAX <= (int)SMALL_BYTES_MAX,
		      "a block of this size that is in use is live");
	bool is_in = block_cache_put(&own->cache, p, tag_size(tag) - TAG_BYTES, mark);
	caller_leave(caller, own);
	return is_in;
}

/*
 * Is `p` an object of the thread's own, or a medium block, that serves `bytes` as it is: in the
 * same class, or with an eighth to spare at most? False: it is not, or the long way must find out.
 */
ALLOT_INLINE bool thread_heap_fits(const struct heap_caller *caller, const void *p, size_t bytes)
{
	const struct thread_heap *own = caller->small;
	const struct slab *slab = slab_entry(own->open.slabs, own->open.slab_mask, p);
	const struct object *object = p;
	uintptr_t mark = free_mark(slab, p);
	if (slab_is_owned_by(slab, own))
		return bytes < own->open.small_bytes_end &&
		       own->bin_offsets[computed_once(small_step(bytes))] ==
			       slab->own.class * sizeof(struct bin) &&
		       slab_has_own_object(slab, p) && object->mark != mark;
	uint64_t tag;
	if (!slab_is_none(slab) ||
	    !block_has_used_tag(&own->open.home_key, own->open.home, p, &tag))
		return false;
	size_t usable_bytes = tag_size(tag) - TAG_BYTES;
	return gate_has_medium(&own->open, usable_bytes) && object->mark != mark &&
	       bytes <= usable_bytes && usable_bytes - bytes <= usable_bytes / ROOM_SHARE;
}

/* Free an object of one of the thread's own slabs, or a medium block. False: take the long way. */
ALLOT_INLINE bool thread_heap_try_free(struct heap_caller *caller, void *p)
{
	struct thread_heap *own = caller->small;
	struct slab *slab = slab_entry(own->open.slabs, own->open.slab_mask, p);
	struct object *object = p;
	uintptr_t mark = free_mark(slab, p);
	/* Before the question whose slab it is: a handler could change the answer. */
	caller_enter(caller);
	if (unlikely(!slab_is_owned_by(slab, own)))
		return thread_heap_put_cached(caller, own, slab, mark, p);
	if (unlikely(!slab_has_own_object(slab, p)) || unlikely(object->mark == mark)) {
		caller_retreat(caller, own);
		return false;
	}
	struct bin *bin = slab->bin;
	object->mark = mark;
	object->next = bin->head;
	bin->head = object;
	if (likely(--bin->count != 0))
		caller_leave(caller, own);
	else
		thread_heap_event(caller, slab);
	return true;
}

/*
 * Free an object of any slab, once thread_heap_try_free() did not. False: it is none that is live,
 * or the long way must find out.
 */
ALLOT_INLINE bool thread_heap_try_free_other(struct heap_caller *caller, void *p)
{
	struct thread_heap *own = caller->small;
	struct slab *slab = slab_entry(own->open.slabs, own->open.slab_mask, p);
	if (unlikely(own->open.small_bytes_end == 0) || slab_state(slab) == SLAB_NONE ||
	    unlikely(!slab_object_is_live(slab, p)))
		return false;
	thread_heap_free_live(caller, slab, p);
	return true;
}

#endif
