/* SPDX-License-Identifier: MIT */
/*
 * Stress: an exchange is atomic, so whoever gets a block owns it, and may free what another
 * thread, or a thread that is gone, has allocated.
 */
#include "stress.h"

#include "crew.h"
#include "heap.h"
#include "sizes.h"

#include <stdatomic.h>
#include <string.h>

enum {
	SHARED_COUNT = 4096, /* places in the shared array */
	KEPT_COUNT = 10000,  /* blocks a thread keeps */
	BLOCK_COUNT = 50000, /* blocks a thread allocates in its life */
	LAST_LOG2 = 16,
	FILL_BYTES_MAX = 4096, /* written of a block */
};

/* A block that says itself what it is, as its new owner must know. */
struct parcel {
	size_t bytes; /* in all */
	uint64_t seed;
	unsigned char rest[];
};

struct exchange {
	_Atomic(struct parcel *) places[SHARED_COUNT];
	size_t generation;
};

static struct parcel *parcel_take(struct chance *chance)
{
	size_t bytes = size_power_law(chance, LAST_LOG2);
	struct parcel *parcel = heap_take(bytes);
	size_t rest_bytes = bytes - sizeof(*parcel);
	parcel->bytes = bytes;
	parcel->seed = chance_next(chance);
	memset(parcel->rest, (int)(parcel->seed & 0xff),
	       rest_bytes < FILL_BYTES_MAX ? rest_bytes : FILL_BYTES_MAX);
	return parcel;
}

/* Free the parcel, if there is one, and return a number made of what is in it. */
static uint64_t parcel_give(struct parcel *parcel)
{
	if (parcel == NULL)
		return 0;
	uint64_t sum = parcel->seed ^ parcel->bytes;
	if (parcel->bytes > sizeof(*parcel))
		sum *= parcel->rest[0] | 1U;
	heap_give(parcel);
	return sum;
}

/* Put the parcel into the shared array, and free the one whose place it takes. */
static uint64_t parcel_exchange(struct exchange *exchange, struct parcel *parcel, size_t place)
{
	return parcel_give(atomic_exchange(&exchange->places[place], parcel));
}

static void stress_work(struct worker *worker)
{
	struct exchange *exchange = worker->shared;
	struct chance chance = chance_of(exchange->generation * CREW_COUNT_MAX + worker->index);
	struct parcel *kept[KEPT_COUNT] = {NULL};
	for (size_t i = 0; i < BLOCK_COUNT; i++) {
		struct parcel *parcel = parcel_take(&chance);
		uint64_t coins = chance_next(&chance);
		if (coins % 2 == 0) {
			worker->checksum +=
				parcel_exchange(exchange, parcel, coins / 2 % SHARED_COUNT);
			continue;
		}
		size_t place = coins / 2 % KEPT_COUNT;
		worker->checksum += parcel_give(kept[place]);
		kept[place] = parcel;
	}
	for (size_t i = 0; i < KEPT_COUNT; i++)
		worker->checksum += i < SHARED_COUNT / 2
					    ? parcel_exchange(exchange, kept[i], 2 * i)
					    : parcel_give(kept[i]);
}

void stress_run(struct run *run)
{
	size_t step_count = run_step_count(run);
	struct exchange *exchange = heap_take_zeroed(1, sizeof(*exchange));
	for (size_t step = 0; step < step_count; step++) {
		exchange->generation = step;
		crew_run_shared(run, run->thread_count, stress_work, exchange);
	}
	for (size_t i = 0; i < SHARED_COUNT; i++)
		run->checksum += parcel_give(exchange->places[i]);
	heap_give(exchange);
}
