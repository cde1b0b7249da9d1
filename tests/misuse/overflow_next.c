/* SPDX-License-Identifier: MIT */
/* Eight bytes too many, met when the block behind is freed. */
#include "misuse.h"

#include <malloc.h>

int main(void)
{
	char *low;
	char *high;
	neighbours(200, &low, &high);
	about(high);
	memset(low, 0x41, malloc_usable_size(low) + 8);
	free(high);
	return carry_on();
}
