/* SPDX-License-Identifier: MIT */
/*
 * How much to test, by the environment: ALLOT_TEST_LONG=1 asks for the long run, ALLOT_TEST_SEED
 * for the random numbers of a run that failed.
 */
#ifndef SUPPORT_LONG_RUN_H
#define SUPPORT_LONG_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static inline bool is_long_run(void)
{
	const char *value = getenv("ALLOT_TEST_LONG");
	return value != NULL && strcmp(value, "1") == 0;
}

/* The same seed every day, a new one for every long run. */
static inline uint64_t test_seed(void)
{
	const char *value = getenv("ALLOT_TEST_SEED");
	if (value != NULL)
		return strtoull(value, NULL, 0);
	return is_long_run() ? (uint64_t)time(NULL) : 1;
}

#endif
