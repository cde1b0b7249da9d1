/* SPDX-License-Identifier: MIT */
/*
 * The long way of a small request: slabs come from the strategy, get a class, are carved page by
 * page, are current one after the other, and are detached when their last object is taken. See
 * thread_heap.h, and slab.h for the rules of ownership.
 */
#include "front/thread_heap_parts.h"

enum { CARVE_BYTES = 4096 }; /* objects are carved down to the start of a page */

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

ALLOT_OUTLINE void slab_destroy(struct heap *heap, struct slab *slab)
{
	slab_set_state(slab, SLAB_NONE);
	heap_block_destroy(heap, (void *)slab_base(slab));
}

void spares_destroy(struct thread_heap *own)
{
	for (struct slab *slab; (slab = slab_stack_pop(&own->heap->front, &own->spare)) != NULL;)
		slab_destroy(own->heap, slab);
	own->spare_count = 0;
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
