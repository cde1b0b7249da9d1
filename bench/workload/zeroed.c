/* SPDX-License-Identifier: MIT */
/*
 * Zeroed: blocks are scribbled into before they are freed, so that zeros must be written anew, and
 * both their ends are looked at.
 */
#include "zeroed.h"

#include "crew.h"
#include "micro.h"
#include "sizes.h"

enum {
	BATCH_COUNT = 100, /* blocks */
	LARGE_LOG2 = 15,   /* sizes end below 2^15 */
};

static MICRO_INLINE uint64_t *last_word(void *block, size_t bytes)
{
	return (uint64_t *)block + bytes / sizeof(uint64_t) - 1;
}

static MICRO_INLINE void zeroed_body(struct worker *worker, const bool is_floor)
{
	void *blocks[BATCH_COUNT];
	size_t step_count = run_step_count(worker->run);
	for (size_t step = 0; step < step_count; step++) {
		for (size_t i = 0; i < BATCH_COUNT; i++) {
			size_t bytes = size_power_law(&worker->chance, LARGE_LOG2);
			blocks[i] = micro_take_zeroed(is_floor, bytes);
			uint64_t *last = last_word(blocks[i], bytes);
			worker->checksum += bytes + micro_read(blocks[i]) + micro_read(last);
			micro_write(blocks[i], bytes);
			micro_write(last, bytes);
		}
		for (size_t i = 0; i < BATCH_COUNT; i++) {
			worker->checksum = worker->checksum * 31 + micro_read(blocks[i]);
			micro_give(is_floor, blocks[i]);
		}
	}
	worker->operation_count = 2 * BATCH_COUNT * step_count;
}

static void zeroed_libc(struct worker *worker)
{
	zeroed_body(worker, false);
}

static void zeroed_floor(struct worker *worker)
{
	zeroed_body(worker, true);
}

void zeroed_run(struct run *run)
{
	crew_run(run, run->is_floor ? zeroed_floor : zeroed_libc);
}
