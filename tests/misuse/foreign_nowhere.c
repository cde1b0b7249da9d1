/* SPDX-License-Identifier: MIT */
/* Addresses at which nothing is mapped, the last one impossible. */
#include "misuse.h"

#include <stdint.h>

int main(void)
{
	about((void *)(uintptr_t)0x10000);
	free((void *)(uintptr_t)0x10000);
	free((void *)(uintptr_t)0x7ffffffff000);
	free((void *)(uintptr_t)0x4141414141414140);
	return carry_on();
}
