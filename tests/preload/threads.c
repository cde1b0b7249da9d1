/* SPDX-License-Identifier: MIT */
/*
 * Threads: blocks made by one thread and freed by any other, threads that end with blocks still
 * alive, and calls that come after a thread's heap has been put away.
 */
#include "claim.h"
#include "resident.h"

#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

extern int __cxa_thread_atexit_impl(void (*destroy)(void *object), void *object, void *library);
extern void *__dso_handle;

enum { MEBIBYTE = 1024 * 1024 };

static void start(pthread_t *thread, void *(*body)(void *), void *argument)
{
	if (pthread_create(thread, NULL, body, argument) != 0) {
		CLAIM(false, "pthread_create failed");
		_exit(1);
	}
}

/* ---- any thread frees ----------------------------------------------------------------------- */

/* A block that says how long it is and how it was filled. */
struct parcel {
	uint32_t bytes;
	uint32_t seed;
	unsigned char contents[];
};

enum { SHELF_SLOTS = 512, TRADERS = 4, TRADES = 60000 };

static _Atomic(struct parcel *) shelf[SHELF_SLOTS];

static struct parcel *parcel_make(uint32_t *state)
{
	uint32_t dice = random_next(state);
	uint32_t bytes = random_next(state) % ((uint32_t)16 << (dice % 11));
	size_t whole = sizeof(struct parcel) + bytes;
	struct parcel *parcel = NULL;
	switch (dice >> 16 & 3) {
	case 0:
		parcel = calloc(1, whole);
		break;
	case 1:
		parcel = aligned_alloc((size_t)16 << (dice >> 20 & 7), whole);
		break;
	case 2:
		parcel = realloc(malloc(whole / 2 + 1), whole);
		break;
	default:
		parcel = malloc(whole);
	}
	if (!CLAIM(parcel != NULL, "%zu bytes were refused", whole))
		_exit(1);
	parcel->bytes = bytes;
	parcel->seed = dice;
	pattern_fill(parcel->contents, bytes, dice);
	return parcel;
}

static void parcel_open(struct parcel *parcel)
{
	if (parcel == NULL)
		return;
	CLAIM(pattern_holds(parcel->contents, parcel->bytes, parcel->seed),
	      "a block of %u bytes was overwritten", parcel->bytes);
	free(parcel);
}

static void *trade(void *argument)
{
	uint32_t state = (uint32_t)(uintptr_t)argument * 2654435761u + 1;
	for (int i = 0; i < TRADES; i++) {
		size_t slot = random_next(&state) % SHELF_SLOTS;
		parcel_open(atomic_exchange(&shelf[slot], parcel_make(&state)));
	}
	return NULL;
}

static void any_thread_may_free(void)
{
	pthread_t threads[TRADERS];
	for (uintptr_t i = 0; i < TRADERS; i++)
		start(&threads[i], trade, (void *)(i + 1));
	for (size_t i = 0; i < TRADERS; i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < SHELF_SLOTS; i++)
		parcel_open(atomic_exchange(&shelf[i], NULL));
}

/* ---- one allocates, the other frees --------------------------------------------------------- */

enum { BELT_SLOTS = 256, BELT_BLOCKS = 400000, BELT_BYTES = 500 };

static _Atomic(void *) belt[BELT_SLOTS];

static void *free_from_belt(void *argument)
{
	(void)argument;
	for (size_t i = 0; i < BELT_BLOCKS; i++) {
		void *block;
		while ((block = atomic_exchange(&belt[i % BELT_SLOTS], NULL)) == NULL)
			sched_yield();
		free(block);
	}
	return NULL;
}

static void a_thread_that_only_frees_keeps_nothing(void)
{
	enum { GROWTH_BYTES_MAX = 32 * MEBIBYTE };
	size_t before = resident_bytes();
	pthread_t consumer;
	start(&consumer, free_from_belt, NULL);
	for (size_t i = 0; i < BELT_BLOCKS; i++) {
		char *block = malloc(BELT_BYTES);
		block[0] = 1;
		while (atomic_load(&belt[i % BELT_SLOTS]) != NULL)
			sched_yield();
		atomic_store(&belt[i % BELT_SLOTS], block);
	}
	pthread_join(consumer, NULL);
	size_t after = resident_bytes();
	CLAIM(after < before + GROWTH_BYTES_MAX, "%d bytes passed on left %zu resident",
	      BELT_BLOCKS * BELT_BYTES, after - before);
}

/* ---- calls at the very end of a thread ------------------------------------------------------ */

enum { LATE_BLOCKS = 20, LATE_ROUNDS = 4 };

static pthread_key_t late_keys[3];
static __thread int late_round;
static atomic_int late_calls;

static void use_heap(void)
{
	void *blocks[LATE_BLOCKS];
	for (size_t i = 0; i < LATE_BLOCKS; i++) {
		blocks[i] = calloc(1, i * i * 7 + 1);
		CLAIM(blocks[i] != NULL, "no memory in a thread that ends");
	}
	for (size_t i = 0; i < LATE_BLOCKS; i++)
		free(realloc(blocks[i], i * 50 + 1));
}

/* Ask to be called again: whichever order the library's own destructor has, this one is later. */
static void late_by_key(void *block)
{
	atomic_fetch_add(&late_calls, 1);
	CLAIM(pattern_holds(block, 300, 9), "a block was lost before its thread's end");
	free(block);
	use_heap();
	if (++late_round >= LATE_ROUNDS * 3)
		return;
	void *next = malloc(300);
	pattern_fill(next, 300, 9);
	for (size_t i = 0; i < 3; i++) {
		if (pthread_getspecific(late_keys[i]) == NULL) {
			pthread_setspecific(late_keys[i], next);
			return;
		}
	}
	free(next);
}

static void late_by_exit(void *block)
{
	atomic_fetch_add(&late_calls, 1);
	CLAIM(pattern_holds(block, 100, 11), "a block was lost before its thread's end");
	free(block);
	use_heap();
}

static void *end_with_late_calls(void *argument)
{
	late_round = 0;
	for (size_t i = 0; i < 3; i++) {
		void *block = malloc(300);
		pattern_fill(block, 300, 9);
		pthread_setspecific(late_keys[i], block);
	}
	for (int i = 0; i < 10; i++) {
		void *block = malloc(100);
		pattern_fill(block, 100, 11);
		__cxa_thread_atexit_impl(late_by_exit, block, &__dso_handle);
	}
	if (argument != NULL)
		pthread_exit(NULL);
	return NULL;
}

/* A thread whose first call of the heap comes from a destructor. */
static void *end_with_first_call(void *argument)
{
	pthread_setspecific(late_keys[0], argument);
	return NULL;
}

static void calls_at_a_threads_end_are_served(void)
{
	for (size_t i = 0; i < 3; i++)
		pthread_key_create(&late_keys[i], late_by_key);
	for (uintptr_t i = 0; i < 200; i++) {
		pthread_t threads[3];
		void *block = malloc(300);
		pattern_fill(block, 300, 9);
		start(&threads[0], end_with_late_calls, NULL);
		start(&threads[1], end_with_late_calls, (void *)1);
		start(&threads[2], end_with_first_call, block);
		for (size_t t = 0; t < 3; t++)
			pthread_join(threads[t], NULL);
	}
	CLAIM(atomic_load(&late_calls) >= 200 * 2 * 13, "only %d destructors ran", late_calls);
}

/* ---- many short threads --------------------------------------------------------------------- */

enum { SHORT_THREADS = 2000, SHORT_WARM = 200, SHORT_BLOCKS = 60, SHORT_AT_ONCE = 8 };

static void *short_life(void *argument)
{
	void **left = argument;
	void *blocks[SHORT_BLOCKS];
	for (size_t i = 0; i < SHORT_BLOCKS; i++) {
		size_t bytes = 16 + i * 40;
		blocks[i] = malloc(bytes);
		memset(blocks[i], 1, bytes);
	}
	for (size_t i = 1; i < SHORT_BLOCKS; i++)
		free(blocks[i]);
	*left = blocks[0];
	return NULL;
}

static void short_threads_leave_nothing(void)
{
	enum { GROWTH_BYTES_MAX = 4 * MEBIBYTE };
	size_t warm = 0;
	for (size_t i = 0; i < SHORT_THREADS; i += SHORT_AT_ONCE) {
		pthread_t threads[SHORT_AT_ONCE];
		void *left[SHORT_AT_ONCE];
		for (size_t t = 0; t < SHORT_AT_ONCE; t++)
			start(&threads[t], short_life, &left[t]);
		for (size_t t = 0; t < SHORT_AT_ONCE; t++) {
			pthread_join(threads[t], NULL);
			free(left[t]);
		}
		if (i <= SHORT_WARM)
			warm = resident_bytes();
	}
	size_t after = resident_bytes();
	CLAIM(after < warm + GROWTH_BYTES_MAX, "%d short threads left %zu bytes resident",
	      SHORT_THREADS, after - warm);
}

int main(void)
{
	any_thread_may_free();
	a_thread_that_only_frees_keeps_nothing();
	calls_at_a_threads_end_are_served();
	short_threads_leave_nothing();
	return claims_end();
}
