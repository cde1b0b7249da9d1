/* SPDX-License-Identifier: MIT */
/* A freed block given to realloc. */
#include "misuse.h"

int main(void)
{
	void *block = malloc(300);
	void *keep = malloc(300);
	about(block);
	free(block);
	if (realloc(block, 600) != NULL)
		return 4;
	free(keep);
	return carry_on();
}
