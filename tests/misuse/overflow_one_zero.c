/* SPDX-License-Identifier: MIT */
/* A text one byte too long: its closing zero byte is all that spills over. */
#include "misuse.h"

#include <malloc.h>

int main(void)
{
	char *low;
	char *high;
	neighbours(200, &low, &high);
	about(high);
	low[malloc_usable_size(low)] = 0;
	free(high);
	return carry_on();
}
