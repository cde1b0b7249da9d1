/* SPDX-License-Identifier: MIT */
/*
 * Short threads: what an allocator keeps for a thread is set up and taken down again and again.
 */
#include "short_threads.h"

#include "crew.h"
#include "item.h"
#include "sizes.h"

enum {
	LIVE_COUNT = 200,
	REPLACE_COUNT = 1500,
};

static void short_thread_work(struct worker *worker)
{
	const size_t *thread_index = worker->shared;
	struct chance chance = chance_of(*thread_index + worker->index);
	struct item items[LIVE_COUNT] = {0};
	for (size_t i = 0; i < REPLACE_COUNT; i++) {
		struct item *item = &items[chance_below(&chance, LIVE_COUNT)];
		worker->checksum += item_give(item);
		*item = item_take(size_small(&chance), i);
	}
	for (size_t i = 0; i < LIVE_COUNT; i++)
		worker->checksum += item_give(&items[i]);
}

void short_threads_run(struct run *run)
{
	size_t step_count = run_step_count(run);
	for (size_t i = 0; i < step_count; i += run->thread_count)
		crew_run_shared(run, run->thread_count, short_thread_work, &i);
}
