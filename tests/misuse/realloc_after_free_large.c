/* SPDX-License-Identifier: MIT */
/* A freed block with a mapping of its own given to realloc. */
#include "misuse.h"

int main(void)
{
	void *block = malloc(8000000);
	about(block);
	free(block);
	if (realloc(block, 100) != NULL)
		return 4;
	return carry_on();
}
