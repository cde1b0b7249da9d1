/* SPDX-License-Identifier: MIT */
/* A block freed again when its pages may be the system's already. */
#include "misuse.h"

#include <malloc.h>

int main(void)
{
	enum { BLOCKS = 20000 };
	static void *blocks[BLOCKS];
	for (size_t i = 0; i < BLOCKS; i++)
		blocks[i] = malloc(1000);
	about(blocks[BLOCKS - 10]);
	for (size_t i = 0; i < BLOCKS; i++)
		free(blocks[i]);
	malloc_trim(0);
	free(blocks[BLOCKS - 10]);
	return carry_on();
}
