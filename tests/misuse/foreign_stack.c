/* SPDX-License-Identifier: MIT */
/* The address of a variable on the stack. */
#include "misuse.h"

int main(void)
{
	_Alignas(16) char array[256] = {0};
	about(array + 64);
	free(array + 64);
	return carry_on();
}
