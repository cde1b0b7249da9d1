/* SPDX-License-Identifier: MIT */
/*
 * Limits: what is left when the system says no, and a break that is shared; see limits.c and brk.c.
 */
#include "runs.h"

#include <unistd.h>

ParameterizedTestParameters(brk, program_and_heap_share_the_break)
{
	return every_heap();
}

ParameterizedTest(size_t *heap, brk, program_and_heap_share_the_break, .timeout = TEST_TIMEOUT_S)
{
	expect_claims_hold((const char *[]){"brk", heap_source(*heap), NULL},
			   heap_conf(*heap, NULL));
}

RUNS(every_heap_or_strategy, limits, heap_lives_in_64_mib_of_addresses, "limits", "address_space")
RUNS(every_heap_or_strategy, limits, threads_live_in_64_mib_of_addresses, "limits", "threads")
RUNS(every_heap_or_strategy, limits, threads_live_where_there_are_too_few_thread_heaps,
     "limits", "crowd")
RUNS(every_heap_or_strategy, limits, heap_lives_in_32_mib_of_data, "limits", "data")
RUNS(every_heap_or_strategy, limits, heap_lives_when_no_mapping_is_left, "limits", "mappings")
RUNS(every_heap_or_strategy, limits, heap_lives_with_little_lockable_memory,
     "limits", "little_locked")
RUNS(every_heap_or_strategy, limits, heap_lives_with_all_memory_locked, "limits", "all_locked")
RUNS(every_heap_or_strategy, limits, heap_lives_in_a_sandbox, "limits", "sandbox")

/* Changes a setting of the whole machine for about a second a heap: only when asked for. */
ParameterizedTestParameters(limits, heap_lives_without_overcommit)
{
	return every_heap();
}

ParameterizedTest(size_t *heap, limits, heap_lives_without_overcommit, .timeout = TEST_TIMEOUT_S)
{
	if (!is_long_run() || getuid() != 0)
		cr_skip_test("needs root and ALLOT_TEST_LONG=1: sets vm.overcommit_memory to 2");
	expect_claims_hold((const char *[]){"limits", "overcommit", NULL},
			   heap_conf(*heap, NULL));
}
