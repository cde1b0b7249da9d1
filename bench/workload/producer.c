/* SPDX-License-Identifier: MIT */
/*
 * Producers and consumers: a pair of threads shares a lane, along which a few batches of blocks
 * travel, full in one direction and empty in the other. The few bound what is alive.
 */
#include "producer.h"

#include "crew.h"
#include "micro.h"
#include "queue.h"
#include "sizes.h"

enum {
	BLOCK_COUNT = 200,      /* in a batch */
	BATCH_COUNT = 16,       /* in a lane */
	HAND_OVER_INTERVAL = 8, /* batches after which the floor's consumer returns blocks */
};

struct batch {
	void *blocks[BLOCK_COUNT];
};

/* Between two threads. */
struct lane {
	struct queue full;
	struct queue empty;
	struct batch batches[BATCH_COUNT];
};

static MICRO_INLINE void produce(struct worker *worker, struct lane *lane, const bool is_floor)
{
	size_t step_count = run_step_count(worker->run);
	for (size_t step = 0; step < step_count; step++) {
		struct batch *batch = queue_pop(&lane->empty);
		for (size_t i = 0; i < BLOCK_COUNT; i++) {
			batch->blocks[i] = micro_take(is_floor, size_small(&worker->chance));
			micro_write(batch->blocks[i], step + i);
		}
		queue_push(&lane->full, batch);
	}
}

static MICRO_INLINE void consume(struct worker *worker, struct lane *lane, const bool is_floor)
{
	size_t step_count = run_step_count(worker->run);
	for (size_t step = 0; step < step_count; step++) {
		struct batch *batch = queue_pop(&lane->full);
		for (size_t i = 0; i < BLOCK_COUNT; i++) {
			worker->checksum = worker->checksum * 31 + micro_read(batch->blocks[i]);
			micro_give(is_floor, batch->blocks[i]);
		}
		queue_push(&lane->empty, batch);
		if (step % HAND_OVER_INTERVAL == 0)
			micro_hand_over(is_floor);
	}
}

static MICRO_INLINE void producer_body(struct worker *worker, const bool is_floor)
{
	struct lane *lane = (struct lane *)worker->shared + worker->index / 2;
	worker->operation_count = run_step_count(worker->run) * BLOCK_COUNT;
	if (worker->index % 2 == 0)
		produce(worker, lane, is_floor);
	else
		consume(worker, lane, is_floor);
}

static void producer_libc(struct worker *worker)
{
	producer_body(worker, false);
}

static void producer_floor(struct worker *worker)
{
	producer_body(worker, true);
}

static void lane_init(struct lane *lane)
{
	queue_init(&lane->full);
	queue_init(&lane->empty);
	for (size_t i = 0; i < BATCH_COUNT; i++)
		queue_push(&lane->empty, &lane->batches[i]);
}

static void lane_finish(struct lane *lane)
{
	queue_finish(&lane->full);
	queue_finish(&lane->empty);
}

void producer_run(struct run *run)
{
	static struct lane lanes[CREW_COUNT_MAX / 2];
	for (size_t i = 0; i < run->thread_count / 2; i++)
		lane_init(&lanes[i]);
	crew_run_shared(run, run->thread_count, run->is_floor ? producer_floor : producer_libc,
			lanes);
	for (size_t i = 0; i < run->thread_count / 2; i++)
		lane_finish(&lanes[i]);
}
