/* SPDX-License-Identifier: MIT */
/* A pointer one byte into a block. */
#include "misuse.h"

int main(void)
{
	char *block = malloc(100);
	about(block + 1);
	free(block + 1);
	free(block);
	return carry_on();
}
