/* SPDX-License-Identifier: MIT */
/* A block freed again after another one was freed. */
#include "misuse.h"

int main(void)
{
	void *first = malloc(48);
	void *second = malloc(48);
	void *third = malloc(48);
	about(first);
	free(first);
	free(second);
	free(first);
	free(third);
	return carry_on();
}
