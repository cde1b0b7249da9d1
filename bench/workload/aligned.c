/* SPDX-License-Identifier: MIT */
/*
 * Aligned: alignments and sizes are drawn independently, so that some blocks are smaller than what
 * they are aligned to. Blocks stay for a while: each is replaced when its turn comes again.
 */
#include "aligned.h"

#include "crew.h"
#include "micro.h"
#include "sizes.h"

enum {
	LIVE_COUNT = 500,
	BATCH_COUNT = 100,    /* replaced in a step */
	ALIGN_LEAST = 32,
	ALIGN_KINDS = 8,      /* 32, 64, ... 4096 */
	BYTES_MAX_LOG2 = 13,
};

static MICRO_INLINE void aligned_body(struct worker *worker, const bool is_floor)
{
	void *blocks[LIVE_COUNT] = {NULL};
	size_t step_count = run_step_count(worker->run);
	for (size_t i = 0; i < step_count * BATCH_COUNT; i++) {
		void **block = &blocks[chance_below(&worker->chance, LIVE_COUNT)];
		size_t align = (size_t)ALIGN_LEAST << chance_below(&worker->chance, ALIGN_KINDS);
		size_t bytes = size_power_law(&worker->chance, BYTES_MAX_LOG2);
		if (*block != NULL) {
			worker->checksum = worker->checksum * 31 + micro_read(*block);
			micro_give(is_floor, *block);
			worker->operation_count++;
		}
		*block = micro_take_aligned(is_floor, align, bytes);
		micro_write(*block, bytes + (uintptr_t)*block % align);
		worker->operation_count++;
	}
	for (size_t i = 0; i < LIVE_COUNT; i++) {
		if (blocks[i] == NULL)
			continue;
		worker->checksum += micro_read(blocks[i]);
		micro_give(is_floor, blocks[i]);
		worker->operation_count++;
	}
}

static void aligned_libc(struct worker *worker)
{
	aligned_body(worker, false);
}

static void aligned_floor(struct worker *worker)
{
	aligned_body(worker, true);
}

void aligned_run(struct run *run)
{
	crew_run(run, run->is_floor ? aligned_floor : aligned_libc);
}
