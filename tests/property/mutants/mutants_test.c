/* SPDX-License-Identifier: MIT */
/*
 * Mutants: a library with one fault put in must be found out by the property run, which says what
 * is wrong; without the fault the same run must pass. A test that cannot fail proves nothing.
 */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "capture.h"

enum { PATH_BYTES = 4096, ARGUMENTS_MAX = 12, TIMEOUT_S = 60 };

/* A mutant, and the run it must fail in. */
struct mutant {
	const char *name;
	const char *arguments[ARGUMENTS_MAX - 2];
};

static const struct mutant mutants[] = {
	{"merge_with_next_skipped", {"--strategy", "explicit"}},
	{"merge_with_previous_skipped", {"--strategy", "explicit"}},
	{"footer_wrong", {"--strategy", "explicit"}},
	{"split_remainder_lost", {"--strategy", "explicit"}},
	{"prev_used_not_set", {"--strategy", "explicit"}},
	{"unlink_forgets_back_link", {"--strategy", "explicit"}},
	{"address_order_reversed", {"--strategy", "explicit", "--order", "address"}},
	{"bitmap_bit_not_cleared", {"--strategy", "segregated"}},
	{"quick_list_not_counted", {"--strategy", "segregated", "--coalesce", "deferred"}},
	{"floor_not_lowered", {"--strategy", "implicit"}},
	{"card_note_not_raised", {"--strategy", "implicit"}},
	{"slack_off_by_one", {"--strategy", "implicit"}},
	{"partner_wrong", {"--strategy", "buddy"}},
	{"merged_entry_kept", {"--strategy", "buddy"}},
	{"state_not_cleared", {"--strategy", "simple"}},
	{"granule_not_claimed", {"--strategy", "segregated"}},
	{"zeroed_block_not_zero", {"--strategy", "segregated"}},
	{"seam_taken_for_zeros", {"--strategy", "explicit", "--source", "mmap", "--heap", "big"}},
	{"links_taken_for_zeros", {"--strategy", "explicit", "--source", "mmap", "--heap", "big"}},
	{"resize_copies_too_little", {"--strategy", "segregated"}},
};
enum { MUTANT_COUNT = sizeof(mutants) / sizeof(mutants[0]) };

static struct criterion_test_params every_mutant(void)
{
	static size_t indices[MUTANT_COUNT];
	for (size_t i = 0; i < MUTANT_COUNT; i++)
		indices[i] = i;
	return cr_make_param_array(size_t, indices, MUTANT_COUNT);
}

static void run(const char *program, const struct mutant *mutant, struct capture *out)
{
	const char *arguments[ARGUMENTS_MAX] = {program};
	memcpy(arguments + 1, mutant->arguments, sizeof(mutant->arguments));
	cr_assert(capture_run(arguments, TIMEOUT_S, out), "%s cannot be run", program);
}

/* By the driver's own verdict, or by an assertion of the library: with words, in any case. */
static bool is_found_out(const struct capture *capture)
{
	if (capture_exited(capture, 1))
		return strstr(capture->output, "property: FAILED: ") != NULL;
	return WIFSIGNALED(capture->status) && WTERMSIG(capture->status) == SIGABRT &&
	       strstr(capture->output, "Assertion") != NULL;
}

ParameterizedTestParameters(mutants, every_mutant_is_found_out)
{
	return every_mutant();
}

ParameterizedTest(size_t *index, mutants, every_mutant_is_found_out)
{
	const struct mutant *mutant = &mutants[*index];
	char path[PATH_BYTES], end[64];
	struct capture capture;
	const char *folder = getenv("ALLOT_TEST_MUTANTS");
	cr_assert_not_null(folder, "ALLOT_TEST_MUTANTS names the folder of the mutants");
	snprintf(path, sizeof(path), "%s/mutant_%s", folder, mutant->name);
	run(path, mutant, &capture);
	cr_expect(is_found_out(&capture), "%s was not found out: %s\n%s", mutant->name,
		  capture_end(&capture, end, sizeof(end)), capture.output);
	fprintf(stderr, "%s: %s", mutant->name, strchr(capture.output, '\n') + 1);
	capture_finish(&capture);
}

ParameterizedTestParameters(mutants, without_the_fault_the_run_passes)
{
	return every_mutant();
}

ParameterizedTest(size_t *index, mutants, without_the_fault_the_run_passes)
{
	const struct mutant *mutant = &mutants[*index];
	char end[64];
	struct capture capture;
	const char *path = getenv("ALLOT_TEST_PROPERTY");
	cr_assert_not_null(path, "ALLOT_TEST_PROPERTY names the driver");
	run(path, mutant, &capture);
	cr_expect(capture_exited(&capture, 0), "%s\n%s", capture_end(&capture, end, sizeof(end)),
		  capture.output);
	capture_finish(&capture);
}
