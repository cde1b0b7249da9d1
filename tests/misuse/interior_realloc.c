/* SPDX-License-Identifier: MIT */
/* A pointer into a block given to realloc. */
#include "misuse.h"

int main(void)
{
	char *block = malloc(1000);
	about(block + 64);
	if (realloc(block + 64, 2000) != NULL)
		return 4;
	free(block);
	return carry_on();
}
