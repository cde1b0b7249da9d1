/* SPDX-License-Identifier: MIT */
/* The old pointer freed after realloc moved the block. */
#include "misuse.h"

int main(void)
{
	char *block = malloc(100);
	char *keep = malloc(100);
	about(block);
	char *moved = realloc(block, 100000);
	if (moved == block || moved == NULL)
		return 4;
	free(block);
	free(moved);
	free(keep);
	return carry_on();
}
