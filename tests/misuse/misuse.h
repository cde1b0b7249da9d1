/* SPDX-License-Identifier: MIT */
/*
 * What every misuse has in common. The program says on stdout which address its fault is about,
 * for the runner to find in the library's line; then comes the misuse. With on_error:log the
 * program goes on: a thousand blocks more must be whole and its own, and the exit status 0.
 */
#ifndef TESTS_MISUSE_MISUSE_H
#define TESTS_MISUSE_MISUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The fault will name this address, of a block or of what was passed. */
__attribute__((unused)) static void about(const void *address)
{
	char text[32];
	int length = snprintf(text, sizeof text, "%p\n", address);
	if (write(1, text, (size_t)length) != length)
		_exit(3);
}

/*
 * Two live blocks of `bytes`, the second right behind the first, with live blocks all around.
 * Where a strategy puts its tags can be told by the distance; one without any has no neighbours.
 */
__attribute__((unused)) static void neighbours(size_t bytes, char **out_low, char **out_high)
{
	enum { BLOCKS = 64, DISTANCE_SLACK = 32 };
	char *blocks[BLOCKS];
	for (size_t i = 0; i < BLOCKS; i++)
		blocks[i] = malloc(bytes);
	for (size_t i = 1; i + 2 < BLOCKS; i++) {
		ptrdiff_t distance = blocks[i + 1] - blocks[i];
		if (distance > 0 && (size_t)distance <= bytes + DISTANCE_SLACK) {
			*out_low = blocks[i];
			*out_high = blocks[i + 1];
			return;
		}
	}
	_exit(7);
}

/* After the misuse: is the heap still good for something? The program's exit status. */
static int carry_on(void)
{
	enum { BLOCKS = 1000 };
	static unsigned char *blocks[BLOCKS];
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < BLOCKS; i++) {
			size_t bytes = 1 + i * 37 % 3000;
			blocks[i] = malloc(bytes);
			if (blocks[i] == NULL)
				return 8;
			memset(blocks[i], (int)(i % 251), bytes);
		}
		for (size_t i = 0; i < BLOCKS; i++) {
			size_t bytes = 1 + i * 37 % 3000;
			for (size_t j = 0; j < bytes; j++) {
				if (blocks[i][j] != i % 251)
					return 9;
			}
			free(blocks[i]);
		}
	}
	return 0;
}

#endif
