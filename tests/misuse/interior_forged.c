/* SPDX-License-Identifier: MIT */
/* A pointer into a block where the owner wrote what looks like a tag. */
#include "misuse.h"

int main(void)
{
	size_t *block = malloc(512);
	for (size_t i = 0; i < 64; i++)
		block[i] = i % 2 == 0 ? 0 : 0x41;
	about(block + 16);
	free(block + 16);
	free(block);
	return carry_on();
}
