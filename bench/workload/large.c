/* SPDX-License-Identifier: MIT */
/*
 * Large: what counts is whether memory goes back to the kernel, to be zeroed again, or stays.
 */
#include "large.h"

#include "crew.h"
#include "item.h"
#include "sizes.h"

enum {
	LIVE_COUNT = 40,
	FIRST_LOG2 = 16,
	LAST_LOG2 = 24,
};

static void large_work(struct worker *worker)
{
	struct item items[LIVE_COUNT] = {0};
	size_t step_count = run_step_count(worker->run);
	for (size_t step = 0; step < step_count; step++) {
		struct item *item = &items[chance_below(&worker->chance, LIVE_COUNT)];
		worker->checksum += item_give(item);
		*item = item_take(size_log_uniform(&worker->chance, FIRST_LOG2, LAST_LOG2), step);
	}
	for (size_t i = 0; i < LIVE_COUNT; i++)
		worker->checksum += item_give(&items[i]);
}

void large_run(struct run *run)
{
	crew_run(run, large_work);
}
