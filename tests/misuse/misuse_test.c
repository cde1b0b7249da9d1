/* SPDX-License-Identifier: MIT */
/*
 * Misuse: one small program for each mistake, under every strategy.
 *
 * By default the process ends by SIGABRT after one line on stderr that names the kind, the
 * address, the block with its size where it belongs to one, and the strategy. With on_error:log
 * there are lines of that form and the program goes on to its end.
 *
 * Not every strategy can see every mistake: an overflow is found by the tag it destroys, and
 * simple and buddy have no tags between blocks; they keep their books beside them, so there the
 * same bytes would be another block's contents. The table says which strategies a mistake is
 * tried on.
 */
#include "child.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum {
	TIMEOUT_S = 20,
	/* Bits by place in strategy_names. */
	SEGREGATED = 1 << 0,
	IMPLICIT = 1 << 1,
	EXPLICIT = 1 << 2,
	SIMPLE = 1 << 3,
	BUDDY = 1 << 4,
	EVERY = SEGREGATED | IMPLICIT | EXPLICIT | SIMPLE | BUDDY,
	TAGGED = SEGREGATED | IMPLICIT | EXPLICIT, /* a tag lies between two blocks */
	LINKED = SEGREGATED | EXPLICIT | SIMPLE | BUDDY, /* free blocks hold links */
};

/* A mistake and what has to be said of it. */
struct misuse {
	const char *program;
	unsigned strategies;
	bool has_block;      /* the line names the block and its size */
	const char *kind;    /* expression for the words before the address */
};

static const struct misuse misuses[] = {
	{"double_free", EVERY, true, "double free"},
	{"double_free_between", EVERY, true, "double free"},
	{"double_free_merged", EVERY, true, "double free"},
	{"double_free_thread", EVERY, true, "double free"},
	{"double_free_medium", EVERY, true, "double free"},
	{"double_free_large", EVERY, true, "double free"},
	{"double_free_aligned", EVERY, true, "double free"},
	{"double_free_empty", EVERY, true, "double free"},
	/* The region may be gone, and with it all knowledge of the block. */
	{"double_free_given_back", EVERY, false, "(double free|foreign pointer passed to free)"},
	{"interior", EVERY, true, "interior pointer passed to free"},
	{"interior_medium", EVERY, true, "interior pointer passed to free"},
	{"interior_large", EVERY, true, "interior pointer passed to free"},
	{"interior_forged", EVERY, true, "interior pointer passed to free"},
	{"interior_realloc", EVERY, true, "interior pointer passed to realloc"},
	{"misaligned", EVERY, true, "misaligned pointer passed to free"},
	{"misaligned_large", EVERY, true, "misaligned pointer passed to free"},
	{"foreign_stack", EVERY, false, "foreign pointer passed to free"},
	{"foreign_static", EVERY, false, "foreign pointer passed to free"},
	{"foreign_mapping", EVERY, false, "foreign pointer passed to free"},
	{"foreign_constant", EVERY, false, "foreign pointer passed to free"},
	{"foreign_nowhere", EVERY, false, "foreign pointer passed to free"},
	{"foreign_realloc", EVERY, false, "foreign pointer passed to realloc"},
	{"realloc_freed", EVERY, true, "(double free|freed pointer passed to realloc)"},
	{"realloc_after_free_large", EVERY, true,
	 "(double free|freed pointer passed to realloc)"},
	{"use_after_realloc", EVERY, true, "double free"},
	{"overflow_next", TAGGED, false, "broken tag met by free"},
	/* Freed blocks may be kept whole for a while: then the next search merges them. */
	{"overflow_merge", TAGGED, false, "broken tag met by (free|malloc)"},
	{"overflow_one_zero", TAGGED, false, "broken tag met by free"},
	{"overflow_forged_size", TAGGED, false, "broken tag met by free"},
	{"overflow_forged_previous", TAGGED, false, "broken tag met by free"},
	{"overflow_met_by_malloc", TAGGED, false, "broken tag met by malloc"},
	{"overflow_met_by_realloc", TAGGED, false, "broken tag met by realloc"},
	{"underflow", TAGGED, false, "broken tag met by free"},
	{"forged_top", TAGGED, false, "broken tag met by (malloc|free)"},
	{"links_overwritten", LINKED, false, "broken tag met by malloc"},
	{"links_forged", LINKED, false, "broken tag met by malloc"},
};
enum { MISUSE_COUNT = sizeof misuses / sizeof misuses[0] };

/* One run: a mistake under a strategy, with the front end or straight to the strategy. */
struct trial {
	size_t misuse;
	size_t strategy;
	bool is_front_off;
};

static struct criterion_test_params every_trial(void)
{
	static struct trial trials[MISUSE_COUNT * STRATEGY_COUNT * 2];
	size_t count = 0;
	for (size_t m = 0; m < MISUSE_COUNT; m++) {
		for (size_t s = 0; s < STRATEGY_COUNT; s++) {
			if (!(misuses[m].strategies >> s & 1))
				continue;
			trials[count++] = (struct trial){m, s, true};
			/* Tags and links are the strategy's: the front end has neither. */
			if (misuses[m].strategies == EVERY)
				trials[count++] = (struct trial){m, s, false};
		}
	}
	return cr_make_param_array(struct trial, trials, count);
}

static const char *trial_conf(const struct trial *trial, const char *more)
{
	static char conf[128];
	snprintf(conf, sizeof conf, "strategy:%s%s%s", strategy_names[trial->strategy],
		 trial->is_front_off ? ",front:off" : "", more);
	return conf;
}

static struct outcome run(const char *program, const char *conf)
{
	struct command command = {
		.arguments = (const char *[]){program_path(program), NULL},
		.conf = conf,
		.is_preloaded = true,
		.timeout_s = TIMEOUT_S,
	};
	return child_run(&command);
}

/* The line on a fault: kind, an address, perhaps a block, and the strategy at the end. */
static void expect_fault_line(const char *line, const struct trial *trial, const char *conf)
{
	const struct misuse *misuse = &misuses[trial->misuse];
	char expression[512];
	snprintf(expression, sizeof expression,
		 "^allot: %s.*0x[0-9a-f]+.* \\((strategy (%s|mapping)|front end)\\)$",
		 misuse->kind, strategy_names[trial->strategy]);
	cr_expect(text_matches(line, expression), "%s, %s: '%s' is not like '%s'", misuse->program,
		  conf, line, expression);
	if (misuse->has_block)
		cr_expect(text_matches(line, "block 0x[0-9a-f]+ of [0-9]+ bytes"),
			  "%s, %s: '%s' names no block", misuse->program, conf, line);
}

/* The address the program announced, as the first line of its output. */
static void expect_address(const struct outcome *outcome, const struct trial *trial,
			   const char *conf)
{
	char address[64];
	size_t length = strcspn(outcome->output, "\n");
	if (length >= sizeof address)
		length = sizeof address - 1;
	memcpy(address, outcome->output, length);
	address[length] = 0;
	/* A damaged free list is known by its first victim, whichever that is. */
	if (misuses[trial->misuse].strategies == LINKED)
		return;
	cr_expect(length > 0 && strstr(outcome->errors, address) != NULL,
		  "%s, %s: %s is not named in\n%s", misuses[trial->misuse].program, conf, address,
		  outcome->errors);
}

ParameterizedTestParameters(misuse, a_mistake_ends_the_process_with_one_line)
{
	return every_trial();
}

ParameterizedTest(struct trial *trial, misuse, a_mistake_ends_the_process_with_one_line,
		  .timeout = TIMEOUT_S + 10)
{
	const char *program = misuses[trial->misuse].program;
	const char *conf = trial_conf(trial, "");
	struct outcome outcome = run(program, conf);
	cr_expect(outcome_killed(&outcome, SIGABRT), "%s, %s: %s\n%s", program, conf,
		  outcome_text(&outcome), outcome.errors);
	cr_expect_eq(text_lines(outcome.errors), 1, "%s, %s: not one line:\n%s", program, conf,
		     outcome.errors);
	expect_address(&outcome, trial, conf);
	if (outcome.errors_bytes > 0)
		outcome.errors[strcspn(outcome.errors, "\n")] = 0;
	expect_fault_line(outcome.errors, trial, conf);
	outcome_finish(&outcome);
}

ParameterizedTestParameters(misuse, a_logged_mistake_does_no_harm)
{
	return every_trial();
}

ParameterizedTest(struct trial *trial, misuse, a_logged_mistake_does_no_harm,
		  .timeout = TIMEOUT_S + 10)
{
	const char *program = misuses[trial->misuse].program;
	const char *conf = trial_conf(trial, ",on_error:log");
	struct outcome outcome = run(program, conf);
	cr_expect(outcome_exited(&outcome, 0), "%s, %s: %s\n%s", program, conf,
		  outcome_text(&outcome), outcome.errors);
	cr_expect(outcome.errors_bytes > 0, "%s, %s: nothing was said", program, conf);
	expect_address(&outcome, trial, conf);
	bool is_first = true;
	for (char *line = strtok(outcome.errors, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		if (is_first)
			expect_fault_line(line, trial, conf);
		cr_expect(text_matches(line, "^allot: .* \\((strategy [a-z]+|front end)\\)$"),
			  "%s, %s: '%s'", program, conf, line);
		is_first = false;
	}
	outcome_finish(&outcome);
}

ParameterizedTestParameters(misuse, a_question_about_anything_is_answered)
{
	static size_t strategies[STRATEGY_COUNT];
	for (size_t i = 0; i < STRATEGY_COUNT; i++)
		strategies[i] = i;
	return cr_make_param_array(size_t, strategies, STRATEGY_COUNT);
}

ParameterizedTest(size_t *strategy, misuse, a_question_about_anything_is_answered)
{
	char conf[64];
	snprintf(conf, sizeof conf, "strategy:%s", strategy_names[*strategy]);
	struct outcome outcome = run("question_about_anything", conf);
	cr_expect(outcome_exited(&outcome, 0), "%s: %s", conf, outcome_text(&outcome));
	cr_expect_str_eq(outcome.errors, "");
	outcome_finish(&outcome);
}
