/* SPDX-License-Identifier: MIT */
/*
 * The long ways of small objects. See thread_heap.h, and slab.h for the rules of ownership.
 */
#include "front/thread_heap.h"

#include "front/heap.h"
#include "os/thread.h"

enum {
	SPARES_MAX = 16,
	CARVE_BYTES = 4096, /* objects are carved down to the start of a page */
	ENDLESS = INT16_MAX,
};

static_assert(sizeof(struct thread_heap) <= THREAD_HEAP_STRIDE, "a thread heap fits its place");

/*
 * What every address finds through a closed gate: a slab of somebody's who does not exist, so that
 * it is neither an object of ours nor a medium block.
 */
static const struct slab slab_none = {.owner = 1, .own.state = SLAB_SPARE};

#define GATE_CLOSED_INITIALIZER {.slabs = (struct slab *)&slab_none, .home = &region_none}

alignas(THREAD_HEAP_ALIGN_BYTES) struct thread_heap thread_heap_none = {
	.open = GATE_CLOSED_INITIALIZER,
	.closed = GATE_CLOSED_INITIALIZER,
};

static struct thread_heap *thread_heap_numbered(const struct front *front, uint32_t number)
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

/* ---- slabs from the strategy, and back ---- */

static ALLOT_OUTLINE struct slab *slab_create(struct thread_heap *own)
{
	struct front *front = &own->heap->front;
	struct arena *arena = own->arena;
	void *block = heap_block_create(own->heap, &own->arena, SLAB_USABLE_BYTES, SLAB_BYTES);
	if (block == NULL)
		return NULL;
	uintptr_t offset = (uintptr_t)block - front->range.base;
	if (offset >= front->range.bytes || !front_extend(front, offset + SLAB_BYTES)) {
		/* The range is used up: from here on small requests go to the strategy. */
		heap_block_destroy(own->heap, block);
		own->arena = arena;
		return NULL;
	}
	struct slab *slab = front_entry(front, block);
	slab->first = (uintptr_t)block;
	return slab;
}

static ALLOT_OUTLINE void slab_destroy(struct heap *heap, struct slab *slab)
{
	slab_set_state(slab, SLAB_NONE);
	heap_block_destroy(heap, (void *)slab_base(slab));
}

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

static void spares_destroy(struct thread_heap *own)
{
	for (struct slab *slab; (slab = slab_stack_pop(&own->heap->front, &own->spare)) != NULL;)
		slab_destroy(own->heap, slab);
	own->spare_count = 0;
}

/* ---- states of an owned slab ---- */

/* All objects are live. */
static void slab_set_full(struct slab *slab)
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

ALLOT_OUTLINE void thread_heap_event(struct heap_caller *caller, struct slab *slab)
{
	struct thread_heap *own = caller_heap(caller);
	if (slab_state(slab) == SLAB_CURRENT)
		slab->bin->count = ENDLESS;
	else
		slab_advance(own, slab);
	caller_leave(caller, own);
}

/* `count` objects of a slab that is not current were freed. */
static void slab_count_frees(struct thread_heap *own, struct slab *slab, uint32_t count)
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

/* ---- remote frees ---- */

/* Take home what others freed in our slabs. */
static void dirty_drain(struct thread_heap *own)
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

static void outboxes_flush(struct thread_heap *own)
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

/* ---- allocate ---- */

/* Make further objects, down to the start of the page where the next one begins. */
static ALLOT_OUTLINE void slab_carve(struct slab *slab)
{
	uintptr_t bytes = class_bytes(slab->own.class);
	uint32_t carved_count = slab_carved_count(slab);
	uintptr_t page = align_down(slab->first - carved_count * bytes, CARVE_BYTES);
	uint32_t end_count = (uint32_t)((slab->first - page) / bytes) + 1;
	struct object *next = NULL;
	for (uint32_t i = carved_count; i < end_count; i++) {
		struct object *object = (struct object *)(slab->first - i * bytes);
		*object = (struct object){next, free_mark(slab, object)};
		next = object;
	}
	slab_set_carved_count(slab, end_count);
	slab->bin->head = next;
}

/*
 * All objects of the current slab are in use: leave it to whoever frees the first of them. False:
 * others were faster and will queue it; it is to be kept.
 */
static inline bool slab_detach(struct thread_heap *own, struct slab *slab)
{
	slab_set_full(slab);
	slab_set_owner(slab, NULL);
	return likely(remote_replace(slab, remote_of_home(own->number), REMOTE_DETACHED));
}

static ALLOT_COLD void slab_keep(struct thread_heap *own, struct slab *slab)
{
	slab_set_owner(slab, own);
	slab_list_push(&own->heap->front, &own->resting, slab);
}

/* A slab of this class that a thread left when it ended. */
static ALLOT_OUTLINE struct slab *slab_adopt(struct thread_heap *own, unsigned class)
{
	struct front *front = &own->heap->front;
	_Atomic uint32_t *count = &front->listed_counts[class];
	if (!front_lock(front))
		return NULL;
	struct slab *slab = slab_list_pop(front, &front->listed[class]);
	if (slab != NULL) {
		atomic_fetch_sub_explicit(count, 1, memory_order_relaxed);
		atomic_store_explicit(&slab->remote, remote_of_home(own->number),
				      memory_order_relaxed);
	}
	front_unlock(front);
	if (slab != NULL)
		slab_set_owner(slab, own);
	return slab;
}

/* From here on it has objects of this class, none carved yet. */
static ALLOT_OUTLINE void slab_set_class(struct slab *slab, unsigned class)
{
	const struct size_class *its = &size_classes[class];
	slab->own.class = (uint8_t)class;
	slab->first = slab_base(slab) + (its->capacity - 1) * (uintptr_t)its->bytes;
	slab->magic = its->magic;
	slab_set_carved_count(slab, 0);
	slab->own.head = NULL;
}

static inline struct slab *slab_begin(struct thread_heap *own, unsigned class)
{
	struct slab *slab = slab_stack_pop(&own->heap->front, &own->spare);
	if (likely(slab != NULL))
		own->spare_count--;
	else
		slab = slab_create(own);
	if (slab == NULL)
		return NULL;
	if (slab_state(slab) != SLAB_SPARE || slab->own.class != class)
		slab_set_class(slab, class);
	atomic_store_explicit(&slab->remote, remote_of_home(own->number), memory_order_relaxed);
	slab_set_owner(slab, own);
	return slab;
}

/* Is there something to be done by the next one inside? */
static inline bool errands_wait(const struct thread_heap *own)
{
	const struct front *front = &own->heap->front;
	return ((uintptr_t)atomic_load_explicit(&own->pending, memory_order_relaxed) |
		(uintptr_t)atomic_load_explicit(&front->pending, memory_order_relaxed) |
		atomic_load_explicit(&own->dirty, memory_order_relaxed) | own->outbox_count) != 0;
}

static ALLOT_OUTLINE void errands_run(struct thread_heap *own)
{
	pending_free(own, &own->pending);
	pending_free(own, &own->heap->front.pending);
	outbox_flush_next(own);
	dirty_drain(own);
}

/* Fill the empty bin of a class. */
static bool bin_fill(struct thread_heap *own, unsigned class)
{
	struct front *front = &own->heap->front;
	struct bin *bin = &own->bins[class];
	if (unlikely(errands_wait(own)))
		errands_run(own);
	while (bin->head == NULL) {
		struct slab *slab = NULL;
		if (own->current[class] != 0) {
			slab = slab_numbered(front, own->current[class]);
			if (!slab_is_carved(slab)) {
				slab_carve(slab);
				return true;
			}
			own->current[class] = 0;
			if (!slab_detach(own, slab))
				slab_keep(own, slab);
		}
		slab = slab_list_pop(front, &own->available[class]);
		if (slab == NULL && unlikely(atomic_load_explicit(&front->listed_counts[class],
								  memory_order_relaxed) != 0))
			slab = slab_adopt(own, class);
		if (slab == NULL)
			slab = slab_begin(own, class);
		if (slab == NULL)
			return false;
		bin->head = slab_make_current(own, slab, bin, class);
	}
	return true;
}

/* The first object of a bin that may be empty; the caller is inside, and no more after that. */
static ALLOT_OUTLINE void *object_take(struct heap_caller *caller, struct thread_heap *own,
				       unsigned class)
{
	struct bin *bin = &own->bins[class];
	struct object *object = NULL;
	if (bin->head != NULL || bin_fill(own, class)) {
		object = bin->head;
		bin->head = object->next;
		object->mark = 0;
	}
	caller_leave(caller, own);
	return object;
}

/* As object_take(), once `slab`, which could not be left, is where it belongs. */
static ALLOT_COLD void *object_take_keeping(struct heap_caller *caller, struct thread_heap *own,
					    unsigned class, struct slab *slab)
{
	slab_keep(own, slab);
	return object_take(caller, own, class);
}

/* A slab that was of this class before, ready to be the current one; NULL: there may be others. */
static inline struct slab *slab_next(struct thread_heap *own, unsigned class)
{
	const struct front *front = &own->heap->front;
	struct slab *slab = slab_list_pop(front, &own->available[class]);
	if (slab != NULL)
		return slab;
	if (own->spare == 0 || unlikely(atomic_load_explicit(&front->listed_counts[class],
							     memory_order_relaxed) != 0))
		return NULL;
	slab = slab_numbered(front, own->spare);
	if (unlikely(slab->own.class != class))
		return NULL;
	own->spare = slab->own.next;
	own->spare_count--;
	atomic_store_explicit(&slab->remote, remote_of_home(own->number), memory_order_relaxed);
	slab_set_owner(slab, own);
	return slab;
}

/*
 * Usually the bin is empty because all objects of the current slab are in use, and another one of
 * the class is at hand. That is done here; it calls nothing, and so needs no stack frame.
 */
void *thread_heap_allocate(struct heap_caller *caller, size_t bytes)
{
	struct thread_heap *own = caller->small;
	if (unlikely(caller_is_inside(caller)))
		return NULL;
	caller_enter(caller);
	size_t offset = own->bin_offsets[computed_once(small_step(bytes))];
	unsigned class = (unsigned)(offset / sizeof(struct bin));
	struct bin *bin = bin_at(own, offset);
	uint32_t current = own->current[class];
	if (unlikely(errands_wait(own)) || current == 0 || unlikely(bin->head != NULL))
		return object_take(caller, own, class);
	struct slab *slab = slab_numbered(&own->heap->front, current);
	if (slab->end != size_classes[class].end)
		return object_take(caller, own, class);
	own->current[class] = 0;
	if (!slab_detach(own, slab))
		return object_take_keeping(caller, own, class, slab);
	slab = slab_next(own, class);
	if (slab == NULL)
		return object_take(caller, own, class);
	struct object *object = slab_make_current(own, slab, bin, class);
	if (unlikely(object == NULL))
		return object_take(caller, own, class);
	bin->head = object->next;
	object->mark = 0;
	caller_leave(caller, own);
	return object;
}

/* ---- medium blocks ---- */

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

/* ---- life ---- */

static void gate_close(struct thread_heap *own)
{
	own->open = own->closed;
}

static void thread_heap_init(struct thread_heap *own, struct heap *heap, uint32_t number)
{
	own->heap = heap;
	own->number = number;
	own->closed = thread_heap_none.closed;
	for (size_t step = 0; step < SMALL_STEPS; step++)
		own->bin_offsets[step] =
			(uint16_t)(class_for(step * SMALL_STEP_BYTES) * sizeof(struct bin));
	gate_close(own);
}

/* One nobody has had yet, or NULL. */
static struct thread_heap *thread_heap_create(struct heap *heap)
{
	struct front *front = &heap->front;
	uint32_t number = front->made + 1;
	struct thread_heap *own = thread_heap_numbered(front, number);
	if (owner_mark(own) == 0)
		own = thread_heap_numbered(front, ++number);
	if (number > front->thread_heaps_max ||
	    !own_table_grow(&front->thread_heap_table, (number + 1) * (size_t)THREAD_HEAP_STRIDE))
		return NULL;
	front->made = number;
	thread_heap_init(own, heap, number);
	return own;
}

struct thread_heap *thread_heap_begin(struct heap *heap)
{
	struct front *front = &heap->front;
	struct thread_heap *own = NULL;
	if (!front_lock(front))
		return NULL;
	if (front->idle != 0) {
		own = thread_heap_numbered(front, front->idle);
		front->idle = own->next_idle;
	} else {
		own = thread_heap_create(heap);
	}
	front_unlock(front);
	if (own != NULL && !front->is_watched) {
		own->open.slabs = front->slabs;
		own->open.slab_mask = front->slab_mask;
		own->open.small_bytes_end = SMALL_BYTES_MAX + 1;
		own->open.medium_bytes_span = CACHE_BYTES_END - (SMALL_BYTES_MAX + 1);
	}
	return own;
}

/* Hand everything over. */
static void all_flush(struct thread_heap *own)
{
	errands_run(own);
	outboxes_flush(own);
	dirty_drain(own);
	block_cache_flush(&own->cache, own->heap);
	spares_destroy(own);
}

void thread_heap_flush(struct heap_caller *caller)
{
	struct thread_heap *own = long_way_begin(caller);
	if (own == NULL)
		return;
	all_flush(own);
	caller_leave(caller, own);
}

/*
 * Leave a slab that is on no list of ours, `live` of its objects in use. False when others free
 * in it just now: they will queue it.
 */
static bool slab_leave(struct thread_heap *own, struct slab *slab, uint32_t live)
{
	struct front *front = &own->heap->front;
	uint64_t home = remote_of_home(own->number);
	bool is_full = slab->own.head == NULL && slab_is_carved(slab);
	uint64_t detached = REMOTE_DETACHED | (is_full ? 0 : REMOTE_LISTED);
	slab->bin = &slab->own;
	slab->own.count = (int16_t)live;
	slab_set_state(slab, SLAB_AVAILABLE);
	if (is_full)
		slab_set_full(slab);
	if (!front_lock(front))
		return false;
	slab_set_owner(slab, NULL);
	bool is_left = atomic_compare_exchange_strong_explicit(
		&slab->remote, &home, detached, memory_order_release, memory_order_relaxed);
	if (!is_left)
		slab_set_owner(slab, own);
	if (is_left && !is_full) {
		slab_list_push(front, &front->listed[slab->own.class], slab);
		atomic_fetch_add_explicit(&front->listed_counts[slab->own.class], 1,
					  memory_order_relaxed);
	}
	front_unlock(front);
	return is_left;
}

/* Leave the current slab of a class, as an available one first. */
static void current_leave(struct thread_heap *own, unsigned class)
{
	struct bin *bin = &own->bins[class];
	if (own->current[class] == 0)
		return;
	struct slab *slab = slab_numbered(&own->heap->front, own->current[class]);
	uint32_t free_count = 0;
	for (struct object *object = bin->head; object != NULL; object = object->next)
		free_count++;
	slab->own.head = bin->head;
	bin->head = NULL;
	own->current[class] = 0;
	slab_offer(own, slab, slab_carved_count(slab) - free_count);
}

/* Objects in use of a slab that is not current, as far as its owner knows. */
static uint32_t live_count(const struct slab *slab)
{
	const struct size_class *class = &size_classes[slab->own.class];
	if (slab_state(slab) == SLAB_AVAILABLE)
		return (uint32_t)slab->own.count;
	return (uint32_t)(class->capacity - class->wake + slab->own.count);
}

/* Leave all slabs of a list; those that cannot be left stay on it. */
static bool list_leave(struct thread_heap *own, uint32_t *head)
{
	struct front *front = &own->heap->front;
	uint32_t kept = 0;
	for (struct slab *slab; (slab = slab_list_pop(front, head)) != NULL;) {
		int16_t count = slab->own.count;
		enum slab_state state = slab_state(slab);
		if (slab_leave(own, slab, live_count(slab)))
			continue;
		slab->own.count = count;
		slab_set_state(slab, state);
		slab_list_push(front, &kept, slab);
	}
	*head = kept;
	return kept == 0;
}

void thread_heap_end(struct heap_caller *caller)
{
	struct thread_heap *own = long_way_begin(caller);
	if (own == NULL)
		return;
	struct front *front = &own->heap->front;
	all_flush(own);
	for (unsigned class = 0; class < SMALL_CLASSES; class++)
		current_leave(own, class);
	for (bool is_done = false; !is_done;) {
		dirty_drain(own);
		is_done = list_leave(own, &own->resting);
		for (unsigned class = 0; class < SMALL_CLASSES; class++)
			is_done &= list_leave(own, &own->available[class]);
		if (!is_done)
			os_yield();
	}
	spares_destroy(own);
	gate_close(own);
	caller_leave(caller, own);
	while (!front_lock(front))
		os_yield();
	own->next_idle = front->idle;
	front->idle = own->number;
	front_unlock(front);
}
