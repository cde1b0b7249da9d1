/* SPDX-License-Identifier: MIT */
/*
 * Threads: the program beside this file under every strategy with every policy, and with every
 * strategy on one arena, and on the break.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "choice_parameters.h"

enum { TIMEOUT_S = 120 };

/* The first choice of each strategy. */
static struct criterion_test_params every_strategy(void)
{
	static size_t indices[CHOICES_MAX];
	struct choice choice;
	const char *last = "";
	size_t count = 0;
	for (size_t i = 0; count < CHOICES_MAX && choice_get(i, &choice); i++) {
		if (strcmp(choice.strategy, last) != 0)
			indices[count++] = i;
		last = choice.strategy;
	}
	return cr_make_param_array(size_t, indices, count);
}

static void expect_right(size_t index, const char *more)
{
	char conf[256], end[64];
	struct choice choice;
	struct capture capture;
	const char *path = getenv("ALLOT_TEST_THREADS");
	cr_assert_not_null(path, "ALLOT_TEST_THREADS names the program");
	cr_assert(choice_get(index, &choice));
	setenv("ALLOT_CONF", choice_conf(&choice, more, conf, sizeof(conf)), 1);
	cr_assert(capture_run((const char *[]){path, NULL}, TIMEOUT_S, &capture));
	cr_expect(capture_exited(&capture, 0) && capture.output_bytes == 0,
		  "ALLOT_CONF=%s %s: %s\n%s", conf, path,
		  capture_end(&capture, end, sizeof(end)), capture.output);
	capture_finish(&capture);
}

#define THREADS_TEST(name, parameters, more)                                                      \
	ParameterizedTestParameters(threads, name) { return parameters(); }                       \
	ParameterizedTest(size_t *index, threads, name, .timeout = TIMEOUT_S)                     \
	{                                                                                         \
		expect_right(*index, more);                                                       \
	}

THREADS_TEST(blocks_go_from_thread_to_thread, every_choice, NULL)
THREADS_TEST(one_arena_is_enough, every_strategy, "arenas:1")
THREADS_TEST(they_share_the_break, every_strategy, "source:sbrk,arenas:3,trim_threshold:32k")
