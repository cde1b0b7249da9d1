/* SPDX-License-Identifier: MIT */
/*
 * Pairs: the shortest life of a block, which any cache of free blocks serves best.
 */
#include "pair.h"

#include "crew.h"
#include "micro.h"

static MICRO_INLINE void pair_body(struct worker *worker, const bool is_floor)
{
	size_t step_count = run_step_count(worker->run);
	/* Read anew for each block: no allocator knows that the next one is like the last. */
	volatile size_t bytes = worker->run->workload->bytes;
	for (size_t step = 0; step < step_count; step++) {
		void *block = micro_take(is_floor, bytes);
		micro_write(block, step);
		worker->checksum += micro_read(block);
		micro_give(is_floor, block);
	}
	worker->operation_count = 2 * step_count;
}

static void pair_libc(struct worker *worker)
{
	pair_body(worker, false);
}

static void pair_floor(struct worker *worker)
{
	pair_body(worker, true);
}

void pair_run(struct run *run)
{
	crew_run(run, run->is_floor ? pair_floor : pair_libc);
}
