/* SPDX-License-Identifier: MIT */
/*
 * False sharing: writing again and again, with an allocation between.
 */
#include "false_sharing.h"

#include "crew.h"
#include "micro.h"

#include <pthread.h>

enum {
	OBJECT_BYTES = 8,
	WRITE_COUNT = 1000, /* to an object in its life */
	REUSE_COUNT = 100,  /* objects a thread allocates in a round of `passive` */
};

/* What threads of `passive` have in common: objects[i] is for thread i. */
struct table {
	pthread_barrier_t barrier;
	void *objects[CREW_COUNT_MAX];
};

/*
 * Write to the object, as a counter that every write depends on. Not inline, for the loop takes
 * most of the time, and must be the same code whoever allocates.
 */
static __attribute__((noinline)) uint64_t object_write(void *object, uint64_t start)
{
	micro_write(object, start);
	for (uint64_t i = 0; i < WRITE_COUNT; i++)
		micro_write(object, micro_read(object) + i);
	return micro_read(object);
}

/* Write to the object, and free it. */
static MICRO_INLINE uint64_t object_use(void *object, uint64_t start, const bool is_floor)
{
	uint64_t last = object_write(object, start);
	micro_give(is_floor, object);
	return last;
}

static MICRO_INLINE void active_body(struct worker *worker, const bool is_floor)
{
	size_t step_count = run_step_count(worker->run);
	for (size_t step = 0; step < step_count; step++)
		worker->checksum += object_use(micro_take(is_floor, OBJECT_BYTES), step, is_floor);
	worker->operation_count = 2 * step_count;
}

static MICRO_INLINE void passive_body(struct worker *worker, const bool is_floor)
{
	struct table *table = worker->shared;
	size_t thread_count = worker->run->thread_count;
	size_t step_count = run_step_count(worker->run);
	for (size_t step = 0; step < step_count; step++) {
		if (worker->index == 0)
			for (size_t i = 0; i < thread_count; i++)
				table->objects[i] = micro_take(is_floor, OBJECT_BYTES);
		pthread_barrier_wait(&table->barrier);
		worker->checksum += object_use(table->objects[worker->index], step, is_floor);
		for (size_t i = 0; i < REUSE_COUNT; i++)
			worker->checksum +=
				object_use(micro_take(is_floor, OBJECT_BYTES), i, is_floor);
		pthread_barrier_wait(&table->barrier);
		micro_hand_over(is_floor);
	}
	worker->operation_count = 2 * (1 + REUSE_COUNT) * step_count;
}

static void active_libc(struct worker *worker)
{
	active_body(worker, false);
}

static void active_floor(struct worker *worker)
{
	active_body(worker, true);
}

static void passive_libc(struct worker *worker)
{
	passive_body(worker, false);
}

static void passive_floor(struct worker *worker)
{
	passive_body(worker, true);
}

void false_sharing_active_run(struct run *run)
{
	crew_run(run, run->is_floor ? active_floor : active_libc);
}

void false_sharing_passive_run(struct run *run)
{
	struct table table;
	pthread_barrier_init(&table.barrier, NULL, run->thread_count);
	crew_run_shared(run, run->thread_count, run->is_floor ? passive_floor : passive_libc,
			&table);
	pthread_barrier_destroy(&table.barrier);
}
