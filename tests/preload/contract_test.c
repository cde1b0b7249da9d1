/* SPDX-License-Identifier: MIT */
/*
 * Contract: the rules of the malloc family and of operators new and delete, under every heap; see
 * contract.c, cxx.cc and dlopen_cxx.c.
 */
#include "runs.h"

#include <stdio.h>

EVERY_HEAP(contract, every_c_name_keeps_its_rules, "contract")
EVERY_HEAP(contract, every_operator_keeps_its_rules, "cxx")

ParameterizedTestParameters(contract, rules_hold_without_the_front)
{
	return every_heap();
}

ParameterizedTest(size_t *heap, contract, rules_hold_without_the_front, .timeout = TEST_TIMEOUT_S)
{
	expect_claims_hold((const char *[]){"contract", NULL}, heap_conf(*heap, "front:off"));
}

Test(contract, rules_hold_with_deferred_coalescing, .timeout = 3 * TEST_TIMEOUT_S)
{
	static const char *const confs[] = {
		"strategy:implicit,front:off,coalesce:deferred",
		"strategy:explicit,front:off,coalesce:deferred,order:address",
		"strategy:segregated,front:off,coalesce:deferred",
	};
	for (size_t i = 0; i < sizeof confs / sizeof confs[0]; i++)
		expect_claims_hold((const char *[]){"contract", NULL}, confs[i]);
}

Test(contract, a_library_in_cxx_works_in_a_program_in_c, .timeout = TEST_TIMEOUT_S)
{
	char plugin[4096];
	snprintf(plugin, sizeof plugin, "%s", program_path("plugin_cxx.so"));
	expect_claims_hold((const char *[]){"dlopen_cxx", plugin, NULL}, NULL);
}
