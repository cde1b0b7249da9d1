/* SPDX-License-Identifier: MIT */
/* A free block written to: what the allocator keeps there is gone. */
#include "misuse.h"

int main(void)
{
	enum { BLOCKS = 64 };
	char *blocks[BLOCKS];
	for (size_t i = 0; i < BLOCKS; i++)
		blocks[i] = malloc(200);
	for (size_t i = 1; i < BLOCKS; i += 2)
		free(blocks[i]);
	about(blocks[31]);
	for (size_t i = 1; i < BLOCKS; i += 2)
		memset(blocks[i], 0x41, 64);
	for (size_t i = 0; i < 400; i++)
		malloc(200);
	return carry_on();
}
