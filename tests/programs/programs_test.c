/* SPDX-License-Identifier: MIT */
/*
 * Programs: real ones do under every heap what they do without the library, to the byte.
 *
 * A program is a script beside this file (see common.sh) that prints what it computed; the build
 * runs this runner once for each, see the table in meson.build. Before the tests the script runs
 * without the library: that is the reference. Then it runs under each strategy on each source of
 * pages, every process of it preloaded, and standard output, standard error and the status have
 * to be the same. A difference is shown as a diff.
 *
 * Environment, besides that of child.h: ALLOT_TEST_SCRIPTS is the folder of the scripts and
 * ALLOT_TEST_SCRIPT the name of one. Inputs are small, or full with ALLOT_TEST_LONG=1; then the
 * implicit strategy, whose every search walks the heap, gets those of ALLOT_TEST_IMPLICIT_SIZE.
 */
#include "child.h"

#include <criterion/criterion.h>
#include <criterion/hooks.h>
#include <criterion/parameterized.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	TIMEOUT_S = 120,       /* of one run */
	TIMEOUT_LONG_S = 3600,
	STATUS_SKIPPED = 77,   /* of a script: a tool it needs isn't installed */
	DIFF_BYTES_MAX = 6000,
};

/* The folder of this run, made by the runner before the tests and known to them by name. */
static const char work_name[] = "ALLOT_TEST_WORK";

static const char *setting(const char *name)
{
	const char *value = getenv(name);
	cr_assert(value != NULL, "%s is not set: run the tests with `meson test`", name);
	return value;
}

static const char *input_size(size_t heap)
{
	if (!is_long_run())
		return "small";
	bool is_implicit = strcmp(heap_strategy(heap), "implicit") == 0;
	return is_implicit ? setting("ALLOT_TEST_IMPLICIT_SIZE") : "full";
}

/* Run the script in a new folder, which is gone afterwards. */
static struct outcome script_run(const char *size, const char *folder, const char *conf)
{
	char script[PATH_MAX];
	char scripts_word[PATH_MAX];
	char size_word[32];
	char home_word[PATH_MAX];
	const char *scripts = setting("ALLOT_TEST_SCRIPTS");
	snprintf(script, sizeof script, "%s/%s.sh", scripts, setting("ALLOT_TEST_SCRIPT"));
	snprintf(scripts_word, sizeof scripts_word, "SCRIPTS=%s", scripts);
	snprintf(size_word, sizeof size_word, "SIZE=%s", size);
	snprintf(home_word, sizeof home_word, "HOME=%s", folder);
	cr_assert(mkdir(folder, 0777) == 0, "%s cannot be made", folder);
	struct command command = {
		.arguments = (const char *[]){"sh", "-eu", script, NULL},
		.environment = (const char *[]){
			size_word, scripts_word, home_word, "PATH=/usr/local/bin:/usr/bin:/bin",
			"LC_ALL=C.UTF-8", "TZ=UTC", "PYTHONMALLOC=malloc", "PYTHONHASHSEED=0",
			"PERL_HASH_SEED=0", "GIT_CONFIG_NOSYSTEM=1", "MALLOC_PERTURB_=0", NULL,
		},
		.conf = conf,
		.directory = folder,
		.is_preloaded = conf != NULL,
		.timeout_s = is_long_run() ? TIMEOUT_LONG_S : TIMEOUT_S,
	};
	struct outcome outcome = child_run(&command);
	struct command removal = {
		.arguments = (const char *[]){"rm", "-rf", folder, NULL},
		.timeout_s = TIMEOUT_S,
	};
	struct outcome removed = child_run(&removal);
	outcome_finish(&removed);
	return outcome;
}

/* ---- the reference -------------------------------------------------------------------------- */

/* What a run left behind, as one text: so one diff tells all. */
static void outcome_write(const struct outcome *outcome, const char *path)
{
	FILE *file = fopen(path, "w");
	cr_assert(file != NULL, "%s cannot be written", path);
	fwrite(outcome->output, 1, outcome->output_bytes, file);
	fprintf(file, "---- standard error\n");
	fwrite(outcome->errors, 1, outcome->errors_bytes, file);
	fprintf(file, "---- ended by %s\n", outcome_text(outcome));
	fclose(file);
}

static void reference_path(char *out_path, size_t path_bytes, const char *size)
{
	snprintf(out_path, path_bytes, "%s/reference-%s", getenv(work_name), size);
}

static void reference_make(const char *size)
{
	char path[PATH_MAX];
	char folder[PATH_MAX];
	reference_path(path, sizeof path, size);
	if (access(path, F_OK) == 0)
		return;
	snprintf(folder, sizeof folder, "%s/without", getenv(work_name));
	struct outcome outcome = script_run(size, folder, NULL);
	outcome_write(&outcome, path);
	outcome_finish(&outcome);
}

ReportHook(PRE_ALL)(struct criterion_test_set *tests)
{
	(void)tests;
	static char work[PATH_MAX];
	const char *temporary = getenv("TMPDIR");
	snprintf(work, sizeof work, "%s/allot-programs-XXXXXX",
		 temporary == NULL ? "/tmp" : temporary);
	if (mkdtemp(work) == NULL) {
		perror(work);
		exit(1);
	}
	setenv(work_name, work, 1);
	for (size_t heap = 0; heap < HEAP_COUNT; heap++)
		reference_make(input_size(heap));
}

ReportHook(POST_ALL)(struct criterion_global_stats *stats)
{
	(void)stats;
	struct command removal = {
		.arguments = (const char *[]){"rm", "-rf", getenv(work_name), NULL},
		.timeout_s = TIMEOUT_S,
	};
	struct outcome removed = child_run(&removal);
	outcome_finish(&removed);
}

/* ---- the tests ------------------------------------------------------------------------------ */

/* The status a reference ended with, -1 when it did not exit; `out_line` gets its first line. */
static int reference_status(const char *path, char *out_line, size_t line_bytes)
{
	char line[4096];
	int status = -1;
	FILE *file = fopen(path, "r");
	cr_assert(file != NULL, "%s is not there", path);
	out_line[0] = 0;
	for (bool is_first = true; fgets(line, sizeof line, file) != NULL; is_first = false) {
		if (is_first)
			snprintf(out_line, line_bytes, "%.*s", (int)strcspn(line, "\n"), line);
		sscanf(line, "---- ended by exit %d", &status);
	}
	fclose(file);
	return status;
}

static void expect_same(const char *reference, const char *path, const char *conf,
			const char *size)
{
	struct command command = {
		.arguments = (const char *[]){"diff", "-a", "-u", "--label", "without the library",
					      "--label", conf, reference, path, NULL},
		.timeout_s = TIMEOUT_S,
	};
	struct outcome difference = child_run(&command);
	cr_expect(outcome_exited(&difference, 0), "%s, %s, %s input:\n%.*s",
		  setting("ALLOT_TEST_SCRIPT"), conf, size, DIFF_BYTES_MAX, difference.output);
	outcome_finish(&difference);
}

ParameterizedTestParameters(programs, output_is_the_same_as_without)
{
	static size_t heaps[HEAP_COUNT];
	size_t count = is_long_run() ? HEAP_COUNT : HEAPS_FEW;
	for (size_t i = 0; i < count; i++)
		heaps[i] = is_long_run() ? i : heap_of_few(i);
	return cr_make_param_array(size_t, heaps, count);
}

ParameterizedTest(size_t *heap, programs, output_is_the_same_as_without,
		  .timeout = TIMEOUT_LONG_S + 60)
{
	char reference[PATH_MAX];
	char path[PATH_MAX];
	char folder[PATH_MAX];
	char line[256];
	const char *size = input_size(*heap);
	const char *conf = heap_conf(*heap, NULL);
	reference_path(reference, sizeof reference, size);
	int status = reference_status(reference, line, sizeof line);
	if (status == STATUS_SKIPPED)
		cr_skip_test("%s", line);
	cr_assert_eq(status, 0, "%s fails without the library", setting("ALLOT_TEST_SCRIPT"));

	snprintf(folder, sizeof folder, "%s/heap-%zu", getenv(work_name), *heap);
	snprintf(path, sizeof path, "%s/outcome-%zu", getenv(work_name), *heap);
	struct outcome outcome = script_run(size, folder, conf);
	outcome_write(&outcome, path);
	outcome_finish(&outcome);
	expect_same(reference, path, conf, size);
}
