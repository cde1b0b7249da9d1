/* SPDX-License-Identifier: MIT */
/*
 * Children: run a program with or without the library preloaded, and keep what it left behind.
 *
 * Shared by the runners of preload, misuse, programs and valgrind. The paths come from the build
 * by environment: ALLOT_TEST_LIBRARY names the shared library to preload and ALLOT_TEST_PROGRAMS
 * the folder with the built programs. The runner itself never runs under the library: only its
 * children do, so that a broken heap cannot hide its own report.
 *
 * Every child leads a process group of its own. When its time is up the whole group is killed,
 * so a hang becomes a failure and leaves no process behind.
 */
#ifndef TESTS_PRELOAD_CHILD_H
#define TESTS_PRELOAD_CHILD_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The heap configurations most programs run under: every strategy on every source of pages without
 * the front end, then every strategy under it, the sources by turns.
 */
enum {
	STRATEGY_COUNT = 5,
	SOURCE_COUNT = 2,
	BARE_HEAP_COUNT = STRATEGY_COUNT * SOURCE_COUNT,
	HEAP_COUNT = BARE_HEAP_COUNT + STRATEGY_COUNT,
	HEAPS_FEW = 2 * STRATEGY_COUNT,
};

extern const char *const strategy_names[STRATEGY_COUNT];
extern const char *const source_names[SOURCE_COUNT];

/* The heap of each strategy with the front end and without, the sources by turns: `i` below
 * HEAPS_FEW. */
size_t heap_of_few(size_t i);

/* The strategy's and the source's name of configuration `heap`, 0 to HEAP_COUNT - 1. */
const char *heap_strategy(size_t heap);
const char *heap_source(size_t heap);

/* "strategy:S,source:X,front:F" and, if `more` is not NULL, ",more". Lives until the next call. */
const char *heap_conf(size_t heap, const char *more);

/* What to run and how. Zero fields mean no. */
struct command {
	const char *const *arguments;   /* NULL-terminated; [0] is a path or a word on PATH */
	const char *const *environment; /* "NAME=value" words to add, NULL-terminated */
	const char *conf;               /* value of ALLOT_CONF, or NULL to leave it unset */
	const char *directory;          /* where to run */
	bool is_preloaded;              /* with LD_PRELOAD naming the library */
	unsigned user_id;               /* run as this user and group, 0 for the caller's own */
	unsigned timeout_s;
};

/* How the child ended and what it wrote; both texts end in a zero byte that is not counted. */
struct outcome {
	int status;                     /* as waitpid() gives it */
	bool is_timed_out;
	char *output;
	size_t output_bytes;
	char *errors;                   /* standard error */
	size_t errors_bytes;
};

/* Run to the end. Aborts the test when no process can be made. */
struct outcome child_run(const struct command *command);

/* Release the texts. */
void outcome_finish(struct outcome *outcome);

/* Did it exit with this status, or die of this signal? Both false after a time-out. */
bool outcome_exited(const struct outcome *outcome, int status);
bool outcome_killed(const struct outcome *outcome, int signal);

/* "exit 3", "signal 6", "timed out". Lives until the next call. */
const char *outcome_text(const struct outcome *outcome);

/* Does `text` contain a match of the extended regular expression? A dot matches no newline. */
bool text_matches(const char *text, const char *expression);

/* How many lines `text` has. */
size_t text_lines(const char *text);

/* Path of the built program `name`. Lives until the next call. */
const char *program_path(const char *name);

/* Path of the shared library under test. */
const char *library_path(void);

/* Is ALLOT_TEST_LONG set, so that full-size inputs are wanted? */
bool is_long_run(void);

#endif
