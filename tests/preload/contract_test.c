/* SPDX-License-Identifier: MIT */
/*
 * Contract: the rules of the malloc family and of operators new and delete, under every heap; see
 * allocate.c, resize.c, release.c, cxx.cc and dlopen_cxx.c.
 */
#include "runs.h"

#include <stdio.h>

RUNS(every_heap, contract, every_function_that_allocates_keeps_its_rules, "allocate")
RUNS(every_heap, contract, every_function_that_resizes_keeps_its_rules, "resize")
RUNS(every_heap, contract, every_function_that_frees_or_asks_keeps_its_rules, "release")
RUNS(every_heap, contract, every_operator_keeps_its_rules, "cxx")

static void expect_contract_holds(const char *conf)
{
	static const char *const programs[] = {"allocate", "resize", "release", "cxx"};
	for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++)
		expect_claims_hold((const char *[]){programs[i], NULL}, conf);
}

Test(contract, rules_hold_with_deferred_coalescing, .timeout = 4 * TEST_TIMEOUT_S)
{
	expect_contract_holds("strategy:implicit,front:off,coalesce:deferred");
	expect_contract_holds("strategy:explicit,front:off,coalesce:deferred,order:address");
	expect_contract_holds("strategy:segregated,front:off,coalesce:deferred");
}

Test(contract, a_library_in_cxx_works_in_a_program_in_c, .timeout = TEST_TIMEOUT_S)
{
	char plugin[4096];
	snprintf(plugin, sizeof plugin, "%s", program_path("plugin_cxx.so"));
	expect_claims_hold((const char *[]){"dlopen_cxx", plugin, NULL}, NULL);
}
