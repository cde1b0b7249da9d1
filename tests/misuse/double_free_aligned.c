/* SPDX-License-Identifier: MIT */
/* A block at a page's start freed twice. */
#include "misuse.h"

#include <malloc.h>

int main(void)
{
	void *block = memalign(4096, 500);
	about(block);
	free(block);
	free(block);
	return carry_on();
}
