/* SPDX-License-Identifier: MIT */
/*
 * Runs: a program under the library in one heap or in all of them, for the tests of this folder.
 *
 * The programs stand beside the tests and say on stderr which of their claims broke; a program
 * without complaints exits with 0 and writes nothing there, and neither does the library.
 */
#ifndef TESTS_PRELOAD_RUNS_H
#define TESTS_PRELOAD_RUNS_H

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "child.h"

enum {
	RUN_TIMEOUT_S = 90,
	TEST_TIMEOUT_S = RUN_TIMEOUT_S + 10,
	STATUS_SKIPPED = 77, /* of a program: what the claim needs is not here */
};

/* Every heap, as the parameter of a test: size_t, 0 to HEAP_COUNT - 1. */
struct criterion_test_params every_heap(void);

/* The few of heap_of_few(): where the heap matters less than the time. */
struct criterion_test_params every_strategy(void);

/* The former in a long run, the latter in others. */
struct criterion_test_params every_heap_or_strategy(void);

/* Run a program under the library; the first word is its name, the others are its arguments. */
struct outcome run_preloaded(const char *const *words, const char *conf);

/* The program finds nothing to complain about, and the library says nothing. */
void expect_claims_hold(const char *const *words, const char *conf);

/* Run a tool, which has to succeed, and return what it said. */
struct outcome ask(const char *const *arguments);

/* A test that runs a program with its arguments under the heaps that `heaps` gives. */
#define RUNS(heaps, suite, name, ...)                                                             \
	ParameterizedTestParameters(suite, name) { return heaps(); }                              \
	ParameterizedTest(size_t *heap, suite, name, .timeout = TEST_TIMEOUT_S)                    \
	{                                                                                         \
		expect_claims_hold((const char *[]){__VA_ARGS__, NULL}, heap_conf(*heap, NULL));  \
	}

#endif
