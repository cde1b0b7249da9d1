/* SPDX-License-Identifier: MIT */
/*
 * Pairs of malloc and free, for counting instructions: what `allot bench --instructions` runs
 * under valgrind.
 *
 *	allot-pair ORDER COUNT BYTES
 *
 * allocates and frees COUNT blocks of BYTES. ORDER is `once`, each block freed before the next is
 * allocated; `fifo` or `lifo`, batches freed in the order of allocation or in reverse. Any of them
 * after `none-` calls empty functions instead, which shows what the loop itself costs.
 *
 * Two counts give two totals, and their difference is free of everything done once. A first batch
 * warms the allocator up, so that both runs start alike.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	BATCH_COUNT = 200, /* COUNT is rounded up to whole batches */
};

/* Calls go through these, so that the loop is the same whatever they are. */
static void *(*volatile pair_allocate)(size_t bytes) = malloc;
static void (*volatile pair_free)(void *block) = free;

/* Stand in for malloc and free: nothing but the call. */
static void *none_allocate(size_t bytes)
{
	(void)bytes;
	return NULL;
}

static void none_free(void *block)
{
	(void)block;
}

static void batch_once(size_t bytes)
{
	for (size_t i = 0; i < BATCH_COUNT; i++)
		pair_free(pair_allocate(bytes));
}

static void batch_fifo(size_t bytes)
{
	void *blocks[BATCH_COUNT];
	for (size_t i = 0; i < BATCH_COUNT; i++)
		blocks[i] = pair_allocate(bytes);
	for (size_t i = 0; i < BATCH_COUNT; i++)
		pair_free(blocks[i]);
}

static void batch_lifo(size_t bytes)
{
	void *blocks[BATCH_COUNT];
	for (size_t i = 0; i < BATCH_COUNT; i++)
		blocks[i] = pair_allocate(bytes);
	for (size_t i = BATCH_COUNT; i > 0; i--)
		pair_free(blocks[i - 1]);
}

/* The orders by name. */
static const struct {
	const char *name;
	void (*batch)(size_t bytes);
} orders[] = {
	{"once", batch_once},
	{"fifo", batch_fifo},
	{"lifo", batch_lifo},
};

int main(int argc, char **argv)
{
	static const char none[] = "none-";
	if (argc != 4) {
		fprintf(stderr, "usage: allot-pair [none-]once|fifo|lifo COUNT BYTES\n");
		return 2;
	}
	const char *order = argv[1];
	size_t count = strtoul(argv[2], NULL, 10);
	size_t bytes = strtoul(argv[3], NULL, 10);
	if (strncmp(order, none, strlen(none)) == 0) {
		order += strlen(none);
		pair_allocate = none_allocate;
		pair_free = none_free;
	}
	for (size_t o = 0; o < sizeof(orders) / sizeof(orders[0]); o++) {
		if (strcmp(order, orders[o].name) != 0)
			continue;
		batch_fifo(bytes);
		for (size_t done = 0; done < count; done += BATCH_COUNT)
			orders[o].batch(bytes);
		return 0;
	}
	fprintf(stderr, "allot-pair: no order '%s'\n", order);
	return 2;
}
