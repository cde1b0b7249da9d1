/* SPDX-License-Identifier: MIT */
/*
 * Arrays: the longest vector is four times the shortest, and they take turns value by value, so
 * that none can grow in place without meeting another.
 */
#include "arrays.h"

#include "crew.h"
#include "heap.h"

enum {
	VECTOR_COUNT = 4,
	ROOM_FIRST = 16,        /* values */
	LENGTH_UNIT = 700000,   /* vector i has i + 1 of these values at its end */
	LOOK_INTERVAL = 1024,   /* one value of these is read at the end */
};

struct vector {
	uint64_t *values;
	size_t count;
	size_t room; /* values there is memory for */
};

static void vector_append(struct vector *vector, uint64_t value)
{
	if (vector->count == vector->room) {
		vector->room = vector->room == 0 ? ROOM_FIRST : vector->room * 2;
		vector->values =
			heap_resize(vector->values, vector->room * sizeof(*vector->values));
	}
	vector->values[vector->count++] = value;
}

/* Free the vector; returns a number made of what was in it. */
static uint64_t vector_give(struct vector *vector)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < vector->count; i += LOOK_INTERVAL)
		sum = sum * 31 + vector->values[i];
	heap_give(vector->values);
	return sum;
}

static void arrays_work(struct worker *worker)
{
	size_t step_count = run_step_count(worker->run);
	for (size_t step = 0; step < step_count; step++) {
		struct vector vectors[VECTOR_COUNT] = {0};
		for (size_t i = 0; i < LENGTH_UNIT; i++)
			for (size_t v = 0; v < VECTOR_COUNT; v++)
				for (size_t more = 0; more <= v; more++)
					vector_append(&vectors[v], step + i * more);
		for (size_t v = 0; v < VECTOR_COUNT; v++)
			worker->checksum += vector_give(&vectors[v]);
	}
}

void arrays_run(struct run *run)
{
	crew_run(run, arrays_work);
}
