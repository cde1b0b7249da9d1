/* SPDX-License-Identifier: MIT */
/* malloc_usable_size of pointers that are no blocks: 0, and no complaint. */
#include "misuse.h"

#include <malloc.h>
#include <stdint.h>

int main(void)
{
	char *block = malloc(100);
	char *freed = malloc(100);
	char local[64] = {0};
	free(freed);
	const void *wrong[] = {block + 16, block + 1, freed, local, (void *)(uintptr_t)0x10000};
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		if (malloc_usable_size((void *)(uintptr_t)wrong[i]) != 0)
			return 4;
	}
	free(block);
	return carry_on();
}
