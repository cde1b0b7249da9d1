/* SPDX-License-Identifier: MIT */
/* The next block's size made larger, so that it would swallow others. */
#include "misuse.h"

int main(void)
{
	char *low;
	char *high;
	neighbours(200, &low, &high);
	about(high);
	size_t *tag = (size_t *)(void *)(high - sizeof(size_t));
	*tag += 1024;
	free(high);
	return carry_on();
}
