/* SPDX-License-Identifier: MIT */
/* A pointer some pages into a block. */
#include "misuse.h"

int main(void)
{
	char *block = malloc(50000);
	about(block + 3 * 4096);
	free(block + 3 * 4096);
	free(block);
	return carry_on();
}
