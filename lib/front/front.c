/* SPDX-License-Identifier: MIT */
/*
 * What thread heaps share. See front.h.
 */
#include "front/front.h"

#include "front/heap.h"

enum {
	SPAN_STEP_BYTES = 16 << 20, /* of the range, for which the table grows at a time */
	THREAD_HEAPS_MIN = 1 << 10,
	THREAD_HEAPS_MAX = 1 << 14,
};

/* Address space of the range, and how little of it is still of use. */
static const size_t range_bytes_max = (size_t)64 << 30;
static const size_t range_bytes_min = (size_t)1 << 20;
enum { RANGE_ALIGN_BYTES = 4 << 20 };

bool front_init(struct front *front, bool is_break, uint64_t key, bool is_watched,
		bool keeps_slacks, const _Atomic unsigned *freeze_count)
{
	bool has_range = is_break ? range_init_break(&front->range, range_bytes_max,
						     RANGE_ALIGN_BYTES) :
				    range_init(&front->range, range_bytes_max, range_bytes_min,
					       RANGE_ALIGN_BYTES);
	if (!has_range)
		return false;
	size_t slab_count = front->range.bytes >> SLAB_SHIFT;
	front->thread_heaps_max =
		(uint32_t)size_max(THREAD_HEAPS_MIN, size_min(THREAD_HEAPS_MAX, slab_count));
	front->key = key | 1;
	front->is_watched = is_watched;
	front->keeps_slacks = keeps_slacks;
	front->freeze_count = freeze_count;
	front->is_on =
		own_table_init(&front->slab_table, slab_count * sizeof(struct slab)) &&
		own_table_init(&front->thread_heap_table,
			       (front->thread_heaps_max + 1) * (size_t)THREAD_HEAP_STRIDE) &&
		(!keeps_slacks ||
		 own_table_init(&front->slack_table, front->range.bytes / SMALL_STEP_BYTES));
	front->slabs = front->slab_table.base;
	if (!front->is_on)
		front_finish(front);
	return front->is_on;
}

void front_finish(struct front *front)
{
	own_table_finish(&front->slab_table);
	own_table_finish(&front->thread_heap_table);
	own_table_finish(&front->slack_table);
	range_finish(&front->range);
	*front = (struct front){0};
}

bool front_lock(struct front *front)
{
	uintptr_t self = thread_self();
	return likely(lock_try(&front->lock, self, thread_is_alone())) ||
	       (!lock_is_mine(&front->lock, self) &&
		lock_wait(&front->lock, self, front->freeze_count));
}

void front_unlock(struct front *front)
{
	lock_give(&front->lock, thread_is_alone());
}

bool front_extend(struct front *front, size_t bytes)
{
	if (bytes <= atomic_load_explicit(&front->span, memory_order_acquire))
		return true;
	if (!front_lock(front))
		return false;
	size_t span = size_min(align_up(bytes, SPAN_STEP_BYTES), front->range.bytes);
	bool is_done = bytes <= span &&
		       own_table_grow(&front->slab_table,
				      (span >> SLAB_SHIFT) * sizeof(struct slab)) &&
		       (!front->keeps_slacks ||
			own_table_grow(&front->slack_table, span / SMALL_STEP_BYTES));
	if (is_done && span > atomic_load(&front->span))
		atomic_store_explicit(&front->span, span, memory_order_release);
	front_unlock(front);
	return is_done;
}

/* ---- lists of slabs ---- */

void slab_list_push(const struct front *front, uint32_t *head, struct slab *slab)
{
	uint32_t number = slab_number(front, slab);
	slab->own.next = *head;
	slab->previous = 0;
	if (*head != 0)
		slab_numbered(front, *head)->previous = number;
	*head = number;
}

void slab_list_remove(const struct front *front, uint32_t *head, struct slab *slab)
{
	if (slab->previous != 0)
		slab_numbered(front, slab->previous)->own.next = slab->own.next;
	else
		*head = slab->own.next;
	if (slab->own.next != 0)
		slab_numbered(front, slab->own.next)->previous = slab->previous;
}

struct slab *slab_list_pop(const struct front *front, uint32_t *head)
{
	struct slab *slab = slab_numbered(front, *head);
	if (*head == 0)
		return NULL;
	slab_list_remove(front, head, slab);
	return slab;
}

/* ---- looking at slabs ---- */

bool slab_object_is_live(const struct front *front, const struct slab *slab, const void *p)
{
	uint32_t offset = (uint32_t)((uintptr_t)p - front_slab_base(front, slab));
	return slab_has_object_at(slab, offset) &&
	       ((const struct object *)p)->mark != free_mark(front->key, p);
}

void slab_report(struct heap *heap, const struct slab *slab, const void *p, const char *call)
{
	const struct front *front = &heap->front;
	uintptr_t base = front_slab_base(front, slab);
	uint32_t offset = (uint32_t)((uintptr_t)p - base);
	size_t bytes = class_bytes(slab->class);
	uintptr_t block = (uintptr_t)p - offset % bytes;
	struct heap_fault report = {.call = call};
	if (offset % ALIGN_BYTES != 0)
		report.fault = (struct fault){FAULT_MISALIGNED, (uintptr_t)p, block, bytes};
	else if (slab_has_object_at(slab, offset) || offset % bytes == 0)
		report.fault = (struct fault){FAULT_DOUBLE_FREE, (uintptr_t)p, block, bytes};
	else
		report.fault = (struct fault){FAULT_INTERIOR, (uintptr_t)p, block, bytes};
	heap->config.report(&report, heap->config.report_context);
}

/* The list of a slab nobody touches holds free objects of it, as many as it says. */
static bool slab_list_check(const struct front *front, const struct slab *slab)
{
	uint32_t capacity = slab_capacity(slab->class);
	uint32_t count = 0;
	for (const struct object *object = slab->own.head; object != NULL; object = object->next) {
		if (front_slab(front, object) != slab ||
		    object->mark != free_mark(front->key, object) || ++count > capacity)
			return false;
	}
	return slab->state != SLAB_AVAILABLE ||
	       slab_carved_count(slab) - count == (uint32_t)slab->own.count;
}

static bool slab_check(const struct front *front, const struct slab *slab)
{
	if (slab->class >= SMALL_CLASSES)
		return false;
	size_t bytes = class_bytes(slab->class);
	return slab->magic == slab_magic(bytes) && slab_carved_bytes(slab) % bytes == 0 &&
	       slab_carved_bytes(slab) <= slab_capacity(slab->class) * bytes &&
	       (!thread_is_alone() || slab_list_check(front, slab));
}

bool front_check(const struct front *front, struct text *message)
{
	size_t span = atomic_load(&front->span);
	for (size_t i = 0; i < span >> SLAB_SHIFT; i++) {
		const struct slab *slab = &front->slabs[i];
		if (slab->state == SLAB_NONE || slab_check(front, slab))
			continue;
		text_format(message, "broken slab at %p", (void *)front_slab_base(front, slab));
		return false;
	}
	return true;
}
