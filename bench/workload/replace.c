/* SPDX-License-Identifier: MIT */
/*
 * Replacement: the heap keeps its size, and its free memory is holes everywhere.
 */
#include "replace.h"

#include "crew.h"
#include "item.h"
#include "sizes.h"

enum {
	LIVE_COUNT = 65536,
};

static void replace_work(struct worker *worker)
{
	size_t step_count = run_step_count(worker->run);
	struct item *items = heap_take_zeroed(LIVE_COUNT, sizeof(*items));
	for (size_t i = 0; i < LIVE_COUNT; i++)
		items[i] = item_take(size_small(&worker->chance), i);
	for (size_t step = 0; step < step_count; step++) {
		struct item *item = &items[chance_below(&worker->chance, LIVE_COUNT)];
		worker->checksum += item_give(item);
		*item = item_take(size_small(&worker->chance), step);
	}
	for (size_t i = 0; i < LIVE_COUNT; i++)
		worker->checksum += item_give(&items[i]);
	heap_give(items);
}

void replace_run(struct run *run)
{
	crew_run(run, replace_work);
}
