/* SPDX-License-Identifier: MIT */
/*
 * The benchmark of the strategies runs: a short run succeeds and has a row for each of them.
 *
 * What the figures are is nobody's claim here. The program's path comes from the environment, as
 * the build knows it.
 */
#include <allot/allot.h>

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum {
	COMMAND_BYTES = 4096,
	OUTPUT_BYTES = 256 * 1024,
};

/* Run the benchmark with `arguments`, keep what it prints, and return its status, -1 for none. */
static int strategies_run(const char *arguments, char *output, size_t output_bytes)
{
	char command[COMMAND_BYTES];
	const char *program = getenv("ALLOT_BENCH_STRATEGIES");
	cr_assert_not_null(program, "ALLOT_BENCH_STRATEGIES names no program");
	snprintf(command, sizeof(command), "'%s' %s 2>/dev/null", program, arguments);
	FILE *pipe = popen(command, "r");
	cr_assert_not_null(pipe);
	size_t read_bytes = fread(output, 1, output_bytes - 1, pipe);
	output[read_bytes] = '\0';
	int status = pclose(pipe);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The line that starts with `what`, "/" and `name`, then "." or "/"; NULL when there is none. */
static const char *row_find(const char *output, const char *what, const char *name)
{
	char start[COMMAND_BYTES];
	snprintf(start, sizeof(start), "%s/%s", what, name);
	size_t length = strlen(start);
	for (const char *line = output; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, start, length) == 0 && strchr("./ ", line[length]) != NULL)
			return line;
	}
	return NULL;
}

static bool row_is_measured(const char *row)
{
	const char *end = strchr(row, '\n');
	const char *not_run = strstr(row, "not run:");
	return strstr(row, "items_per_second=") != NULL &&
	       (not_run == NULL || (end != NULL && not_run > end));
}

/* Every strategy, and the C library beside it, has a measured row of `what`. */
static void rows_check(const char *output, const char *what)
{
	struct allot_strategy strategy;
	for (size_t i = 0; i < allot_strategy_count(); i++) {
		cr_assert(allot_strategy_get(i, &strategy));
		const char *row = row_find(output, what, strategy.name);
		cr_assert_not_null(row, "no row %s/%s", what, strategy.name);
		cr_assert(row_is_measured(row), "%s/%s was not run", what, strategy.name);
	}
	cr_assert_not_null(row_find(output, what, "allot"), "no row %s/allot", what);
	cr_assert_not_null(row_find(output, what, "glibc"), "no row %s/glibc", what);
	cr_assert_not_null(row_find(output, what, "jemalloc"), "no row %s/jemalloc", what);
}

Test(bench_smoke, strategies_measure_every_strategy)
{
	static char output[OUTPUT_BYTES];
	int status = strategies_run("--benchmark_min_time=0.01 --benchmark_color=false "
				    "--benchmark_filter='^(replace/.*/live:100|pair/.*/bytes:64)$'",
				    output, sizeof(output));
	cr_assert_eq(status, 0, "status %d", status);
	rows_check(output, "replace");
	rows_check(output, "pair");
}

Test(bench_smoke, strategies_say_why_a_library_is_missing)
{
	static char output[OUTPUT_BYTES];
	int status = strategies_run("--with nosuch=/nosuch/lib.so --benchmark_min_time=0.01 "
				    "--benchmark_filter='^pair/nosuch/bytes:64$'",
				    output, sizeof(output));
	cr_assert_eq(status, 0, "status %d", status);
	const char *row = row_find(output, "pair", "nosuch");
	cr_assert_not_null(row, "no row for the missing library");
	cr_assert_not_null(strstr(row, "not run: /nosuch/lib.so:"), "no reason given: %s", row);
}

Test(bench_smoke, strategies_refuse_an_unknown_option)
{
	static char output[OUTPUT_BYTES];
	int status = strategies_run("--no-such-option", output, sizeof(output));
	cr_assert_neq(status, 0);
}
