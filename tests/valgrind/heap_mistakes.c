/* SPDX-License-Identifier: MIT */
/*
 * One mistake with a heap as a value, by arguments STRATEGY MISTAKE, for memcheck to find at its
 * very line: the runner looks the lines up by the words in capitals. `clean` makes none.
 */
#include <allot/allot.h>
#include <stdio.h>
#include <string.h>

enum { ROUNDS = 300, BLOCKS = 50 };

static volatile char result;

static void clean(struct allot_heap *heap)
{
	unsigned char *blocks[BLOCKS] = {0};
	for (size_t i = 0; i < ROUNDS; i++) {
		size_t slot = i * 7 % BLOCKS;
		size_t bytes = i * 131 % 5000 + 1;
		allot_heap_free(heap, blocks[slot]);
		switch (i % 3) {
		case 0:
			blocks[slot] = allot_heap_allocate_zeroed(heap, bytes, 1);
			break;
		case 1:
			blocks[slot] = allot_heap_allocate_aligned(heap, 128, bytes);
			break;
		default:
			blocks[slot] = allot_heap_allocate(heap, bytes / 2 + 1);
			memset(blocks[slot], 1, bytes / 2 + 1);
			blocks[slot] = allot_heap_resize(heap, blocks[slot], bytes);
		}
		memset(blocks[slot], 2, bytes);
	}
	for (size_t i = 0; i < BLOCKS; i++)
		allot_heap_free(heap, blocks[i]);
	char message[200] = "";
	struct allot_statistics statistics;
	allot_heap_statistics(heap, &statistics);
	if (!allot_heap_check(heap, message, sizeof message) || statistics.live_blocks != 0)
		fprintf(stderr, "broken: %s\n", message);
	allot_heap_trim(heap, 0);
}

static void leak(struct allot_heap *heap)
{
	volatile char *block = allot_heap_allocate(heap, 123); /* LEAK */
	block[0] = 1;
	block = NULL;
}

static void use_after_free(struct allot_heap *heap)
{
	volatile char *block = allot_heap_allocate(heap, 100);
	block[20] = 1;
	allot_heap_free(heap, (char *)block); /* FREED */
	result = block[20]; /* USED */
}

static void overflow(struct allot_heap *heap)
{
	volatile char *block = allot_heap_allocate(heap, 40);
	result = block[40]; /* BEYOND */
	allot_heap_free(heap, (char *)block);
}

static void uninitialised(struct allot_heap *heap)
{
	volatile char *block = allot_heap_allocate(heap, 64);
	if (block[5] == 7) /* UNSET */
		block[6] = 1;
	allot_heap_free(heap, (char *)block);
}

int main(int count, char **words)
{
	static const struct {
		const char *name;
		void (*run)(struct allot_heap *heap);
	} mistakes[] = {
		{"clean", clean},
		{"leak", leak},
		{"use_after_free", use_after_free},
		{"overflow", overflow},
		{"uninitialised", uninitialised},
	};
	if (count != 3)
		return 2;
	char conf[64];
	char message[200];
	snprintf(conf, sizeof conf, "strategy:%s", words[1]);
	static struct allot_heap *heap;
	heap = allot_heap_create(conf, message, sizeof message);
	if (heap == NULL) {
		fprintf(stderr, "%s\n", message);
		return 1;
	}
	for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
		if (strcmp(words[2], mistakes[i].name) == 0)
			mistakes[i].run(heap);
	}
	/* A leak is looked for at exit: the heap still stands then. */
	if (strcmp(words[2], "leak") != 0)
		allot_heap_destroy(heap);
	return 0;
}
