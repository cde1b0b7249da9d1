/* SPDX-License-Identifier: MIT */
/*
 * Growth: every append is a call of realloc, as in programs that leave thrift to the allocator.
 */
#include "growth.h"

#include "crew.h"
#include "micro.h"

enum {
	ARRAY_COUNT = 8,
	RECORD_WORDS = 3,
	RECORD_COUNT = 1000, /* in an array at its end: 24 KB */
};

/* One more record in place `count` of the array, and the array's new address. */
static MICRO_INLINE uint64_t *array_append(const bool is_floor, uint64_t *array, size_t count,
					   uint64_t value)
{
	array = micro_resize(is_floor, array, (count + 1) * RECORD_WORDS * sizeof(*array));
	for (size_t word = 0; word < RECORD_WORDS; word++)
		array[count * RECORD_WORDS + word] = value + word;
	return array;
}

static MICRO_INLINE void growth_body(struct worker *worker, const bool is_floor)
{
	size_t step_count = run_step_count(worker->run);
	for (size_t step = 0; step < step_count; step++) {
		uint64_t *arrays[ARRAY_COUNT];
		for (size_t a = 0; a < ARRAY_COUNT; a++)
			arrays[a] = micro_take(is_floor, RECORD_WORDS * sizeof(*arrays[a]));
		for (size_t i = 0; i < RECORD_COUNT; i++)
			for (size_t a = 0; a < ARRAY_COUNT; a++)
				arrays[a] = array_append(is_floor, arrays[a], i, step + a * i);
		for (size_t a = 0; a < ARRAY_COUNT; a++) {
			for (size_t i = 0; i < RECORD_COUNT; i++)
				worker->checksum += arrays[a][i * RECORD_WORDS] * (i + 1);
			micro_give(is_floor, arrays[a]);
		}
	}
	worker->operation_count = step_count * ARRAY_COUNT * (RECORD_COUNT + 2);
}

static void growth_libc(struct worker *worker)
{
	growth_body(worker, false);
}

static void growth_floor(struct worker *worker)
{
	growth_body(worker, true);
}

void growth_run(struct run *run)
{
	crew_run(run, run->is_floor ? growth_floor : growth_libc);
}
