/* SPDX-License-Identifier: MIT */
/* A size of all ones behind the last block, then a request that would take it all. */
#include "misuse.h"

#include <malloc.h>

int main(void)
{
	char *block = malloc(200);
	void *blocks[64];
	for (size_t i = 0; i < 64; i++)
		blocks[i] = malloc(200);
	char *last = block;
	for (size_t i = 0; i < 64; i++)
		last = (char *)blocks[i] > last ? blocks[i] : last;
	char *top = last + malloc_usable_size(last);
	about(top + 8);
	memset(top, 0xff, 8);
	malloc(100000);
	free(last);
	return carry_on();
}
