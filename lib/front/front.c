/* SPDX-License-Identifier: MIT */
/*
 * What thread heaps share. See front.h.
 */
#include "front/front.h"

#include "front/heap.h"

enum {
	/* Of the range, for which the table grows at a time: a whole number of its pages. */
	SPAN_STEP_BYTES = 16 << 20,
	THREAD_HEAPS_MIN = 1 << 10,
	THREAD_HEAPS_MAX = 1 << 14,
};

/* Address space of the range, and how little of it is still of use. */
static const size_t range_bytes_max = (size_t)64 << 30;
static const size_t range_bytes_min = (size_t)1 << 20;
/* Steps of the table must not overlap. */
enum { RANGE_ALIGN_BYTES = SPAN_STEP_BYTES };

ALLOT_START bool front_init(struct front *front, bool is_break, bool is_watched, bool keeps_slacks,
			    const _Atomic unsigned *freeze_count)
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
	front->is_watched = is_watched;
	front->keeps_slacks = keeps_slacks;
	front->freeze_count = freeze_count;
	front->is_on =
		own_table_init_readable(&front->slab_table, slab_count * sizeof(struct slab)) &&
		own_table_init(&front->thread_heap_table,
			       (front->thread_heaps_max + 1) * (size_t)THREAD_HEAP_STRIDE) &&
		(!keeps_slacks ||
		 own_table_init(&front->slack_table, front->range.bytes / SMALL_STEP_BYTES));
	front->slabs = front->slab_table.base;
	front->slab_mask = (slab_count - 1) * sizeof(struct slab);
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

/* One step more; the range may begin anywhere in the table, which goes on at its start. */
static bool span_extend(struct front *front)
{
	size_t span = atomic_load(&front->span);
	size_t extended = size_min(span + SPAN_STEP_BYTES, front->range.bytes);
	struct slab *from = front_entry(front, (void *)(front->range.base + span));
	bool is_done = span < extended &&
		       own_table_commit(&front->slab_table,
					(uintptr_t)from - (uintptr_t)front->slabs,
					SPAN_STEP_BYTES / SLAB_BYTES * sizeof(struct slab)) &&
		       (!front->keeps_slacks ||
			own_table_grow(&front->slack_table, extended / SMALL_STEP_BYTES));
	if (is_done)
		atomic_store_explicit(&front->span, extended, memory_order_release);
	return is_done;
}

bool front_extend(struct front *front, size_t bytes)
{
	if (bytes <= atomic_load_explicit(&front->span, memory_order_acquire))
		return true;
	if (!front_lock(front))
		return false;
	bool is_done = true;
	while (is_done && bytes > atomic_load(&front->span))
		is_done = span_extend(front);
	front_unlock(front);
	return is_done;
}

/* ---- looking at slabs ---- */

void slab_report(struct heap *heap, const struct slab *slab, const void *p, const char *call)
{
	uint32_t offset = (uint32_t)((uintptr_t)p - slab_base(slab));
	size_t bytes = class_bytes(slab->own.class);
	uintptr_t block = (uintptr_t)p - offset % bytes;
	struct heap_fault report = {.call = call};
	if (offset % ALIGN_BYTES != 0)
		report.fault = (struct fault){FAULT_MISALIGNED, (uintptr_t)p, block, bytes};
	else if (offset % bytes == 0)
		report.fault = (struct fault){FAULT_DOUBLE_FREE, (uintptr_t)p, block, bytes};
	else
		report.fault = (struct fault){FAULT_INTERIOR, (uintptr_t)p, block, bytes};
	heap->config.report(&report, heap->config.report_context);
}

/* The list of a slab nobody touches holds free objects of it, as many as it says. */
static bool slab_list_check(const struct front *front, const struct slab *slab)
{
	uint32_t capacity = slab_capacity(slab);
	uint32_t count = 0;
	for (const struct object *object = slab->own.head; object != NULL; object = object->next) {
		if (front_slab(front, object) != slab || object->mark != free_mark(slab, object) ||
		    ++count > capacity)
			return false;
	}
	return slab_state(slab) != SLAB_AVAILABLE ||
	       slab_carved_count(slab) - count == (uint32_t)slab->own.count;
}

static bool slab_check(const struct front *front, const struct slab *slab)
{
	if (slab->own.class >= SMALL_CLASSES || front_entry(front, (void *)slab->first) != slab)
		return false;
	return slab->magic == size_classes[slab->own.class].magic &&
	       slab_end(slab) % slab_excess(slab) == 0 &&
	       slab_carved_count(slab) <= slab_capacity(slab) &&
	       (!thread_is_alone() || slab_list_check(front, slab));
}

bool front_check(const struct front *front, struct text *message)
{
	size_t span = atomic_load(&front->span);
	for (size_t offset = 0; offset < span; offset += SLAB_BYTES) {
		const struct slab *slab = front_entry(front, (void *)(front->range.base + offset));
		if (slab_state(slab) == SLAB_NONE || slab_check(front, slab))
			continue;
		text_format(message, "broken slab at %p", (void *)(front->range.base + offset));
		return false;
	}
	return true;
}
