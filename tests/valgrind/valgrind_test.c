/* SPDX-License-Identifier: MIT */
/*
 * Valgrind: memcheck finds mistakes in our heaps at the line where they were made.
 *
 * Three ways of meeting it. By default memcheck replaces the malloc of any library by its own, so
 * a preloaded allot is out of the way. Told not to (somalloc=nouserintercepts) it runs our malloc
 * and knows of blocks what our client requests tell. And a program linked with the library has
 * heaps memcheck has never heard of: again the client requests are all it knows.
 *
 * A report must name the line of the mistake; a clean program must get 0 errors and no leak.
 */
#include "child.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TIMEOUT_S = 120, TEST_TIMEOUT_S = TIMEOUT_S + 20, STATUS_ERRORS = 9 };

/* How memcheck meets the heap. */
enum way { REPLACED, OURS, LINKED, WAY_COUNT };

static const char *const way_names[] = {"replaced", "nouserintercepts", "linked"};

/* A mistake and what the report has to say; lines are given by the words that mark them. */
struct mistake {
	const char *name;
	const char *says;       /* expression */
	const char *marks[3];   /* NULL-terminated: each marked line stands in the report */
	bool is_for_linked;
};

static const struct mistake mistakes[] = {
	{"leak", "123 bytes in 1 blocks are definitely lost", {"LEAK"}, true},
	{"leak_after_realloc", "12,345 bytes in 1 blocks are definitely lost", {"GROWN"}, false},
	{"use_after_free", "Invalid read of size 1", {"USED", "FREED"}, true},
	{"overflow", "Invalid read of size 1", {"BEYOND"}, true},
	{"uninitialised", "depends on uninitialised value", {"UNSET"}, true},
};
enum { MISTAKE_COUNT = sizeof mistakes / sizeof mistakes[0] };

struct trial {
	enum way way;
	size_t strategy;
	size_t mistake;
};

static void need_valgrind(void)
{
	struct command command = {
		.arguments = (const char *[]){"valgrind", "--version", NULL},
		.timeout_s = TIMEOUT_S,
	};
	struct outcome outcome = child_run(&command);
	if (!outcome_exited(&outcome, 0))
		cr_skip_test("needs valgrind");
	outcome_finish(&outcome);
}

static struct outcome run(enum way way, const char *strategy, const char *mistake)
{
	char conf[64];
	char program[4096];
	snprintf(conf, sizeof conf, "strategy:%s", strategy);
	snprintf(program, sizeof program, "%s",
		 program_path(way == LINKED ? "heap_mistakes" : "mistakes"));
	const char *arguments[] = {
		"valgrind", "--leak-check=full", "--show-leak-kinds=definite",
		"--errors-for-leak-kinds=definite", "--error-exitcode=9", "--num-callers=20",
		way == OURS ? "--soname-synonyms=somalloc=nouserintercepts" : "--vgdb=no",
		program, way == LINKED ? strategy : mistake, way == LINKED ? mistake : NULL, NULL,
	};
	struct command command = {
		.arguments = arguments,
		.conf = way == LINKED ? NULL : conf,
		.is_preloaded = way != LINKED,
		.timeout_s = TIMEOUT_S,
	};
	return child_run(&command);
}

/* The number of the source line that carries the word, as "file.c:N". */
static const char *line_marked(enum way way, const char *mark)
{
	static char place[64];
	char path[4096];
	char line[512];
	const char *name = way == LINKED ? "heap_mistakes.c" : "mistakes.c";
	const char *sources = getenv("ALLOT_TEST_SOURCES");
	snprintf(path, sizeof path, "%s/%s", sources == NULL ? "." : sources, name);
	FILE *file = fopen(path, "r");
	cr_assert(file != NULL, "%s cannot be read", path);
	place[0] = 0;
	for (int number = 1; fgets(line, sizeof line, file) != NULL; number++) {
		char comment[64];
		snprintf(comment, sizeof comment, "/* %s */", mark);
		if (strstr(line, comment) != NULL)
			snprintf(place, sizeof place, "%s:%d)", name, number);
	}
	fclose(file);
	cr_assert(place[0] != 0, "no line is marked %s", mark);
	return place;
}

static struct criterion_test_params every_trial(bool has_mistake)
{
	static struct trial trials[WAY_COUNT * STRATEGY_COUNT * MISTAKE_COUNT];
	size_t count = 0;
	for (enum way way = 0; way < WAY_COUNT; way++) {
		for (size_t s = 0; s < STRATEGY_COUNT; s++) {
			/* Where memcheck's malloc serves, ours has no part in it. */
			if (way == REPLACED && s > 0)
				continue;
			for (size_t m = 0; m < (has_mistake ? MISTAKE_COUNT : 1); m++) {
				if (!has_mistake || way != LINKED || mistakes[m].is_for_linked)
					trials[count++] = (struct trial){way, s, m};
			}
		}
	}
	return cr_make_param_array(struct trial, trials, count);
}

ParameterizedTestParameters(valgrind, a_mistake_is_reported_at_its_line)
{
	return every_trial(true);
}

ParameterizedTest(struct trial *trial, valgrind, a_mistake_is_reported_at_its_line,
		  .timeout = TEST_TIMEOUT_S)
{
	need_valgrind();
	const struct mistake *mistake = &mistakes[trial->mistake];
	const char *strategy = strategy_names[trial->strategy];
	struct outcome outcome = run(trial->way, strategy, mistake->name);
	cr_expect(outcome_exited(&outcome, STATUS_ERRORS), "%s, %s, %s: %s\n%s",
		  way_names[trial->way], strategy, mistake->name, outcome_text(&outcome),
		  outcome.errors);
	cr_expect(text_matches(outcome.errors, mistake->says), "%s, %s, %s: no '%s' in\n%s",
		  way_names[trial->way], strategy, mistake->name, mistake->says, outcome.errors);
	cr_expect(text_matches(outcome.errors, "ERROR SUMMARY: 1 errors from 1 contexts"),
		  "%s, %s, %s: not one error:\n%s", way_names[trial->way], strategy,
		  mistake->name, outcome.errors);
	for (size_t i = 0; mistake->marks[i] != NULL; i++) {
		const char *place = line_marked(trial->way, mistake->marks[i]);
		cr_expect(strstr(outcome.errors, place) != NULL, "%s, %s, %s: no %s in\n%s",
			  way_names[trial->way], strategy, mistake->name, place,
			  outcome.errors);
	}
	outcome_finish(&outcome);
}

ParameterizedTestParameters(valgrind, a_clean_program_gets_no_report)
{
	return every_trial(false);
}

ParameterizedTest(struct trial *trial, valgrind, a_clean_program_gets_no_report,
		  .timeout = TEST_TIMEOUT_S)
{
	need_valgrind();
	const char *strategy = strategy_names[trial->strategy];
	struct outcome outcome = run(trial->way, strategy, "clean");
	cr_expect(outcome_exited(&outcome, 0), "%s, %s: %s", way_names[trial->way], strategy,
		  outcome_text(&outcome));
	cr_expect(text_matches(outcome.errors, "ERROR SUMMARY: 0 errors from 0 contexts"),
		  "%s, %s:\n%s", way_names[trial->way], strategy, outcome.errors);
	cr_expect(text_matches(outcome.errors, "definitely lost: 0 bytes in 0 blocks|"
					       "no leaks are possible"),
		  "%s, %s:\n%s", way_names[trial->way], strategy, outcome.errors);
	cr_expect(!text_matches(outcome.errors, "broken: "), "%s, %s:\n%s",
		  way_names[trial->way], strategy, outcome.errors);
	outcome_finish(&outcome);
}
