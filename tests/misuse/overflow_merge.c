/* SPDX-License-Identifier: MIT */
/* Eight bytes too many, met when the block itself is freed and would merge. */
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
	free(low);
	return carry_on();
}
