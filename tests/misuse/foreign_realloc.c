/* SPDX-License-Identifier: MIT */
/* The address of a static variable given to realloc. */
#include "misuse.h"

static _Alignas(16) char array[256];

int main(void)
{
	about(array);
	if (realloc(array, 1000) != NULL)
		return 4;
	return carry_on();
}
