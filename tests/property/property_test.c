/* SPDX-License-Identifier: MIT */
/*
 * Properties: every strategy with every policy on every source keeps what the contract says, over
 * random operations. A test is one run of the driver, whose command is printed when it fails.
 *
 * With ALLOT_TEST_LONG=1 each run on a big heap has 10^7 operations and says how fast it was. With
 * a sanitizer, which slows the judge more than the heap, it has fewer than usual.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "capture.h"
#include "choice_parameters.h"
#include "long_run.h"
#include "sanitizer.h"

enum {
	ARGUMENTS_MAX = 24,
	SMALL_OPERATIONS = SUPPORT_IS_SANITIZED ? 8000 : 16000,
	BIG_OPERATIONS = SUPPORT_IS_SANITIZED ? 40000 : 160000,
	FULL_OPERATIONS = SUPPORT_IS_SANITIZED ? 15000 : 60000, /* of a buffer that is full */
	LONG_SMALL_OPERATIONS = 200000,
	LONG_BIG_OPERATIONS = 10000000,
	TIMEOUT_S = 120,
	LONG_TIMEOUT_S = 3600,
};

/* ---- a run of the driver ---- */

static const char *driver_path(void)
{
	const char *path = getenv("ALLOT_TEST_PROPERTY");
	cr_assert_not_null(path, "ALLOT_TEST_PROPERTY names the driver");
	return path;
}

static void expect_right(size_t index, const char *source, const char *heap, const char *conf,
			 unsigned long long operations)
{
	char operations_text[24], seed_text[24], end[64];
	struct choice choice;
	struct capture capture;
	cr_assert(choice_get(index, &choice));
	snprintf(operations_text, sizeof(operations_text), "%llu", operations);
	snprintf(seed_text, sizeof(seed_text), "%llu", (unsigned long long)test_seed());
	const struct {
		const char *name;
		const char *value;
	} options[] = {
		{"--strategy", choice.strategy}, {"--fit", choice.fit}, {"--order", choice.order},
		{"--coalesce", choice.coalesce}, {"--source", source}, {"--heap", heap},
		{"--conf", conf}, {"--operations", operations_text}, {"--seed", seed_text},
	};
	const char *arguments[ARGUMENTS_MAX] = {driver_path()};
	size_t count = 1;
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (options[i].value == NULL)
			continue;
		arguments[count++] = options[i].name;
		arguments[count++] = options[i].value;
	}
	cr_assert(capture_run(arguments, is_long_run() ? LONG_TIMEOUT_S : TIMEOUT_S, &capture),
		  "%s cannot be run", arguments[0]);
	cr_expect(capture_exited(&capture, 0), "%s\n%s",
		  capture_end(&capture, end, sizeof(end)), capture.output);
	if (is_long_run())
		fprintf(stderr, "%s", capture.output);
	capture_finish(&capture);
}

static unsigned long long small_operations(void)
{
	return is_long_run() ? LONG_SMALL_OPERATIONS : SMALL_OPERATIONS;
}

static unsigned long long big_operations(void)
{
	return is_long_run() ? LONG_BIG_OPERATIONS : BIG_OPERATIONS;
}

/* ---- the claims, for each source ---- */

#define EVERY_CHOICE(suite, name, ...)                                                            \
	ParameterizedTestParameters(suite, name) { return every_choice(); }                       \
	ParameterizedTest(size_t *index, suite, name) { expect_right(*index, __VA_ARGS__); }

/* Thresholds so low that blocks of the same test are mappings, and pages are purged on free. */
#define LOW_THRESHOLDS "mmap_threshold:16k,trim_threshold:48k"

EVERY_CHOICE(mmap, small_heap_is_right_after_every_operation, "mmap", "small", NULL,
	     small_operations())
EVERY_CHOICE(mmap, mappings_and_purges_keep_a_small_heap_right, "mmap", "small", LOW_THRESHOLDS,
	     small_operations())
EVERY_CHOICE(mmap, big_heap_stays_right, "mmap", "big", NULL, big_operations())

EVERY_CHOICE(sbrk, small_heap_is_right_after_every_operation, "sbrk", "small", NULL,
	     small_operations())
EVERY_CHOICE(sbrk, mappings_and_purges_keep_a_small_heap_right, "sbrk", "small", LOW_THRESHOLDS,
	     small_operations())
EVERY_CHOICE(sbrk, big_heap_stays_right, "sbrk", "big", NULL, big_operations())

EVERY_CHOICE(buffer, small_heap_is_right_after_every_operation, "buffer", "small", NULL,
	     small_operations())
EVERY_CHOICE(buffer, big_heap_stays_right, "buffer", "big", NULL,
	     is_long_run() ? LONG_BIG_OPERATIONS : FULL_OPERATIONS)
