/* SPDX-License-Identifier: MIT */
/*
 * A program that brings a malloc of its own: the names of the executable come before those of a
 * preloaded library, which then has to keep out of the way. Blocks of either may reach the other
 * only through names this program doesn't define, so it uses none of those.
 */
#include "claim.h"

#include <stdlib.h>
#include <string.h>

enum { POOL_BYTES = 64 * 1024 * 1024, HEADER_BYTES = 16 };

static _Alignas(16) unsigned char pool[POOL_BYTES];
static size_t pool_used;
static size_t calls;

static size_t *length_of(void *block)
{
	return (size_t *)(void *)((unsigned char *)block - HEADER_BYTES);
}

void *malloc(size_t bytes)
{
	size_t whole = HEADER_BYTES + (bytes + 15) / 16 * 16;
	calls++;
	if (bytes > POOL_BYTES || whole > POOL_BYTES - pool_used) {
		errno = ENOMEM;
		return NULL;
	}
	unsigned char *block = pool + pool_used + HEADER_BYTES;
	pool_used += whole;
	*length_of(block) = bytes;
	return block;
}

void free(void *block)
{
	if (block == NULL)
		return;
	unsigned char *byte = block;
	if (byte < pool || byte >= pool + POOL_BYTES)
		abort();
}

void *calloc(size_t count, size_t bytes)
{
	void *block = malloc(count * bytes);
	if (block != NULL)
		memset(block, 0, count * bytes);
	return block;
}

void *realloc(void *block, size_t bytes)
{
	void *moved = malloc(bytes);
	if (block != NULL && moved != NULL) {
		size_t old = *length_of(block);
		memcpy(moved, block, old < bytes ? old : bytes);
	}
	return moved;
}

int main(void)
{
	size_t before = calls;
	char *text = strdup("duplicated");
	CLAIM(strcmp(text, "duplicated") == 0, "strdup is wrong");
	CLAIM(calls > before, "libc did not call the program's malloc");
	free(text);

	char *line = NULL;
	size_t line_bytes = 0;
	FILE *file = fopen("/proc/self/maps", "r");
	while (getline(&line, &line_bytes, file) > 0)
		;
	fclose(file);
	free(line);

	for (size_t i = 0; i < 2000; i++) {
		void *block = realloc(malloc(i), i * 2 + 1);
		pattern_fill(block, i * 2 + 1, (uint32_t)i);
		CLAIM(pattern_holds(block, i * 2 + 1, (uint32_t)i), "a block is wrong");
		free(block);
	}
	CLAIM(system("exit 0") == 0, "system failed");
	printf("served %s\n", calls > 4000 ? "itself" : "by another");
	return claims_end();
}
