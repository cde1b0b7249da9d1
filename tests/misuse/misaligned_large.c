/* SPDX-License-Identifier: MIT */
/* A pointer eight bytes into a block with a mapping of its own. */
#include "misuse.h"

int main(void)
{
	char *block = malloc(8000000);
	about(block + 8);
	free(block + 8);
	free(block);
	return carry_on();
}
