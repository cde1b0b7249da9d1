/* SPDX-License-Identifier: MIT */
/*
 * A privileged program: says whether the kernel calls it secure (AT_SECURE), then allocates.
 *
 * The loader drops LD_PRELOAD from such programs, so this one is linked to the library outright;
 * that makes its environment the question: ALLOT_CONF must have no effect.
 */
#include "claim.h"

#include <malloc.h>
#include <stdlib.h>
#include <sys/auxv.h>

int main(void)
{
	for (size_t i = 0; i < 1000; i++) {
		void *block = malloc(i * 13 + 1);
		pattern_fill(block, i * 13 + 1, 1);
		free(block);
	}
	printf("%s\n", getauxval(AT_SECURE) != 0 ? "secure" : "ordinary");
	return claims_end();
}
