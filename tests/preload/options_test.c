/* SPDX-License-Identifier: MIT */
/*
 * Options: what ALLOT_CONF may say, and what is said about words that are wrong.
 */
#include "runs.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

/* A wrong word in ALLOT_CONF: what the one line on stderr has to name. */
struct wrong_word {
	const char *conf;
	const char *wrong;
	const char *nearest; /* expression for the right word or words */
};

static const struct wrong_word wrong_words[] = {
	{"stratgy:implicit", "stratgy", "strategy"},
	{"strategy:implict", "implict", "implicit"},
	{"strategy:Segregated", "Segregated", "segregated"},
	{"strategy:bud", "bud", "buddy"},
	{"source:mapp", "mapp", "mmap"},
	{"source:sbkr", "sbkr", "sbrk"},
	{"front:maybe", "maybe", "on|off"},
	{"fit:frist", "frist", "first"},
	{"order:adress", "adress", "address"},
	{"coalesce:defered", "defered", "deferred"},
	{"on_error:abrot", "abrot", "abort"},
	{"on_eror:log", "on_eror", "on_error"},
	{"mmap_treshold:1m", "mmap_treshold", "mmap_threshold"},
	{"trim_threshold:12q", "12q", "trim_threshold"},
	{"mmap_threshold:", "mmap_threshold", "mmap_threshold"},
	{"strategy", "strategy", "strategy"},
	{"front:off,nonsense:1,strategy:explicit", "nonsense", "nonsense"},
	/* Right words, but not for this strategy. */
	{"strategy:buddy,fit:next", "fit", "buddy"},
	{"strategy:simple,coalesce:deferred", "coalesce", "simple"},
};
enum { WRONG_WORD_COUNT = sizeof wrong_words / sizeof wrong_words[0] };

static struct criterion_test_params every_wrong_word(void)
{
	static size_t indices[WRONG_WORD_COUNT];
	for (size_t i = 0; i < WRONG_WORD_COUNT; i++)
		indices[i] = i;
	return cr_make_param_array(size_t, indices, WRONG_WORD_COUNT);
}

static struct outcome run_plain(const char *conf)
{
	return run_preloaded((const char *[]){"plain", NULL}, conf);
}

ParameterizedTestParameters(options, a_wrong_word_costs_one_line)
{
	return every_wrong_word();
}

ParameterizedTest(size_t *index, options, a_wrong_word_costs_one_line)
{
	const struct wrong_word *word = &wrong_words[*index];
	struct outcome outcome = run_plain(word->conf);
	cr_expect(outcome_exited(&outcome, 0), "%s: %s", word->conf, outcome_text(&outcome));
	cr_expect_str_eq(outcome.output, "done\n", "%s: the program did not run", word->conf);
	cr_expect_eq(text_lines(outcome.errors), 1, "%s: not one line:\n%s", word->conf,
		     outcome.errors);
	cr_expect(text_matches(outcome.errors, "^allot: "), "%s: not ours:\n%s", word->conf,
		  outcome.errors);
	cr_expect(strstr(outcome.errors, word->wrong) != NULL, "%s: '%s' is not named:\n%s",
		  word->conf, word->wrong, outcome.errors);
	cr_expect(text_matches(outcome.errors, word->nearest), "%s: '%s' is not offered:\n%s",
		  word->conf, word->nearest, outcome.errors);
	outcome_finish(&outcome);
}

ParameterizedTestParameters(options, a_wrong_word_is_fatal_on_request)
{
	return every_wrong_word();
}

ParameterizedTest(size_t *index, options, a_wrong_word_is_fatal_on_request)
{
	char conf[256];
	snprintf(conf, sizeof conf, "abort_conf:true,%s", wrong_words[*index].conf);
	struct outcome outcome = run_plain(conf);
	cr_expect(!outcome_exited(&outcome, 0) && !outcome.is_timed_out, "%s: %s", conf,
		  outcome_text(&outcome));
	cr_expect(strstr(outcome.errors, wrong_words[*index].wrong) != NULL,
		  "%s: '%s' is not named:\n%s", conf, wrong_words[*index].wrong, outcome.errors);
	cr_expect_str_eq(outcome.output, "", "%s: the program ran", conf);
	outcome_finish(&outcome);
}

Test(options, right_words_cost_no_line)
{
	static const char *const confs[] = {
		"", ",", "strategy:buddy,", "strategy:implicit,fit:best,front:off",
		"strategy:implicit,fit:next,coalesce:deferred", "arenas:2",
		"strategy:explicit,fit:best,order:address,coalesce:deferred",
		"mmap_threshold:64k,trim_threshold:1m", "check:true", "realloc_zero:alloc",
		"abort_conf:true,source:sbrk,on_error:log", "huge_pages:off",
	};
	for (size_t i = 0; i < sizeof confs / sizeof confs[0]; i++) {
		struct outcome outcome = run_plain(confs[i]);
		cr_expect(outcome_exited(&outcome, 0), "'%s': %s", confs[i],
			  outcome_text(&outcome));
		cr_expect_str_eq(outcome.output, "done\n");
		cr_expect_str_eq(outcome.errors, "", "'%s': %s", confs[i], outcome.errors);
		outcome_finish(&outcome);
	}
}

Test(options, help_prints_every_key)
{
	static const char *const keys[] = {
		"strategy", "front", "fit", "order", "coalesce", "source", "mmap_threshold",
		"trim_threshold", "arenas", "huge_pages", "check", "on_error", "realloc_zero",
		"stats", "stats_format", "abort_conf", "help",
	};
	struct outcome outcome = run_plain("help:true");
	cr_expect(outcome_exited(&outcome, 0), "%s", outcome_text(&outcome));
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		char expression[64];
		snprintf(expression, sizeof expression, "(^|[^a-z_])%s([^a-z_]|$)", keys[i]);
		cr_expect(text_matches(outcome.errors, expression) ||
				  text_matches(outcome.output, expression),
			  "%s is not in the help", keys[i]);
	}
	outcome_finish(&outcome);
}

Test(options, realloc_to_zero_is_a_choice)
{
	struct outcome outcome = run_preloaded((const char *[]){"realloc_zero", NULL}, NULL);
	cr_expect_str_eq(outcome.output, "freed\n", "%s", outcome.errors);
	outcome_finish(&outcome);
	outcome = run_preloaded((const char *[]){"realloc_zero", NULL}, "realloc_zero:free");
	cr_expect_str_eq(outcome.output, "freed\n", "%s", outcome.errors);
	outcome_finish(&outcome);
	outcome = run_preloaded((const char *[]){"realloc_zero", NULL}, "realloc_zero:alloc");
	cr_expect_str_eq(outcome.output, "kept\n", "%s", outcome.errors);
	outcome_finish(&outcome);
	outcome = run_preloaded((const char *[]){"realloc_zero", NULL}, "realloc_zero:abort");
	cr_expect(outcome_killed(&outcome, SIGABRT), "%s", outcome_text(&outcome));
	cr_expect(text_matches(outcome.errors, "^allot: .*realloc"), "%s", outcome.errors);
	outcome_finish(&outcome);
}
