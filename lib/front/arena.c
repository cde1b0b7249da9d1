/* SPDX-License-Identifier: MIT */
/*
 * Arenas: entering, pending frees, purging. See arena.h.
 */
#include "front/arena.h"

#include "front/heap.h"
#include "front/prefault.h"
#include "pages/own_memory.h"

ALLOT_START void arena_init(struct arena *arena, struct heap *heap,
			    const struct arena_config *config)
{
	const struct strategy *strategy = config->strategy;
	struct page_source *source = &arena->source;
	size_t unit_bytes = strategy->unit_bytes != 0 ? strategy->unit_bytes :
							config->owners->page_bytes;
	arena->heap = heap;
	arena->strategy = strategy;
	arena->core = (struct strategy_core *)(void *)arena->state;
	arena->core->source = source;
	arena->core->policy = config->policy;
	arena->core->key = config->key | 1;
	arena->core->zero_from = UINTPTR_MAX;
	arena->prefaulted_until = UINTPTR_MAX;
	arena->prefault_slack_bytes = config->may_prefault ? PREFAULT_SLACK_BYTES : SIZE_MAX;
	switch (config->source) {
	case ARENA_MMAP:
		source_mmap_init(source, config->owners, arena, unit_bytes);
		source->range = config->range;
		break;
	case ARENA_SBRK:
		source_sbrk_init(source, config->owners, arena, unit_bytes, config->break_lock);
		break;
	case ARENA_BUFFER:
		source_buffer_init(source, config->owners, arena, unit_bytes, config->buffer,
				   config->buffer_bytes);
		break;
	}
	source->has_others = &heap->has_other_arenas;
	source->huge_from_bytes = config->huge_from_bytes;
	strategy->init(arena->state);
}

void arena_finish(struct arena *arena)
{
	struct pending_bag *bag = atomic_load(&arena->pending.next);
	while (bag != NULL) {
		struct pending_bag *next = atomic_load(&bag->next);
		own_memory_destroy(bag, sizeof(*bag));
		bag = next;
	}
	source_finish(&arena->source);
}

bool arena_enter_soon(struct arena *arena, uintptr_t self, bool is_alone)
{
	if (arena_try_enter(arena, self, is_alone))
		return true;
	if (lock_is_mine(&arena->lock, self) || atomic_load(&arena->is_abandoned) ||
	    !lock_spin(&arena->lock, self))
		return false;
	if (unlikely(atomic_load_explicit(&arena->pending_count, memory_order_relaxed) != 0))
		arena_drain(arena);
	return true;
}

bool arena_enter(struct arena *arena, uintptr_t self, bool is_alone)
{
	if (likely(arena_try_enter(arena, self, is_alone)))
		return true;
	if (lock_is_mine(&arena->lock, self))
		return false;
	/*
	 * Nobody waits for a lock that a fork holds: the fork itself may be waiting for a lock of
	 * stdio that our caller holds. Who waits already is woken and turned away.
	 */
	if (atomic_load(&arena->is_abandoned) ||
	    !lock_wait(&arena->lock, self, &arena->heap->freeze_count))
		return false;
	if (unlikely(atomic_load_explicit(&arena->pending_count, memory_order_relaxed) != 0))
		arena_drain(arena);
	return true;
}

static struct pending_bag *bag_after(struct pending_bag *bag)
{
	struct pending_bag *next = atomic_load(&bag->next);
	if (next != NULL)
		return next;
	struct pending_bag *fresh = own_memory_create(sizeof(*fresh));
	if (fresh == NULL)
		return NULL;
	if (atomic_compare_exchange_strong(&bag->next, &next, fresh))
		return fresh;
	own_memory_destroy(fresh, sizeof(*fresh));
	return next;
}

bool arena_leave_pending(struct arena *arena, void *p)
{
	for (struct pending_bag *bag = &arena->pending; bag != NULL; bag = bag_after(bag)) {
		for (int i = 0; i < PENDING_SLOTS; i++) {
			uintptr_t empty = 0;
			if (atomic_compare_exchange_strong(&bag->slots[i], &empty, (uintptr_t)p)) {
				atomic_fetch_add(&arena->pending_count, 1);
				return true;
			}
		}
	}
	return false;
}

ALLOT_COLD void arena_drain(struct arena *arena)
{
	for (struct pending_bag *bag = &arena->pending; bag != NULL;
	     bag = atomic_load(&bag->next)) {
		for (int i = 0; i < PENDING_SLOTS; i++) {
			uintptr_t address = atomic_exchange(&bag->slots[i], 0);
			if (address == 0)
				continue;
			atomic_fetch_sub(&arena->pending_count, 1);
			struct region *region = owners_region(arena->source.owners, address);
			if (!arena->strategy->free(arena->state, region, (void *)address))
				heap_report(arena->heap, arena, "free");
		}
	}
}

enum {
	DIRTY_SHARE = 8,         /* of what is in use may be dirty */
	INTERVAL_MS_MIN = 250,
	INTERVAL_MS_MAX = 8000,
	LOOK_SHARE = 64,         /* of what is in use must be dirty more before the next look */
	PURGE_BYTES_MAX = 32 << 20, /* in one call, which somebody waits for */
};

/* Resident bytes that are neither of the last time nor of pages new to the heap: purged ones. */
static size_t returned_bytes(const struct arena *arena, size_t resident_bytes)
{
	const struct purge_history *purge = &arena->purge;
	size_t fresh_bytes = arena->source.mapped_bytes_peak - purge->mapped_bytes_peak;
	return size_minus(resident_bytes, purge->resident_bytes + fresh_bytes);
}

/* Has it been long enough since the last time? */
static bool purge_is_due(struct arena *arena, size_t resident_bytes)
{
	struct purge_history *purge = &arena->purge;
	uint32_t interval_ms = purge->interval_ms / 2;
	if (purge->released_bytes > 0 &&
	    returned_bytes(arena, resident_bytes) >= purge->released_bytes / 2)
		interval_ms = (uint32_t)size_min(
			size_max((size_t)purge->interval_ms * 2, INTERVAL_MS_MIN), INTERVAL_MS_MAX);
	if (interval_ms < INTERVAL_MS_MIN)
		interval_ms = 0;
	if (interval_ms > 0 && os_clock_ms() - purge->time_ms < interval_ms)
		return false;
	purge->interval_ms = interval_ms;
	return true;
}

ALLOT_COLD void arena_purge(struct arena *arena, size_t limit_bytes, size_t keep_bytes)
{
	struct strategy_core *core = arena->core;
	size_t dirty_bytes = core->dirty_bytes;
	size_t used_bytes = size_minus(arena->source.mapped_bytes, core->idle_bytes);
	size_t resident_bytes = used_bytes + dirty_bytes;
	arena->dirty_limit_bytes = size_max(limit_bytes, used_bytes / DIRTY_SHARE);
	if (dirty_bytes <= arena->dirty_limit_bytes)
		return;
	if (!purge_is_due(arena, resident_bytes)) {
		/* Not with every call from here on. */
		arena->dirty_limit_bytes = dirty_bytes + used_bytes / LOOK_SHARE;
		return;
	}
	arena->strategy->trim(arena->state, keep_bytes, PURGE_BYTES_MAX);
	arena->purge = (struct purge_history){
		.resident_bytes = used_bytes + core->dirty_bytes,
		.released_bytes = size_minus(dirty_bytes, core->dirty_bytes),
		.mapped_bytes_peak = arena->source.mapped_bytes_peak,
		.time_ms = os_clock_ms(),
		.interval_ms = arena->purge.interval_ms,
	};
}
