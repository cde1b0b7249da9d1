/* SPDX-License-Identifier: MIT */
/*
 * allot-workload keeps what its users rely on: the list, the lines of a run, checksums that depend
 * on the work alone, and what it says about mistakes.
 *
 * The paths of the program and of the library to preload come from the environment, as the build
 * knows them. Runs are short ones.
 */
#include <criterion/criterion.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum {
	COMMAND_BYTES = 4096,
	OUTPUT_BYTES = 64 * 1024,
	NAME_BYTES = 64,
	LINE_COUNT_MAX = 128,
	STATUS_USAGE = 2,
};

/* A line of the list. */
struct line {
	char name[NAME_BYTES];
	char family[NAME_BYTES];
	unsigned int thread_count;
	char description[COMMAND_BYTES];
};

/* What the program printed, with standard error in it, and its exit status; -1 for none. */
struct outcome {
	char output[OUTPUT_BYTES];
	int status;
};

/* Run the program; `environment` stands before it, such as "NAME=VALUE". */
static void workload_run(struct outcome *outcome, const char *environment, const char *options,
			 const char *name)
{
	char command[COMMAND_BYTES];
	const char *program = getenv("ALLOT_WORKLOAD");
	cr_assert_not_null(program, "ALLOT_WORKLOAD names no program");
	snprintf(command, sizeof(command), "%s '%s' %s %s 2>&1", environment, program, options,
		 name);
	FILE *pipe = popen(command, "r");
	cr_assert_not_null(pipe);
	size_t read_bytes = fread(outcome->output, 1, sizeof(outcome->output) - 1, pipe);
	outcome->output[read_bytes] = '\0';
	int status = pclose(pipe);
	outcome->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Read the list; returns the number of its lines, each of which must have four fields. */
static size_t list_read(struct line *lines)
{
	static struct outcome outcome;
	size_t count = 0;
	workload_run(&outcome, "", "--list", "");
	cr_assert_eq(outcome.status, 0, "status %d", outcome.status);
	char *rest = outcome.output;
	for (char *text; (text = strtok_r(rest, "\n", &rest)) != NULL; count++) {
		struct line *line = &lines[count];
		int end = 0;
		cr_assert_lt(count, LINE_COUNT_MAX);
		int fields = sscanf(text, "%63[^\t]\t%63[^\t]\t%u\t%4000[^\t]%n", line->name,
				    line->family, &line->thread_count, line->description, &end);
		cr_assert_eq(fields, 4, "not a line of the list: %s", text);
		cr_assert_eq(text[end], '\0', "more behind it: %s", text);
	}
	return count;
}

/* The value behind `key` in what a run printed, which must be there. */
static const char *value_find(const struct outcome *outcome, const char *key)
{
	size_t length = strlen(key);
	for (const char *line = outcome->output; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, length) == 0 && line[length] == ' ')
			return line + length + 1;
	}
	cr_assert_fail("no %s in: %s", key, outcome->output);
	return NULL;
}

/* Run a workload, a hundredth of the usual work, and return its checksum. */
static unsigned long long checksum_of(const char *environment, const char *options,
				      const char *name)
{
	static struct outcome outcome;
	char scaled[COMMAND_BYTES];
	snprintf(scaled, sizeof(scaled), "--scale 0.01 %s", options);
	workload_run(&outcome, environment, scaled, name);
	cr_assert_eq(outcome.status, 0, "%s %s: status %d: %s", options, name, outcome.status,
		     outcome.output);
	cr_assert_gt(strtoull(value_find(&outcome, "operations"), NULL, 10), 0);
	cr_assert_gt(strtod(value_find(&outcome, "seconds"), NULL), 0);
	return strtoull(value_find(&outcome, "checksum"), NULL, 16);
}

/* A run of the workload has this checksum. */
static void checksum_check(unsigned long long expected, const char *environment,
			   const char *options, const char *name)
{
	unsigned long long checksum = checksum_of(environment, options, name);
	cr_expect_eq(checksum, expected, "%s: %016llx, but %016llx with '%s %s'", name, expected,
		     checksum, environment, options);
}

Test(workload, list_has_names_families_threads_and_descriptions)
{
	static struct line lines[LINE_COUNT_MAX];
	size_t count = list_read(lines);
	cr_assert_gt(count, 0);
	for (size_t i = 0; i < count; i++) {
		bool is_micro = strcmp(lines[i].family, "micro") == 0;
		bool is_own = strcmp(lines[i].family, "own") == 0;
		cr_expect(is_micro || is_own, "%s: family %s", lines[i].name, lines[i].family);
		cr_expect_gt(lines[i].thread_count, 0, "%s has no thread", lines[i].name);
		for (size_t other = 0; other < i; other++)
			cr_expect_str_neq(lines[i].name, lines[other].name);
	}
}

Test(workload, checksums_depend_on_the_work_alone)
{
	static struct line lines[LINE_COUNT_MAX];
	char preload[COMMAND_BYTES];
	const char *library = getenv("ALLOT_LIBRARY");
	cr_assert_not_null(library, "ALLOT_LIBRARY names no library");
	snprintf(preload, sizeof(preload), "LD_PRELOAD='%s'", library);
	size_t count = list_read(lines);
	for (size_t i = 0; i < count; i++) {
		char threads[NAME_BYTES];
		unsigned long long checksum = checksum_of("", "", lines[i].name);
		snprintf(threads, sizeof(threads), "--threads %u", lines[i].thread_count);
		checksum_check(checksum, "", threads, lines[i].name);
		checksum_check(checksum, preload, "", lines[i].name);
		if (strcmp(lines[i].family, "micro") == 0)
			checksum_check(checksum, "", "--floor", lines[i].name);
	}
}

Test(workload, other_numbers_of_threads_work_where_they_make_sense)
{
	static struct line lines[LINE_COUNT_MAX];
	static struct outcome outcome;
	size_t count = list_read(lines);
	for (size_t i = 0; i < count; i++) {
		workload_run(&outcome, "", "--scale 0.001 --threads 4", lines[i].name);
		if (outcome.status != STATUS_USAGE) {
			cr_expect_eq(outcome.status, 0, "%s: %d", lines[i].name, outcome.status);
			continue;
		}
		cr_expect_not_null(strstr(outcome.output, "not with 4 threads"), "%s: %s",
				   lines[i].name, outcome.output);
	}
}

Test(workload, floor_is_for_micro_alone)
{
	static struct line lines[LINE_COUNT_MAX];
	static struct outcome outcome;
	size_t count = list_read(lines);
	for (size_t i = 0; i < count; i++) {
		if (strcmp(lines[i].family, "micro") == 0)
			continue;
		workload_run(&outcome, "", "--floor", lines[i].name);
		cr_expect_eq(outcome.status, STATUS_USAGE, "%s: %d", lines[i].name,
			     outcome.status);
	}
}

Test(workload, work_grows_with_the_scale)
{
	static struct outcome outcome;
	workload_run(&outcome, "", "--scale 0.001", "pair-64");
	unsigned long long count = strtoull(value_find(&outcome, "operations"), NULL, 10);
	workload_run(&outcome, "", "--scale 0.01", "pair-64");
	cr_assert_eq(strtoull(value_find(&outcome, "operations"), NULL, 10), 10 * count);
}

Test(workload, latency_has_quantiles_in_order)
{
	static struct outcome outcome;
	static const char *const keys[] = {"p50_ns", "p99_ns", "p9999_ns", "max_ns"};
	unsigned long long last = 0;
	workload_run(&outcome, "", "--scale 0.01", "latency");
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		unsigned long long value = strtoull(value_find(&outcome, keys[i]), NULL, 10);
		cr_expect_geq(value, last, "%s is %llu, after %llu", keys[i], value, last);
		last = value;
	}
	cr_expect_gt(last, 0);
}

Test(workload, an_unknown_name_is_answered_with_the_nearest)
{
	static struct outcome outcome;
	workload_run(&outcome, "", "", "sever");
	cr_expect_eq(outcome.status, STATUS_USAGE, "status %d", outcome.status);
	cr_expect_str_eq(outcome.output, "allot-workload: no workload 'sever'; nearest: server\n");
}

Test(workload, several_nearest_names_are_all_given)
{
	static struct outcome outcome;
	workload_run(&outcome, "", "", "pair-");
	cr_expect_eq(outcome.status, STATUS_USAGE, "status %d", outcome.status);
	cr_expect_not_null(strstr(outcome.output, "pair-16, pair-64"), "%s", outcome.output);
}

Test(workload, mistakes_in_options_are_refused)
{
	static struct outcome outcome;
	static const char *const mistakes[] = {
		"",
		"pair-16 pair-64",
		"--list pair-16",
		"--no-such-option pair-16",
		"--scale 0 pair-16",
		"--scale -1 pair-16",
		"--scale nan pair-16",
		"--scale 1x pair-16",
		"--threads 0 pair-16",
		"--threads 1000 pair-16",
		"--threads -1 pair-16",
		"--threads 2 fork",
		"--threads 3 producer-consumer",
	};
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		workload_run(&outcome, "", mistakes[i], "");
		cr_expect_eq(outcome.status, STATUS_USAGE, "'%s': status %d", mistakes[i],
			     outcome.status);
		cr_expect_str_neq(outcome.output, "", "'%s': nothing said", mistakes[i]);
	}
}
