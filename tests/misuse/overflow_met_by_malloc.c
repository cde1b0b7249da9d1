/* SPDX-License-Identifier: MIT */
/* A free block's tag overwritten by its neighbour, met when it is wanted. */
#include "misuse.h"

#include <malloc.h>

int main(void)
{
	char *low;
	char *high;
	neighbours(200, &low, &high);
	about(high);
	free(high);
	size_t usable = malloc_usable_size(low);
	memset(low, 0x41, usable + 8);
	/* The same size again: the search comes to the damaged block. */
	for (int i = 0; i < 2000; i++)
		malloc(200);
	return carry_on();
}
