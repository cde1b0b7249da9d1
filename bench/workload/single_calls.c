/* SPDX-License-Identifier: MIT */
/*
 * Single calls: the times go into a histogram, in ticks, and only at the end become nanoseconds.
 *
 * What reading the clock takes is contained in them; it is the same for every allocator, and shows
 * in the figures of the floor.
 */
#include "single_calls.h"

#include "crew.h"
#include "histogram.h"
#include "micro.h"
#include "sizes.h"
#include "ticks.h"

#include <pthread.h>

enum {
	LIVE_COUNT = 330000,
	LARGE_INTERVAL = 500,  /* one block of these is a large one ... */
	LARGE_FIRST_LOG2 = 10, /* ... of 1 KiB ... */
	LARGE_LAST_LOG2 = 16,  /* ... to 64 KiB */
};

/* What threads have in common. */
struct record {
	pthread_mutex_t lock;
	struct histogram histogram; /* of all threads that have ended; guarded by the lock */
};

static size_t size_draw(struct chance *chance)
{
	if (chance_below(chance, LARGE_INTERVAL) == 0)
		return size_log_uniform(chance, LARGE_FIRST_LOG2, LARGE_LAST_LOG2);
	return size_small(chance);
}

static MICRO_INLINE void *timed_take(struct histogram *histogram, size_t bytes,
				     const bool is_floor)
{
	uint64_t start = ticks_now();
	void *block = micro_take(is_floor, bytes);
	histogram_add(histogram, ticks_now() - start);
	return block;
}

static MICRO_INLINE void timed_give(struct histogram *histogram, void *block, const bool is_floor)
{
	uint64_t start = ticks_now();
	micro_give(is_floor, block);
	histogram_add(histogram, ticks_now() - start);
}

static MICRO_INLINE void single_calls_body(struct worker *worker, const bool is_floor)
{
	struct histogram histogram = {0};
	struct record *record = worker->shared;
	size_t step_count = run_step_count(worker->run);
	void **blocks = micro_take(is_floor, LIVE_COUNT * sizeof(*blocks));
	for (size_t i = 0; i < LIVE_COUNT; i++) {
		size_t bytes = size_draw(&worker->chance);
		blocks[i] = micro_take(is_floor, bytes);
		memset(blocks[i], 0, bytes);
	}
	for (size_t step = 0; step < step_count; step++) {
		void **block = &blocks[chance_below(&worker->chance, LIVE_COUNT)];
		worker->checksum += micro_read(*block);
		timed_give(&histogram, *block, is_floor);
		*block = timed_take(&histogram, size_draw(&worker->chance), is_floor);
		micro_write(*block, step);
	}
	for (size_t i = 0; i < LIVE_COUNT; i++)
		micro_give(is_floor, blocks[i]);
	micro_give(is_floor, blocks);
	worker->operation_count = 2 * (1 + LIVE_COUNT + step_count);
	pthread_mutex_lock(&record->lock);
	histogram_merge(&record->histogram, &histogram);
	pthread_mutex_unlock(&record->lock);
}

static void single_calls_libc(struct worker *worker)
{
	single_calls_body(worker, false);
}

static void single_calls_floor(struct worker *worker)
{
	single_calls_body(worker, true);
}

void single_calls_run(struct run *run)
{
	struct record record = {.lock = PTHREAD_MUTEX_INITIALIZER};
	uint64_t start_ns = clock_ns();
	uint64_t start_ticks = ticks_now();
	crew_run_shared(run, run->thread_count,
			run->is_floor ? single_calls_floor : single_calls_libc, &record);
	double tick_ns = (double)(clock_ns() - start_ns) / (double)(ticks_now() - start_ticks);
	const struct histogram *all = &record.histogram;
	run->latency = (struct latency){
		.is_measured = true,
		.p50_ns = (uint64_t)((double)histogram_quantile(all, 0.5) * tick_ns),
		.p99_ns = (uint64_t)((double)histogram_quantile(all, 0.01) * tick_ns),
		.p9999_ns = (uint64_t)((double)histogram_quantile(all, 0.0001) * tick_ns),
		.max_ns = (uint64_t)((double)all->max * tick_ns),
	};
}
