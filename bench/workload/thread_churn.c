/* SPDX-License-Identifier: MIT */
/*
 * Churn of threads: what was left is freed a few threads later, when its heap is nobody's or
 * another thread's.
 */
#include "thread_churn.h"

#include "chance.h"
#include "micro.h"
#include "sizes.h"

#include <pthread.h>

enum {
	BLOCK_COUNT = 100, /* allocated by a thread ... */
	LEFT_COUNT = 40,   /* ... and left behind by it */
	DELAY_COUNT = 4,   /* threads whose blocks are not freed yet */
};

/* A thread, and after its end what it left. */
struct visitor {
	struct chance chance;
	void *blocks[LEFT_COUNT]; /* NULL where nothing is left */
	pthread_t thread;
};

static MICRO_INLINE void *visitor_body(struct visitor *visitor, const bool is_floor)
{
	void *blocks[BLOCK_COUNT];
	for (size_t i = 0; i < BLOCK_COUNT; i++) {
		size_t bytes = size_small(&visitor->chance);
		blocks[i] = micro_take(is_floor, bytes);
		micro_write(blocks[i], bytes);
	}
	for (size_t i = LEFT_COUNT; i < BLOCK_COUNT; i++)
		micro_give(is_floor, blocks[i]);
	memcpy(visitor->blocks, blocks, sizeof(visitor->blocks));
	micro_hand_over(is_floor);
	return NULL;
}

static void *visitor_libc(void *visitor)
{
	return visitor_body(visitor, false);
}

static void *visitor_floor(void *visitor)
{
	return visitor_body(visitor, true);
}

/* Free what a visitor left, if there was one. */
static MICRO_INLINE void visitor_clear(struct run *run, struct visitor *visitor,
				       const bool is_floor)
{
	for (size_t i = 0; i < LEFT_COUNT && visitor->blocks[i] != NULL; i++) {
		run->checksum = run->checksum * 31 + micro_read(visitor->blocks[i]);
		micro_give(is_floor, visitor->blocks[i]);
		visitor->blocks[i] = NULL;
	}
	micro_hand_over(is_floor);
}

static MICRO_INLINE void thread_churn_body(struct run *run, const bool is_floor)
{
	struct visitor visitors[DELAY_COUNT] = {0};
	size_t step_count = run_step_count(run);
	for (size_t step = 0; step < step_count; step++) {
		struct visitor *visitor = &visitors[step % DELAY_COUNT];
		visitor_clear(run, visitor, is_floor);
		visitor->chance = chance_of(step);
		if (pthread_create(&visitor->thread, NULL, is_floor ? visitor_floor : visitor_libc,
				   visitor) != 0)
			run_fail("no more threads");
		pthread_join(visitor->thread, NULL);
	}
	for (size_t i = 0; i < DELAY_COUNT; i++)
		visitor_clear(run, &visitors[(step_count + i) % DELAY_COUNT], is_floor);
	run->operation_count = 2 * BLOCK_COUNT * step_count;
}

void thread_churn_run(struct run *run)
{
	if (run->is_floor)
		thread_churn_body(run, true);
	else
		thread_churn_body(run, false);
}
