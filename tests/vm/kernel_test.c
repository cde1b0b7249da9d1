/* SPDX-License-Identifier: MIT */
/*
 * The kernel and the model: every script beside this file, and random ones, come to the same on
 * both, and every rule of the model is needed: without it some script fails.
 *
 * What a script expects is written in it, so that a rule is missed without asking the kernel.
 * ALLOT_TEST_LONG=1 plays 1,000 random scripts of 200 operations.
 */
#include <allot/vm.h>
#include <criterion/criterion.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "long_run.h"
#include "sanitizer.h"

enum {
	TIMEOUT_S = 600,
	TIMEOUT_LONG_S = 3600,
	RANDOM_SCRIPTS = 25,
	RANDOM_SCRIPTS_LONG = 1000,
	/* A sanitizer looks at the code: all rules and views are compared without one. */
	ONE_IN = SUPPORT_IS_SANITIZED ? 8 : 1,
	SCRIPTS_MIN = 60,
	WORDS_BYTES = 64,
	VIEW_ATTEMPTS = 3,
};

static const char *setting(const char *name)
{
	const char *value = getenv(name);
	cr_assert_not_null(value, "%s is not set: run the tests with `meson test`", name);
	return value;
}

static void scripts_find(glob_t *out)
{
	char pattern[PATH_MAX];
	snprintf(pattern, sizeof(pattern), "%s/*.vm", setting("ALLOT_TEST_SCRIPTS"));
	cr_assert_eq(glob(pattern, 0, NULL, out), 0);
	cr_assert_geq(out->gl_pathc, SCRIPTS_MIN);
}

/* Run `allot vm` with these words; its end is in *out. */
static void vm_run(const char *const *words, size_t count, struct capture *out)
{
	const char **arguments = calloc(count + 3, sizeof(*arguments));
	cr_assert_not_null(arguments);
	arguments[0] = setting("ALLOT_TEST_ALLOT");
	arguments[1] = "vm";
	memcpy(arguments + 2, words, count * sizeof(*words));
	cr_assert(capture_run(arguments, is_long_run() ? TIMEOUT_LONG_S : TIMEOUT_S, out));
	free(arguments);
}

static void expect_exit(const char *const *words, size_t count, int status)
{
	struct capture capture;
	char end[WORDS_BYTES];
	vm_run(words, count, &capture);
	cr_expect(capture_exited(&capture, status), "%s\n%s",
		  capture_end(&capture, end, sizeof(end)), capture.output);
	fprintf(stderr, "%s", capture.output);
	capture_finish(&capture);
}

Test(kernel, scripts_come_to_the_same_on_both, .timeout = TIMEOUT_S)
{
	glob_t found;
	scripts_find(&found);
	const char **words = calloc(found.gl_pathc + 1, sizeof(*words));
	words[0] = "diff";
	for (size_t i = 0; i < found.gl_pathc; i++)
		words[i + 1] = found.gl_pathv[i];
	expect_exit(words, found.gl_pathc + 1, 0);
	free(words);
	globfree(&found);
}

Test(kernel, random_scripts_come_to_the_same_on_both, .timeout = TIMEOUT_LONG_S)
{
	char random[WORDS_BYTES];
	snprintf(random, sizeof(random), "%llu,%d",
		 (unsigned long long)test_seed() % UINT32_MAX * RANDOM_SCRIPTS_LONG,
		 is_long_run() ? RANDOM_SCRIPTS_LONG : RANDOM_SCRIPTS);
	expect_exit((const char *const[]){ "diff", "--random", random }, 3, 0);
}

/* Does some script fail, as its status says, without the rule? */
static bool is_missed(const char *rule, const glob_t *found)
{
	for (size_t i = 0; i < found->gl_pathc; i++) {
		const char *words[] = { "run", "--json", "--off", rule, found->gl_pathv[i] };
		struct capture capture;
		vm_run(words, 5, &capture);
		bool has_failed = capture_exited(&capture, 1);
		capture_finish(&capture);
		if (has_failed)
			return true;
	}
	return false;
}

Test(kernel, without_any_one_rule_some_script_fails, .timeout = TIMEOUT_S)
{
	glob_t found;
	scripts_find(&found);
	for (int rule = 0; rule < VM_RULE_COUNT; rule += ONE_IN)
		cr_expect(is_missed(vm_rule_name((enum vm_rule)rule), &found),
			  "no script needs the rule %s", vm_rule_name((enum vm_rule)rule));
	globfree(&found);
}

Test(kernel, with_all_rules_the_model_alone_meets_every_expectation, .timeout = TIMEOUT_S)
{
	glob_t found;
	scripts_find(&found);
	for (size_t i = 0; i < found.gl_pathc; i++)
		expect_exit((const char *const[]){ "run", "--json", found.gl_pathv[i] }, 3, 0);
	globfree(&found);
}

/* Play a script that is given as text; what is said is to contain `said`. */
static void expect_said(const char *text, int status, const char *said)
{
	char path[] = "/tmp/allot-vm-test-XXXXXX";
	struct capture capture;
	int fd = mkstemp(path);
	cr_assert_geq(fd, 0);
	FILE *file = fdopen(fd, "w");
	fputs(text, file);
	fclose(file);
	vm_run((const char *const[]){ "run", path }, 2, &capture);
	remove(path);
	cr_expect(capture_exited(&capture, status), "%s", capture.output);
	cr_expect_not_null(strstr(capture.output, said), "wanted '%s' in: %s", said,
			   capture.output);
	capture_finish(&capture);
}

Test(kernel, a_wrong_line_is_named_with_what_was_expected)
{
	expect_said("map A 4p rw private\nunamp A\n", 4, ":2: expected an operation, not 'unamp' "
							 "(did you mean 'unmap'?)");
	expect_said("map A 4q rw private\n", 4, ":1: expected its size in pages, as 64p");
	expect_said("w B\n", 4, ":1: expected a region");
	expect_said("map A 4p rw private\nw A 3..\n", 4, ":2: expected pages as 3 or 3..10");
	expect_said("map A 4p rw private\nadvise A dontned\n", 4, "(did you mean 'dontneed'?)");
	expect_said("map A 4p rw private now\n", 4, "not 'now'");
	expect_said("c: exit\n", 4, ":1: expected a process that `fork` has made");
	expect_said("map A 4p rw private\nexpect min\n", 4, "an expectation such as min=64");
	expect_said("map A 99999999p rw private\n", 4, "from 0p to");
	expect_said("limit 4096\n", 4, ":1: expected a limit in pages, as 8192p, or none");
	expect_said("swappiness 201\n", 4, "from 0 to 200 are possible");
	expect_said("drop F\n", 4, ":1: expected a file");
	expect_said("map A 4p rw private\nw A random 5\n", 4, "expected a seed");
	expect_said("limit 100p\nexpect killed=c\n", 4, ":2: expected a process");
}

Test(kernel, a_machine_with_few_frames_is_left_to_the_model)
{
	char path[PATH_MAX];
	struct capture capture;
	snprintf(path, sizeof(path), "%s/frames_short.vm", setting("ALLOT_TEST_SCRIPTS"));
	vm_run((const char *const[]){ "diff", path }, 2, &capture);
	cr_expect(capture_exited(&capture, 0), "%s", capture.output);
	cr_expect_not_null(strstr(capture.output, "0 scripts, 0 operations"), "%s",
			   capture.output);
	cr_expect_not_null(strstr(capture.output, "only the model has those"), "%s",
			   capture.output);
	capture_finish(&capture);
}

Test(kernel, an_expectation_that_fails_is_named)
{
	expect_said("map A 4p rw private\nw A\nexpect min=5\n", 1, "line 3 expects min=5, not 4");
	expect_said("map A 4p r private\nw A\nexpect signal=none\n", 1,
		    "expects the signal none, not segv-accerr");
	expect_said("limit 100p\nmap A 200p rw private\nw A\nexpect killed=none\n", 1,
		    "line 4 expects killed=none, not main");
}

/* Refused, because a script with limits cannot be compared line by line. */
static bool is_limited(const struct capture *capture)
{
	return capture_exited(capture, 2) && strstr(capture->output, "without limits") != NULL;
}

/* Again when it differs: the kernel may be disturbed, a page being written back for instance. */
static void expect_view_agrees(const char *view, const char *path)
{
	struct capture capture;
	const char *words[] = { view, "--kernel", path };
	for (int attempt = 0; attempt < VIEW_ATTEMPTS; attempt++) {
		vm_run(words, 3, &capture);
		bool agrees = capture_exited(&capture, 0) || is_limited(&capture);
		if (!agrees && attempt == VIEW_ATTEMPTS - 1)
			cr_expect(agrees, "%s of %s: %s", view, path, capture.output);
		capture_finish(&capture);
		if (agrees)
			return;
	}
}

Test(kernel, views_are_the_kernels_line_by_line, .timeout = TIMEOUT_S)
{
	static const char *const views[] = { "maps", "smaps", "status", "pagemap" };
	glob_t found;
	scripts_find(&found);
	for (size_t view = 0; view < 4; view++)
		for (size_t i = view; i < found.gl_pathc; i += ONE_IN)
			expect_view_agrees(views[view], found.gl_pathv[i]);
	globfree(&found);
}

/* Of a child that is there at the end; one that was locked by its parent is referenced for that. */
Test(kernel, so_are_those_of_children, .timeout = TIMEOUT_S)
{
	glob_t found;
	size_t there = 0;
	scripts_find(&found);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const char *path = found.gl_pathv[i];
		const char *words[] = { "smaps", "--kernel", "--process", "c", path };
		struct capture capture;
		if (strstr(path, "fork_locked") != NULL)
			continue;
		vm_run(words, 5, &capture);
		bool agrees = capture_exited(&capture, 0);
		cr_expect(agrees || capture_exited(&capture, 2), "%s: %s", path, capture.output);
		there += agrees;
		capture_finish(&capture);
	}
	cr_expect_gt(there, 3);
	globfree(&found);
}

Test(kernel, the_running_kernel_can_be_measured)
{
	struct capture capture;
	vm_run((const char *const[]){ "probe" }, 1, &capture);
	cr_expect(capture_exited(&capture, 0), "%s", capture.output);
	cr_expect_not_null(strstr(capture.output, "\"fault_around_pages\": "), "%s",
			   capture.output);
	capture_finish(&capture);
}

/* Run a script by a profile that is given as text; what is said is to contain `said`. */
static void expect_profile(const char *text, int status, const char *said)
{
	static const char script[] = "map A 4p rw private\nw A\nexpect min=4\n";
	char path[] = "/tmp/allot-vm-test-XXXXXX", script_path[] = "/tmp/allot-vm-test-XXXXXX";
	struct capture capture;
	FILE *file = fdopen(mkstemp(path), "w"), *script_file = fdopen(mkstemp(script_path), "w");
	fputs(text, file);
	fputs(script, script_file);
	fclose(file);
	fclose(script_file);
	vm_run((const char *const[]){ "run", "--profile", path, script_path }, 4, &capture);
	remove(path);
	remove(script_path);
	cr_expect(capture_exited(&capture, status), "%s", capture.output);
	cr_expect_not_null(strstr(capture.output, said), "wanted '%s' in: %s", said,
			   capture.output);
	capture_finish(&capture);
}

Test(kernel, what_was_measured_can_be_read_back)
{
	struct capture capture;
	vm_run((const char *const[]){ "probe" }, 1, &capture);
	expect_profile(capture.output, 0, "model of measured");
	char *around = strstr(capture.output, "\"fault_around_pages\": ");
	cr_assert_not_null(around);
	memcpy(around, "\"fault_around_pages\":3", 22);
	expect_profile(capture.output, 4, "expected a power of two from 1 to 512");
	around[0] = '\0';
	expect_profile(capture.output, 4, "expected the name of a member");
	expect_profile("{\"schema\": \"allot.vm.profile/2\"}", 4,
		       "at byte 11 expected \"allot.vm.profile/1\"");
	expect_profile("", 4, "at byte 0 expected {");
	capture_finish(&capture);
}
