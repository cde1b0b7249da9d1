/* SPDX-License-Identifier: MIT */
/*
 * Batches: sizes and random orders are drawn before the loop, and used again and again; the start
 * within them moves by a number without a common factor, so that batches differ.
 */
#include "batch.h"

#include "crew.h"
#include "micro.h"
#include "sizes.h"

enum {
	BATCH_COUNT = 200,   /* blocks */
	SIZE_COUNT = 4096,   /* drawn */
	ORDER_COUNT = 16,    /* drawn */
	SIZE_STEP = 197,     /* from the start in the sizes to the next */
};

enum order {
	ORDER_FIFO,
	ORDER_LIFO,
	ORDER_RANDOM,
};

/* What is drawn before the loop. */
struct plan {
	size_t sizes[SIZE_COUNT];
	unsigned char orders[ORDER_COUNT][BATCH_COUNT];
};

static void plan_draw(struct plan *plan, struct chance *chance, size_t bytes)
{
	for (size_t i = 0; i < SIZE_COUNT; i++)
		plan->sizes[i] = bytes != 0 ? bytes : size_small(chance);
	for (size_t o = 0; o < ORDER_COUNT; o++) {
		unsigned char *order = plan->orders[o];
		for (size_t i = 0; i < BATCH_COUNT; i++) {
			size_t other = chance_below(chance, i + 1);
			order[i] = order[other];
			order[other] = (unsigned char)i;
		}
	}
}

/* Which block is freed as number `i` of batch `step`. */
static MICRO_INLINE size_t order_at(const struct plan *plan, const enum order order, size_t step,
				    size_t i)
{
	switch (order) {
	case ORDER_LIFO:
		return BATCH_COUNT - 1 - i;
	case ORDER_RANDOM:
		return plan->orders[step % ORDER_COUNT][i];
	default:
		return i;
	}
}

static MICRO_INLINE void batch_body(struct worker *worker, const enum order order,
				    const bool is_floor)
{
	struct plan plan;
	void *blocks[BATCH_COUNT];
	size_t step_count = run_step_count(worker->run);
	plan_draw(&plan, &worker->chance, worker->run->workload->bytes);
	for (size_t step = 0; step < step_count; step++) {
		for (size_t i = 0; i < BATCH_COUNT; i++) {
			size_t bytes = plan.sizes[(step * SIZE_STEP + i) % SIZE_COUNT];
			blocks[i] = micro_take(is_floor, bytes);
			micro_write(blocks[i], step + i);
		}
		for (size_t i = 0; i < BATCH_COUNT; i++) {
			void *block = blocks[order_at(&plan, order, step, i)];
			worker->checksum = worker->checksum * 31 + micro_read(block);
			micro_give(is_floor, block);
		}
	}
	worker->operation_count = 2 * BATCH_COUNT * step_count;
}

static void fifo_libc(struct worker *worker)
{
	batch_body(worker, ORDER_FIFO, false);
}

static void fifo_floor(struct worker *worker)
{
	batch_body(worker, ORDER_FIFO, true);
}

static void lifo_libc(struct worker *worker)
{
	batch_body(worker, ORDER_LIFO, false);
}

static void lifo_floor(struct worker *worker)
{
	batch_body(worker, ORDER_LIFO, true);
}

static void random_libc(struct worker *worker)
{
	batch_body(worker, ORDER_RANDOM, false);
}

static void random_floor(struct worker *worker)
{
	batch_body(worker, ORDER_RANDOM, true);
}

void batch_fifo_run(struct run *run)
{
	crew_run(run, run->is_floor ? fifo_floor : fifo_libc);
}

void batch_lifo_run(struct run *run)
{
	crew_run(run, run->is_floor ? lifo_floor : lifo_libc);
}

void batch_random_run(struct run *run)
{
	crew_run(run, run->is_floor ? random_floor : random_libc);
}
