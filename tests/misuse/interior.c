/* SPDX-License-Identifier: MIT */
/* A pointer 16 bytes into a block. */
#include "misuse.h"

int main(void)
{
	char *block = malloc(100);
	about(block + 16);
	free(block + 16);
	free(block);
	return carry_on();
}
