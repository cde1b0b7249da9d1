/* SPDX-License-Identifier: MIT */
/* A block with a mapping of its own freed twice. */
#include "misuse.h"

int main(void)
{
	void *block = malloc(8000000);
	about(block);
	free(block);
	free(block);
	return carry_on();
}
