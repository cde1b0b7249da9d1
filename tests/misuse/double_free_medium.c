/* SPDX-License-Identifier: MIT */
/* A block of many pages freed twice. */
#include "misuse.h"

int main(void)
{
	void *keep = malloc(60000);
	void *block = malloc(60000);
	about(block);
	free(block);
	free(block);
	free(keep);
	return carry_on();
}
