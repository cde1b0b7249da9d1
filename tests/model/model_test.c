/* SPDX-License-Identifier: MIT */
/*
 * The models hold, and each fault that can be seeded into one is found by checking it: a check
 * that finds nothing in a broken model proves nothing about a whole one.
 */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"

enum { TIMEOUT_S = 120 };

static const char *const faults[] = {
	"QUEUED_STAYS",    /* a drain forgets to clear QUEUED */
	"CLAIM_UNCHECKED", /* a detached slab is claimed by two stores */
	"HOME_BEFORE",     /* the home is read before the word is changed */
	"DETACH_QUEUED",   /* a slab is detached with a chain in its word */
	"LEAVE_UNLOCKED",  /* a slab is listed without the lock */
	"NOTE_READ_LATE",  /* the owner reads the note after it took the chain */
	"NOTE_WRITTEN_LATE", /* the slab is pushed before its note is written */
};
enum { FAULTS = sizeof(faults) / sizeof(faults[0]) };

static void check(const char *fault, struct capture *capture)
{
	char path[4096];
	const char *script = getenv("ALLOT_TEST_MODEL");
	const char *folder = getenv("ALLOT_TEST_MODELS");
	cr_assert(script != NULL && folder != NULL, "run by meson test");
	snprintf(path, sizeof(path), "%s/slab.pml", folder);
	cr_assert(capture_run((const char *[]){"/bin/sh", script, path, fault, NULL}, TIMEOUT_S,
			      capture));
}

Test(model, every_interleaving_is_right, .timeout = TIMEOUT_S)
{
	struct capture capture;
	check("NONE", &capture);
	cr_expect(strstr(capture.output, "errors: 0") != NULL &&
			  strstr(capture.output, "max search depth too small") == NULL,
		  "%s", capture.output);
	capture_finish(&capture);
}

ParameterizedTestParameters(model, a_seeded_fault_is_found)
{
	static size_t indices[FAULTS];
	for (size_t i = 0; i < FAULTS; i++)
		indices[i] = i;
	return cr_make_param_array(size_t, indices, FAULTS);
}

ParameterizedTest(size_t *index, model, a_seeded_fault_is_found, .timeout = TIMEOUT_S)
{
	struct capture capture;
	const char *fault = faults[*index];
	check(fault, &capture);
	cr_expect(strstr(capture.output, "errors: ") != NULL &&
			  strstr(capture.output, "errors: 0") == NULL,
		  "%s: %s", fault, capture.output);
	capture_finish(&capture);
}
