/* SPDX-License-Identifier: MIT */
/*
 * Statistics: the figures written at exit are those of a program whose work is known (plain.c).
 */
#include "runs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What plain.c does, in the numbers it is written with. */
enum {
	PLAIN_LIVE = 1000,
	PLAIN_LIVE_BYTES = 100,
	PLAIN_FREED = 2000,
	PLAIN_FREED_BYTES = 300,
	PLAIN_LARGE_BYTES = 3000000,
	OTHER_BLOCKS_MAX = 200, /* the loader's and libc's own */
	OTHER_BYTES_MAX = 200000,
};

static struct outcome run_plain(const char *conf)
{
	return run_preloaded((const char *[]){"plain", NULL}, conf);
}

/* The number after `"key": {"field": ` in a report. */
static double figure(const char *json, const char *key, const char *field)
{
	char opening[64];
	char name[64];
	snprintf(opening, sizeof opening, "\"%s\": {", key);
	snprintf(name, sizeof name, "\"%s\": ", field);
	const char *place = strstr(json, opening);
	cr_assert(place != NULL, "no %s in %s", key, json);
	const char *end = strchr(place, '}');
	place = strstr(place, name);
	cr_assert(place != NULL && place < end, "no %s of %s in %s", field, key, json);
	return strtod(place + strlen(name), NULL);
}

static void expect_between(const char *what, double value, double low, double high)
{
	cr_expect(value >= low && value <= high, "%s is %.3f, not from %.3f to %.3f", what, value,
		  low, high);
}

static void expect_plain_figures(const char *json)
{
	double mapped = figure(json, "mapped_bytes", "now");
	double requested = figure(json, "requested_bytes", "now");
	double parts = requested + figure(json, "rounding_bytes", "now") +
		       figure(json, "tag_bytes", "now") + figure(json, "free_bytes", "now") +
		       figure(json, "metadata_bytes", "now");
	cr_expect(parts == mapped, "the parts add up to %.0f, mapped are %.0f", parts, mapped);

	double live_bytes = PLAIN_LIVE * PLAIN_LIVE_BYTES + PLAIN_LARGE_BYTES;
	expect_between("requested", requested, live_bytes, live_bytes + OTHER_BYTES_MAX);
	expect_between("the peak of requested", figure(json, "requested_bytes", "peak"),
		       requested, live_bytes + PLAIN_FREED * PLAIN_FREED_BYTES + OTHER_BYTES_MAX);
	expect_between("live blocks", figure(json, "live_blocks", "now"), PLAIN_LIVE + 1,
		       PLAIN_LIVE + 1 + OTHER_BLOCKS_MAX);
	expect_between("the peak of blocks", figure(json, "live_blocks", "peak"),
		       PLAIN_LIVE + PLAIN_FREED, PLAIN_LIVE + PLAIN_FREED + OTHER_BLOCKS_MAX);
	expect_between("allocations", figure(json, "allocations", "now"),
		       PLAIN_LIVE + PLAIN_FREED + 1,
		       PLAIN_LIVE + PLAIN_FREED + 1 + OTHER_BLOCKS_MAX);
	expect_between("frees", figure(json, "frees", "now"), PLAIN_FREED,
		       PLAIN_FREED + OTHER_BLOCKS_MAX);
	expect_between("refusals", figure(json, "failures", "now"), 0, 0);
	expect_between("U", figure(json, "utilisation", "now"), 0.05, 1);
	expect_between("the peak of mapped", figure(json, "mapped_bytes", "peak"), mapped,
		       64e6);
	expect_between("resident", figure(json, "resident_bytes", "now"), 500e3, 200e6);
}

static void expect_json(const char *path)
{
	struct outcome outcome =
		ask((const char *[]){"python3", "-m", "json.tool", path, "/dev/null", NULL});
	outcome_finish(&outcome);
}

static char *file_read(const char *path)
{
	static char text[65536];
	FILE *file = fopen(path, "r");
	cr_assert(file != NULL, "%s was not written", path);
	text[fread(text, 1, sizeof text - 1, file)] = 0;
	fclose(file);
	return text;
}

static void stats_path(char *out_path, size_t path_bytes, size_t number)
{
	snprintf(out_path, path_bytes, "%s-%d-%zu", program_path("stats"), (int)getpid(), number);
	unlink(out_path);
}

ParameterizedTestParameters(stats, figures_are_those_of_the_program)
{
	return every_heap();
}

ParameterizedTest(size_t *heap, stats, figures_are_those_of_the_program)
{
	char path[4096];
	char conf[4096 + 64];
	stats_path(path, sizeof path, *heap);
	snprintf(conf, sizeof conf, "stats:%s,stats_format:json,%s", path, heap_conf(*heap, NULL));
	struct outcome outcome = run_plain(conf);
	cr_expect(outcome_exited(&outcome, 0), "%s", outcome_text(&outcome));
	cr_expect_str_eq(outcome.output, "done\n");
	cr_expect_str_eq(outcome.errors, "");
	outcome_finish(&outcome);
	expect_json(path);
	char *json = file_read(path);
	unlink(path);
	cr_expect(strstr(json, heap_strategy(*heap)) != NULL, "the strategy is not named: %s",
		  json);
	cr_expect(strstr(json, heap_source(*heap)) != NULL, "the source is not named: %s", json);
	expect_plain_figures(json);
}

Test(stats, a_file_gets_one_report_a_process)
{
	char path[4096];
	char conf[4096 + 64];
	stats_path(path, sizeof path, HEAP_COUNT);
	snprintf(conf, sizeof conf, "stats:%s,stats_format:json", path);
	for (int i = 0; i < 3; i++) {
		struct outcome outcome = run_plain(conf);
		outcome_finish(&outcome);
	}
	cr_expect_eq(text_lines(file_read(path)), 3, "not three reports:\n%s", file_read(path));
	unlink(path);
}

ParameterizedTestParameters(stats, stderr_gets_a_table)
{
	return every_heap();
}

ParameterizedTest(size_t *heap, stats, stderr_gets_a_table)
{
	struct outcome outcome = run_plain(heap_conf(*heap, "stats:stderr"));
	cr_expect(outcome_exited(&outcome, 0), "%s", outcome_text(&outcome));
	static const char *const rows[] = {"requested", "rounding", "tags",  "free",
					   "mapped",    "resident", "U = "};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		cr_expect(strstr(outcome.errors, rows[i]) != NULL, "no %s in\n%s", rows[i],
			  outcome.errors);
	cr_expect(strstr(outcome.errors, heap_strategy(*heap)) != NULL, "%s", outcome.errors);
	outcome_finish(&outcome);
}

Test(stats, a_file_that_cannot_be_written_costs_one_line)
{
	struct outcome outcome = run_plain("stats:/nonexistent/file");
	cr_expect(outcome_exited(&outcome, 0), "%s", outcome_text(&outcome));
	cr_expect_str_eq(outcome.output, "done\n");
	cr_expect_eq(text_lines(outcome.errors), 1, "%s", outcome.errors);
	cr_expect(strstr(outcome.errors, "/nonexistent/file") != NULL, "%s", outcome.errors);
	outcome_finish(&outcome);
}
