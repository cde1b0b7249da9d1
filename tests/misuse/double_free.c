/* SPDX-License-Identifier: MIT */
/* A block freed twice in a row. */
#include "misuse.h"

int main(void)
{
	void *block = malloc(48);
	about(block);
	free(block);
	free(block);
	return carry_on();
}
