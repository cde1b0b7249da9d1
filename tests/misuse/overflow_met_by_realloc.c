/* SPDX-License-Identifier: MIT */
/* Eight bytes too many, met when the block is to grow into its neighbour. */
#include "misuse.h"

#include <malloc.h>

int main(void)
{
	char *low;
	char *high;
	neighbours(200, &low, &high);
	about(high);
	free(high);
	memset(low, 0x41, malloc_usable_size(low) + 8);
	low = realloc(low, 300);
	return carry_on();
}
