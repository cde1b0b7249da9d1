/* SPDX-License-Identifier: MIT */
/* A block freed again when both its neighbours are free as well. */
#include "misuse.h"

int main(void)
{
	enum { BLOCKS = 400, MIDDLE = BLOCKS / 2 };
	void *blocks[BLOCKS];
	for (size_t i = 0; i < BLOCKS; i++)
		blocks[i] = malloc(200);
	about(blocks[MIDDLE]);
	for (size_t i = 0; i < BLOCKS; i++)
		free(blocks[i]);
	free(blocks[MIDDLE]);
	return carry_on();
}
