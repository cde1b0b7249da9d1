/* SPDX-License-Identifier: MIT */
/*
 * One mistake of the malloc family, by argument, for memcheck to find at its very line: the runner
 * looks the lines up by the words in capitals. `clean` makes none, in every way there is.
 */
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 300, BLOCKS = 50 };

static void *work(void *argument)
{
	unsigned char *blocks[BLOCKS] = {0};
	for (size_t i = 0; i < ROUNDS; i++) {
		size_t slot = i * 7 % BLOCKS;
		free(blocks[slot]);
		size_t bytes = i * 131 % 5000 + (i % 40 == 0 ? 300000 : 0);
		switch (i % 5) {
		case 0:
			blocks[slot] = calloc(bytes + 1, 1);
			if (blocks[slot][bytes] != 0)
				return argument;
			break;
		case 1:
			blocks[slot] = memalign(256, bytes);
			break;
		case 2:
			blocks[slot] = realloc(malloc(bytes / 2), bytes + 1);
			break;
		case 3:
			blocks[slot] = realloc(calloc(bytes + 1, 2), bytes / 2 + 1);
			break;
		default:
			blocks[slot] = malloc(bytes);
		}
		bool is_usable = malloc_usable_size(blocks[slot]) > bytes / 2;
		memset(blocks[slot], 1, is_usable ? bytes / 2 : 0);
	}
	for (size_t i = 0; i < BLOCKS; i++)
		free(blocks[i]);
	return NULL;
}

static int clean(void)
{
	static char failure;
	pthread_t thread;
	if (work(&failure) != NULL || pthread_create(&thread, NULL, work, &failure) != 0)
		return 1;
	void *result;
	pthread_join(thread, &result);
	malloc_trim(0);
	return result == NULL ? 0 : 1;
}

static int leak(void)
{
	volatile char *block = malloc(123); /* LEAK */
	block[0] = 1;
	block = NULL;
	return 0;
}

static int leak_after_realloc(void)
{
	/* A neighbour on either side: the block has to move, which makes it a new one. */
	void *before = malloc(50);
	volatile char *block = malloc(50);
	void *behind = malloc(50);
	block = realloc((void *)(uintptr_t)block, 12345); /* GROWN */
	block[0] = 1;
	block = NULL;
	free(before);
	free(behind);
	return 0;
}

static int use_after_free(void)
{
	/* Where no block was before: memcheck names the first it remembers. */
	volatile char *block = malloc(30000);
	block[20000] = 1;
	free((void *)(uintptr_t)block); /* FREED */
	return block[20000]; /* USED */
}

static int overflow(void)
{
	volatile char *block = malloc(40);
	int is_beyond = block[40]; /* BEYOND */
	free((void *)(uintptr_t)block);
	return is_beyond * 0;
}

static int uninitialised(void)
{
	volatile char *block = malloc(64);
	int is_set = 0;
	if (block[5] == 7) /* UNSET */
		is_set = 1;
	free((void *)(uintptr_t)block);
	return is_set * 0;
}

int main(int count, char **words)
{
	static const struct {
		const char *name;
		int (*run)(void);
	} mistakes[] = {
		{"clean", clean},
		{"leak", leak},
		{"leak_after_realloc", leak_after_realloc},
		{"use_after_free", use_after_free},
		{"overflow", overflow},
		{"uninitialised", uninitialised},
	};
	for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
		if (count == 2 && strcmp(words[1], mistakes[i].name) == 0) {
			mistakes[i].run();
			return 0;
		}
	}
	return 2;
}
