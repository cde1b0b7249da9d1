/* SPDX-License-Identifier: MIT */
/*
 * A program that leaves most of its blocks untouched: in turn it writes to the first byte of one,
 * to the first quarter of the next, and to a byte every four pages of the third.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
	BLOCKS = 500,
	CALLS = 12000,
	SMALL_BYTES = 30000,
	LARGE_BYTES = 400000,
	LARGE_EACH = 7, /* one of so many is large */
	STEP_BYTES = 4 * 4096,
};

static uint32_t number_draw(void)
{
	static uint32_t state = 1;

	state = state * 1664525 + 1013904223;
	return state >> 8;
}

static void block_write(char *block, size_t bytes, int way)
{
	if (way == 0)
		block[0] = 1;
	else if (way == 1)
		memset(block, 1, bytes / 4);
	else
		for (size_t at = 0; at < bytes; at += STEP_BYTES)
			block[at] = 1;
}

int main(void)
{
	static char *blocks[BLOCKS];

	for (int i = 0; i < CALLS; i++) {
		uint32_t at = number_draw() % BLOCKS;
		size_t bytes = 1 + number_draw() % (i % LARGE_EACH ? SMALL_BYTES : LARGE_BYTES);
		free(blocks[at]);
		blocks[at] = malloc(bytes);
		if (blocks[at] == NULL)
			return 1;
		block_write(blocks[at], bytes, i % 3);
	}
	return 0;
}
