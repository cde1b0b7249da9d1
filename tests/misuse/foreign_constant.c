/* SPDX-License-Identifier: MIT */
/* The address of a string constant. */
#include "misuse.h"

#include <stdint.h>

static const _Alignas(16) char words[] = "these words are not to be freed";

int main(void)
{
	char *text = (char *)(uintptr_t)words;
	about(text);
	free(text);
	return carry_on();
}
