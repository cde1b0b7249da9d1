/* SPDX-License-Identifier: MIT */
/* The address of a static variable. */
#include "misuse.h"

static _Alignas(16) char array[256];

int main(void)
{
	about(array + 64);
	free(array + 64);
	return carry_on();
}
