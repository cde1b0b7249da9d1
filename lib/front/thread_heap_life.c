/* SPDX-License-Identifier: MIT */
/*
 * A thread heap's life: it is given to a thread, and left with nothing owned when the thread ends,
 * for the next one. Its slabs are left to whoever frees in them, if all is live, or else on the
 * list of their class.
 */
#include "front/thread_heap_parts.h"

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
