/* SPDX-License-Identifier: MIT */
/*
 * Mixed: seven replacements of eight fall on a quarter of the places, the brief ones, which lie
 * between the others. A lock guards a stripe of places, and is held for the exchange only.
 */
#include "mixed.h"

#include "crew.h"
#include "item.h"
#include "sizes.h"

#include <pthread.h>

enum {
	PLACE_COUNT = 2048,
	STRIPE_COUNT = 64,    /* place i is of stripe i modulo this */
	BRIEF_INTERVAL = 4,   /* one place of these is a brief one */
	LASTING_INTERVAL = 8, /* one replacement of these is at any place */
	FIRST_LOG2 = 4,
	LAST_LOG2 = 18,
};

struct table {
	pthread_mutex_t locks[STRIPE_COUNT];
	struct item items[PLACE_COUNT];
};

static size_t place_draw(struct chance *chance)
{
	if (chance_below(chance, LASTING_INTERVAL) == 0)
		return chance_below(chance, PLACE_COUNT);
	return chance_below(chance, PLACE_COUNT / BRIEF_INTERVAL) * BRIEF_INTERVAL;
}

static void mixed_work(struct worker *worker)
{
	struct table *table = worker->shared;
	size_t step_count = run_step_count(worker->run);
	for (size_t step = 0; step < step_count; step++) {
		size_t place = place_draw(&worker->chance);
		size_t bytes = size_log_uniform(&worker->chance, FIRST_LOG2, LAST_LOG2);
		struct item item = item_take(bytes, step * CREW_COUNT_MAX + worker->index);
		pthread_mutex_t *lock = &table->locks[place % STRIPE_COUNT];
		pthread_mutex_lock(lock);
		struct item old = table->items[place];
		table->items[place] = item;
		pthread_mutex_unlock(lock);
		worker->checksum += item_give(&old);
	}
}

void mixed_run(struct run *run)
{
	struct table *table = heap_take_zeroed(1, sizeof(*table));
	for (size_t i = 0; i < STRIPE_COUNT; i++)
		pthread_mutex_init(&table->locks[i], NULL);
	crew_run_shared(run, run->thread_count, mixed_work, table);
	for (size_t i = 0; i < PLACE_COUNT; i++)
		run->checksum += item_give(&table->items[i]);
	for (size_t i = 0; i < STRIPE_COUNT; i++)
		pthread_mutex_destroy(&table->locks[i]);
	heap_give(table);
}
