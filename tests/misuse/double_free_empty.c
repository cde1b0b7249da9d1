/* SPDX-License-Identifier: MIT */
/* A block of no bytes freed twice. */
#include "misuse.h"

int main(void)
{
	void *block = malloc(0);
	about(block);
	free(block);
	free(block);
	return carry_on();
}
