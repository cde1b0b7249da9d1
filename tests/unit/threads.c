/* SPDX-License-Identifier: MIT */
/*
 * Threads on the process heap of the static library: blocks of all sizes are made by one thread
 * and found, verified, resized and freed by others. A program of its own, so that ALLOT_CONF can
 * choose the strategy, and for the thread sanitizer. Says what is wrong, and exits with 1 then.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allot/allot.h"
#include "random.h"
#include "sanitizer.h"

enum {
	THREADS = 4,
	GENERATIONS = 3, /* threads end, and others take their place */
	MAILBOXES = 256,
	OPERATIONS = SUPPORT_IS_SANITIZED ? 3000 : 6000,
	LARGE_BYTES_MAX = 300 << 10,
};

/* How a block begins: the rest repeats the seed's lowest byte. */
struct letter {
	size_t bytes;
	uint64_t seed;
};

static struct letter *_Atomic mailboxes[MAILBOXES];
static _Atomic bool is_wrong;

static void complain(const char *what, const void *p)
{
	fprintf(stderr, "threads: %s at %p\n", what, p);
	atomic_store(&is_wrong, true);
}

static void letter_write(struct letter *letter, size_t bytes, uint64_t seed)
{
	*letter = (struct letter){bytes, seed};
	memset(letter + 1, (int)(seed & 0xFF), bytes - sizeof(*letter));
}

/* A sanitizer looks at what a call reads as a whole, and at the bytes of a loop one by one. */
static void letter_verify(const struct letter *letter, size_t bytes)
{
	const unsigned char *rest = (const unsigned char *)(letter + 1);
	size_t rest_bytes = bytes - sizeof(*letter);
	if (rest_bytes == 0)
		return;
	if (rest[0] != (letter->seed & 0xFF) || memcmp(rest, rest + 1, rest_bytes - 1) != 0)
		complain("wrong content", letter);
}

static size_t letter_bytes(struct random_source *random)
{
	size_t dice = random_below(random, 100);
	size_t bytes = dice < 80 ? random_below(random, 500) :
		       dice < 98 ? random_below(random, 20000) :
				   random_below(random, LARGE_BYTES_MAX);
	return sizeof(struct letter) + bytes;
}

static struct letter *letter_create(struct random_source *random)
{
	size_t bytes = letter_bytes(random);
	struct letter *letter;
	switch (random_below(random, 8)) {
	case 0:
		letter = allot_calloc(1, bytes);
		break;
	case 1:
		letter = allot_memalign((size_t)16 << random_below(random, 9), bytes);
		break;
	default:
		letter = allot_malloc(bytes);
	}
	if (letter == NULL) {
		complain("out of memory", NULL);
		return NULL;
	}
	if (allot_malloc_usable_size(letter) < bytes)
		complain("too small a block", letter);
	letter_write(letter, bytes, random_next(random));
	return letter;
}

static void letter_end(struct letter *letter, struct random_source *random)
{
	letter_verify(letter, letter->bytes);
	if (random_below(random, 4) == 0) {
		size_t old_bytes = letter->bytes, bytes = letter_bytes(random);
		struct letter *resized = allot_realloc(letter, bytes);
		if (resized == NULL) {
			complain("out of memory", NULL);
			return;
		}
		letter = resized;
		letter_verify(letter, old_bytes < bytes ? old_bytes : bytes);
	}
	allot_free(letter);
}

static void *exchange_letters(void *context)
{
	struct random_source random = {(uint64_t)(uintptr_t)context};
	for (int i = 0; i < OPERATIONS; i++) {
		struct letter *letter = letter_create(&random);
		size_t box = random_below(&random, MAILBOXES);
		letter = atomic_exchange(&mailboxes[box], letter);
		if (letter != NULL)
			letter_end(letter, &random);
		if (random_below(&random, 2000) == 0)
			allot_malloc_trim(0);
	}
	return NULL;
}

int main(void)
{
	struct random_source random = {99};
	pthread_t threads[THREADS];
	for (uintptr_t generation = 0; generation < GENERATIONS; generation++) {
		for (uintptr_t i = 0; i < THREADS; i++)
			pthread_create(&threads[i], NULL, exchange_letters,
				       (void *)(generation * THREADS + i + 1));
		for (uintptr_t i = 0; i < THREADS; i++)
			pthread_join(threads[i], NULL);
	}
	for (size_t box = 0; box < MAILBOXES; box++) {
		if (mailboxes[box] != NULL)
			letter_end(mailboxes[box], &random);
	}
	return is_wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}
