/* SPDX-License-Identifier: MIT */
/*
 * Frees in slabs that are not the thread's own, and what others freed in its own: objects are
 * collected by slab in boxes and handed over in chains, one compare-and-swap each; the thread that
 * makes a slab's chain pushes the slab on its owner's dirty stack; whoever frees in a slab that
 * nobody owns becomes its owner. See slab.h for the rules; tests/model/slab.pml is the model.
 */
#include "front/thread_heap_parts.h"

void dirty_drain(struct thread_heap *own)
{
	struct front *front = &own->heap->front;
	uint32_t number = 0;
	if (atomic_load_explicit(&own->dirty, memory_order_relaxed) != 0)
		number = atomic_exchange_explicit(&own->dirty, 0, memory_order_acquire);
	while (number != 0) {
		struct slab *slab = slab_numbered(front, number);
		/* Whoever frees here next, once the chain is taken, makes a new note. */
		struct slab_note note = *slab_note(slab);
		uint64_t remote = atomic_exchange_explicit(
			&slab->remote, remote_of_home(own->number), memory_order_acq_rel);
		uintptr_t base = slab_base(slab);
		number = note.next;
		slab_take_home(own, slab, remote_head(remote, base),
			       (struct object *)(base + note.tail), remote_count(remote));
	}
}

/* The slab has a chain, which ends with `tail`. Nobody else comes here until its owner took it. */
static void dirty_push(struct thread_heap *owner, struct slab *slab, const struct object *tail)
{
	uint32_t number = slab_number(&owner->heap->front, slab);
	struct slab_note *note = slab_note(slab);
	uint32_t next = atomic_load_explicit(&owner->dirty, memory_order_relaxed);
	note->tail = (uint32_t)((uintptr_t)tail - slab_base(slab));
	do {
		note->next = next;
	} while (!atomic_compare_exchange_weak_explicit(&owner->dirty, &next, number,
							memory_order_release,
							memory_order_relaxed));
}

/*
 * Become the owner of a detached slab that is full, as whoever detached it left it. False: somebody
 * else did.
 */
static inline bool slab_claim_full(struct thread_heap *own, struct slab *slab)
{
	if (!remote_replace(slab, REMOTE_DETACHED, remote_of_home(own->number)))
		return false;
	slab_set_owner(slab, own);
	slab_list_push(&own->heap->front, &own->resting, slab);
	return true;
}

enum claim { CLAIMED, CLAIM_LOST, CLAIM_FORBIDDEN };

/*
 * Become the owner of a detached slab, which `remote` says it is. Lost: somebody else did.
 * Forbidden: just now, by a fork.
 */
static enum claim slab_claim(struct thread_heap *own, struct slab *slab, uint64_t remote)
{
	struct front *front = &own->heap->front;
	uint64_t home = remote_of_home(own->number);
	if (remote & REMOTE_LISTED) {
		if (!front_lock(front))
			return CLAIM_FORBIDDEN;
		bool is_listed = atomic_load_explicit(&slab->remote, memory_order_acquire) ==
				 (REMOTE_DETACHED | REMOTE_LISTED);
		if (is_listed) {
			slab_list_remove(front, &front->listed[slab->own.class], slab);
			atomic_fetch_sub_explicit(&front->listed_counts[slab->own.class], 1,
						  memory_order_relaxed);
			atomic_store_explicit(&slab->remote, home, memory_order_relaxed);
		}
		front_unlock(front);
		if (!is_listed)
			return CLAIM_LOST;
		slab_set_owner(slab, own);
		slab_offer(own, slab, (uint32_t)slab->own.count);
		return CLAIMED;
	}
	return slab_claim_full(own, slab) ? CLAIMED : CLAIM_LOST;
}

/* Leave objects that cannot be freed just now to the next one inside. */
static void pending_put(struct object *_Atomic *pending, struct object *head, struct object *tail)
{
	struct object *first = atomic_load(pending);
	do {
		tail->next = first;
	} while (!atomic_compare_exchange_weak(pending, &first, head));
}

/* Hand a chain over to whoever owns its slab; that may turn out to be us, by a claim. */
static void chain_publish(struct thread_heap *own, struct slab *slab, struct object *head,
			  struct object *tail, uint32_t count)
{
	struct front *front = &own->heap->front;
	if (slab_is_owned_by(slab, own)) {
		/* It was another's when they were collected. */
		slab_take_home(own, slab, head, tail, count);
		return;
	}
	uint64_t remote = atomic_load_explicit(&slab->remote, memory_order_relaxed);
	uint64_t with;
	do {
		while (remote & REMOTE_DETACHED) {
			enum claim claim = slab_claim(own, slab, remote);
			if (claim == CLAIMED)
				slab_take_home(own, slab, head, tail, count);
			if (claim == CLAIM_FORBIDDEN)
				pending_put(&own->pending, head, tail);
			if (claim != CLAIM_LOST)
				return;
			remote = atomic_load_explicit(&slab->remote, memory_order_relaxed);
		}
		tail->next = remote_head(remote, slab_base(slab));
		with = remote_with(remote, head, remote_count(remote) + count,
				   slab_base(slab));
	} while (!atomic_compare_exchange_weak_explicit(&slab->remote, &remote, with,
							memory_order_acq_rel,
							memory_order_relaxed));
	if (!(remote & REMOTE_QUEUED))
		dirty_push(thread_heap_numbered(front, remote_home(remote)), slab, tail);
}

static void outbox_flush(struct thread_heap *own, struct outbox *box)
{
	struct slab *slab = box->slab;
	if (slab == NULL)
		return;
	box->slab = NULL;
	own->outbox_count--;
	chain_publish(own, slab, box->head, box->tail, box->count);
}

void outboxes_flush(struct thread_heap *own)
{
	for (size_t i = 0; own->outbox_count != 0; i++)
		outbox_flush(own, &own->outboxes[i]);
}

/*
 * Hand over what is in one of the boxes: each has its turn, so that nothing stays for ever in a
 * thread that goes on allocating, and meanwhile chains grow longer.
 */
static void outbox_flush_next(struct thread_heap *own)
{
	outbox_flush(own, &own->outboxes[own->outbox_turn++ % OUTBOXES]);
}

static struct outbox *outbox_for(struct thread_heap *own, const struct slab *slab)
{
	return &own->outboxes[slab_base(slab) / SLAB_BYTES % OUTBOXES];
}

static void outbox_put(struct thread_heap *own, struct outbox *box, struct object *object)
{
	object->next = box->head;
	box->head = object;
	if (++box->count == OUTBOX_OBJECTS_MAX)
		outbox_flush(own, box);
}

/* The first object of another thread's slab, for which the box is from here on. */
static void outbox_begin(struct thread_heap *own, struct outbox *box, struct slab *slab,
			 struct object *object)
{
	outbox_flush(own, box);
	*box = (struct outbox){.slab = slab, .tail = object};
	own->outbox_count++;
	outbox_put(own, box, object);
}

/* ---- free ---- */

/* Free an object that is marked as free, in a long way. */
static void object_free(struct thread_heap *own, struct slab *slab, struct object *object)
{
	struct outbox *box = outbox_for(own, slab);
	if (likely(box->slab == slab)) {
		/* Whoever owns it now: that is asked once for all of them. */
		outbox_put(own, box, object);
		return;
	}
	uint64_t remote = atomic_load_explicit(&slab->remote, memory_order_relaxed);
	if ((likely(remote == REMOTE_DETACHED) && likely(slab_claim_full(own, slab))) ||
	    slab_is_owned_by(slab, own))
		slab_take_home(own, slab, object, object, 1);
	else if (remote & REMOTE_DETACHED)
		chain_publish(own, slab, object, object, 1);
	else
		outbox_begin(own, box, slab, object);
}

static void pending_free(struct thread_heap *own, struct object *_Atomic *pending)
{
	struct object *object = NULL;
	if (atomic_load_explicit(pending, memory_order_relaxed) != NULL)
		object = atomic_exchange(pending, NULL);
	while (object != NULL) {
		struct object *next = object->next;
		object_free(own, front_slab(&own->heap->front, object), object);
		object = next;
	}
}

/* Free an object that is marked as free; the caller is inside, and no more after that. */
static ALLOT_OUTLINE void object_put(struct heap_caller *caller, struct thread_heap *own,
				     struct slab *slab, struct object *object)
{
	object_free(own, slab, object);
	/* A thread may only free, and come this way only. */
	if (unlikely(atomic_load_explicit(&own->dirty, memory_order_relaxed) != 0))
		dirty_drain(own);
	caller_leave(caller, own);
}

/*
 * Usually it is the first one freed in a slab that nobody owns. That is done here; it calls
 * nothing, and so needs no stack frame.
 */
void thread_heap_free_live(struct heap_caller *caller, struct slab *slab, void *p)
{
	struct thread_heap *own = caller->small;
	struct object *object = p;
	object->mark = free_mark(slab, p);
	caller_enter(caller);
	if (outbox_for(own, slab)->slab == slab ||
	    unlikely(atomic_load_explicit(&own->dirty, memory_order_relaxed) != 0) ||
	    atomic_load_explicit(&slab->remote, memory_order_relaxed) != REMOTE_DETACHED ||
	    unlikely(!slab_claim_full(own, slab))) {
		object_put(caller, own, slab, object);
		return;
	}
	object->next = NULL;
	slab->own.head = object;
	if (likely(--slab->own.count != 0))
		caller_leave(caller, own);
	else
		thread_heap_event(caller, slab);
}

bool thread_heap_free(struct heap_caller *caller, struct heap *heap, struct slab *slab, void *p,
		      const char *call)
{
	struct object *object = p;
	if (unlikely(!slab_object_is_live(slab, p))) {
		slab_report(heap, slab, p, call);
		return false;
	}
	object->mark = free_mark(slab, p);
	if (unlikely(caller->small == &thread_heap_none)) {
		pending_put(&heap->front.pending, object, object);
		return true;
	}
	struct thread_heap *own = long_way_begin(caller);
	if (unlikely(own == NULL)) {
		pending_put(&caller_heap(caller)->pending, object, object);
		return true;
	}
	object_put(caller, own, slab, object);
	return true;
}

ALLOT_OUTLINE void errands_run(struct thread_heap *own)
{
	pending_free(own, &own->pending);
	pending_free(own, &own->heap->front.pending);
	outbox_flush_next(own);
	dirty_drain(own);
}
