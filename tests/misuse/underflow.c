/* SPDX-License-Identifier: MIT */
/* The eight bytes before a block overwritten. */
#include "misuse.h"

int main(void)
{
	char *low;
	char *high;
	neighbours(200, &low, &high);
	(void)low;
	about(high);
	memset(high - 8, 0x41, 8);
	free(high);
	return carry_on();
}
