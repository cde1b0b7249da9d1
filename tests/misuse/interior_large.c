/* SPDX-License-Identifier: MIT */
/* A pointer into a block with a mapping of its own, at a page's start. */
#include "misuse.h"

#include <stdint.h>

int main(void)
{
	char *block = malloc(8000000);
	char *inside = (char *)(((uintptr_t)block + 100 * 4096) & ~(uintptr_t)4095);
	about(inside);
	free(inside);
	free(block);
	return carry_on();
}
