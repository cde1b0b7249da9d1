/* SPDX-License-Identifier: MIT */
/*
 * Runs: see runs.h.
 */
#include "runs.h"

struct criterion_test_params every_heap(void)
{
	static size_t heaps[HEAP_COUNT];
	for (size_t i = 0; i < HEAP_COUNT; i++)
		heaps[i] = i;
	return cr_make_param_array(size_t, heaps, HEAP_COUNT);
}

struct criterion_test_params every_strategy(void)
{
	static size_t heaps[HEAPS_FEW];
	for (size_t i = 0; i < HEAPS_FEW; i++)
		heaps[i] = heap_of_few(i);
	return cr_make_param_array(size_t, heaps, HEAPS_FEW);
}

struct criterion_test_params every_heap_or_strategy(void)
{
	return is_long_run() ? every_heap() : every_strategy();
}

struct outcome run_preloaded(const char *const *words, const char *conf)
{
	enum { WORDS_MAX = 8 };
	const char *arguments[WORDS_MAX] = {0};
	for (size_t i = 0; words[i] != NULL && i < WORDS_MAX - 1; i++)
		arguments[i] = words[i];
	arguments[0] = program_path(words[0]);
	struct command command = {
		.arguments = arguments,
		.conf = conf,
		.is_preloaded = true,
		.timeout_s = RUN_TIMEOUT_S,
	};
	return child_run(&command);
}

void expect_claims_hold(const char *const *words, const char *conf)
{
	struct outcome outcome = run_preloaded(words, conf);
	if (outcome_exited(&outcome, STATUS_SKIPPED))
		cr_skip_test("%s", outcome.errors);
	cr_expect(outcome_exited(&outcome, 0) && outcome.errors_bytes == 0, "%s %s, %s: %s\n%s",
		  words[0], words[1] == NULL ? "" : words[1], conf, outcome_text(&outcome),
		  outcome.errors);
	outcome_finish(&outcome);
}

struct outcome ask(const char *const *arguments)
{
	struct command command = {.arguments = arguments, .timeout_s = RUN_TIMEOUT_S};
	struct outcome outcome = child_run(&command);
	cr_assert(outcome_exited(&outcome, 0), "%s: %s\n%s", arguments[0], outcome_text(&outcome),
		  outcome.errors);
	return outcome;
}
