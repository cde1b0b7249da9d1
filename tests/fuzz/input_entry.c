/* SPDX-License-Identifier: MIT */
/*
 * Where libFuzzer comes in. Aborts on what is wrong, so that the input is kept.
 */
#include <stdio.h>
#include <stdlib.h>

#include "input.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
	const char *message = NULL;
	if (!input_run(bytes, count, &message)) {
		fprintf(stderr, "fuzz: %s\n", message);
		abort();
	}
	return 0;
}
