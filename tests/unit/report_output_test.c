/* SPDX-License-Identifier: MIT */
/*
 * What reports look like from outside: JSON that is of its schema, one screen of text, thresholds,
 * what a replay adds, what damage costs.
 */
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command.h"
#include "random.h"
#include "report.h"
#include "report_fail.h"
#include "report_names.h"
#include "report_what_if.h"
#include "trace_double.h"

enum {
	PAGE = 4096,
	HEAP_PAGES = 600,
	SLOTS = 400,
	SLOT_BYTES = 2048,
	EVENTS = 20000,
	SAMPLE_EACH = 10, /* more samples than points are shown */
	LINES_MOST = 60,
	COLUMNS_MOST = 120,
	TEXT_BYTES = 64 * 1024,
};

static const uint64_t base = UINT64_C(0x7f00001ff000);

/* A program with stacks, threads, and names that JSON must escape. */
static struct trace *program_make(void)
{
	static struct trace_block blocks[SLOTS];
	struct random_source random = { 42 };
	struct trace *trace = trace_double_begin();
	bool is_live[SLOTS] = { false };
	uint32_t frames[4] = { 0 };

	trace_double_info(trace)->command = "./pro\"gram\n\\ \xff <\xc3\xa4>";
	frames[0] = trace_double_frame(trace, 0, "main");
	frames[1] = trace_double_frame(trace, frames[0], "std::map<int, \"x\">");
	frames[2] = trace_double_frame(trace, frames[0], "leaf\t\x01");
	frames[3] = trace_double_frame(trace, frames[2], "deeper");
	trace_double_map(trace, 0, base, HEAP_PAGES * PAGE, TRACE_USE_HEAP);
	for (uint64_t i = 0; i < EVENTS; i++) {
		size_t slot = random_below(&random, SLOTS);
		struct trace_run run = { base, random_between(&random, 1, HEAP_PAGES) * PAGE,
					 TRACE_USE_HEAP };

		if (i % SAMPLE_EACH == 0) {
			trace_double_sample(trace, i * 1000, (struct trace_sample){
				.has_runs = true, .runs = &run, .run_count = 1,
				.minor_faults = i, .resident_bytes = run.bytes });
		} else if (is_live[slot]) {
			trace_double_free(trace, i * 1000, (uint32_t)slot, slot % 2,
					  blocks[slot]);
			is_live[slot] = false;
		} else {
			blocks[slot] = (struct trace_block){
				.address = base + slot * SLOT_BYTES,
				.bytes = random_between(&random, 1, SLOT_BYTES - 64),
				.stack = frames[random_below(&random, 4)],
				.time = i * 1000,
			};
			blocks[slot].usable_bytes = blocks[slot].bytes + 15;
			trace_double_allocate(trace, i * 1000, (uint32_t)slot, blocks[slot]);
			is_live[slot] = true;
		}
	}
	return trace;
}

static void report_of(struct report *report, const char *replay)
{
	struct report_options options = { .trace_path = "a/b.allot", .replay_path = replay };
	char message[512] = "";

	cr_assert(report_make(report, &options, message, sizeof(message)), "%s", message);
}

static void json_check(const struct report *report)
{
	char path[] = "/tmp/report_output_test.XXXXXX";
	char command[512];
	int descriptor = mkstemp(path);

	cr_assert_geq(descriptor, 0);
	FILE *file = fdopen(descriptor, "w");
	cr_assert(report_write_json(file, report));
	cr_assert_eq(fclose(file), 0);
	snprintf(command, sizeof(command), "python3 '%s' '%s' >&2", getenv("ALLOT_TEST_SCHEMA"),
		 path);
	cr_expect_eq(system(command), 0, "the JSON is not of its schema");
	unlink(path);
}

Test(report_output, json_is_of_its_schema)
{
	struct report report;

	program_make();
	report_of(&report, NULL);
	json_check(&report);
	report_free(&report);
}

Test(report_output, json_of_a_trace_that_knows_little_is_of_its_schema)
{
	struct trace *trace = trace_double_begin();
	struct trace_event fail = { .kind = TRACE_FAIL, .block.bytes = 1 };
	struct report report;

	*trace_double_info(trace) = (struct trace_info){
		.format = "rep", .command = "", .conf = "", .strategy = "", .version = "",
		.host = "", .kernel = "", .file_bytes = UINT64_MAX };
	trace_double_add(trace, &fail);
	report_of(&report, NULL);
	json_check(&report);
	report_free(&report);
}

/* The report's text in `text`. */
static void text_take(const struct report *report, char *text)
{
	char path[] = "/tmp/report_output_test.XXXXXX";
	int descriptor = mkstemp(path);
	int before = dup(STDOUT_FILENO);

	fflush(stdout);
	dup2(descriptor, STDOUT_FILENO);
	report_write_text(report, 5, true);
	fflush(stdout);
	dup2(before, STDOUT_FILENO);
	close(before);
	ssize_t length = pread(descriptor, text, TEXT_BYTES - 1, 0);
	text[length > 0 ? length : 0] = '\0';
	close(descriptor);
	unlink(path);
}

Test(report_output, text_is_one_screen_and_plain_when_asked)
{
	static char text[TEXT_BYTES];
	struct report report;
	size_t lines = 0;

	setenv("COLUMNS", "300", 1);
	program_make();
	report_of(&report, NULL);
	text_take(&report, text);
	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		lines++;
		cr_expect_leq(strlen(line), COLUMNS_MOST, "%s", line);
	}
	cr_expect_leq(lines, LINES_MOST);
	cr_expect_geq(lines, 20);
	report_free(&report);
}

/* A large block of which hardly a page was touched is not what RSS consists of. */
Test(report_output, shares_of_the_ledger_add_up_however_much_is_untouched)
{
	enum { LARGE_BYTES = 4000 * PAGE, TOUCHED_PAGES = 10 };
	static char text[TEXT_BYTES];
	struct trace *trace = trace_double_begin();
	struct trace_run run = { base, TOUCHED_PAGES * PAGE, TRACE_USE_HEAP };
	struct report report;
	double sum = 0, share;

	trace_double_map(trace, 0, base, LARGE_BYTES * 2, TRACE_USE_HEAP);
	trace_double_allocate(trace, 1000, 1, (struct trace_block){
		.address = base + PAGE, .bytes = LARGE_BYTES, .usable_bytes = LARGE_BYTES + 15 });
	trace_double_sample(trace, 2000, (struct trace_sample){
		.has_runs = true, .runs = &run, .run_count = 1, .resident_bytes = run.bytes });
	report_of(&report, NULL);
	text_take(&report, text);
	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		if (line[0] == '+' && sscanf(line, "+ %*[a-z ]%*f %*s %lf %%", &share) == 1)
			sum += share;
		cr_expect_null(strstr(line, "000 %"), "%s", line);
	}
	cr_expect_float_eq(sum, 100, 0.2, "%f", sum);
	report_free(&report);
}

Test(report_output, what_is_damaged_is_named_and_the_rest_reported)
{
	struct trace *trace = program_make();
	struct trace_block block = { .address = base + 900000, .bytes = 5, .usable_bytes = 16 };
	struct report report;

	trace_double_damage(trace, "chunk 7 is gone");
	trace_double_allocate(trace, EVENTS * 1000, SLOTS, block);
	report_of(&report, NULL);
	cr_expect_eq(report_exit_status(&report), STATUS_DAMAGED);
	cr_expect_eq(report.damage_count, 1);
	cr_expect_str_eq(report.damages[0], "chunk 7 is gone");
	cr_expect_eq(report.count.ordinal, EVENTS + 2);
	json_check(&report);
	report_free(&report);
}

Test(report_output, an_empty_trace_is_refused_with_a_line)
{
	struct report_options options = { .trace_path = "a/b.allot" };
	struct report report;
	char message[512] = "";

	trace_double_begin();
	cr_expect_not(report_make(&report, &options, message, sizeof(message)));
	cr_expect_str_eq(message, "a/b.allot: there are no events in it");
	report_free(&report);
}

/* Blocks of impossible places and sizes: whatever is said of them, it ends. */
Test(report_output, nonsense_is_survived)
{
	struct random_source random = { 7 };
	struct trace *trace = trace_double_begin();
	struct report report;

	trace_double_info(trace)->page_bytes = 12345;
	for (int i = 0; i < 1000; i++) {
		struct trace_event event = {
			.kind = (enum trace_kind)random_below(&random, TRACE_MARK),
			.time = (uint64_t)i,
			.thread = (uint32_t)random_next(&random),
			.number = (uint32_t)random_below(&random, 100000),
			.is_unknown = random_below(&random, 10) == 0,
			.use = (enum trace_use)random_below(&random, TRACE_USES),
			.pages = (enum trace_pages_kind)random_below(&random, 4),
			.address = random_next(&random) >> random_below(&random, 60),
			.old_address = random_next(&random),
			.bytes = random_next(&random) >> random_below(&random, 60),
		};
		event.block = (struct trace_block){
			.address = random_next(&random) >> random_below(&random, 60),
			.bytes = random_next(&random) >> random_between(&random, 20, 63),
			.usable_bytes = random_next(&random) >> random_between(&random, 20, 63),
			.stack = (uint32_t)random_next(&random),
			.place = (uint8_t)random_below(&random, 6),
			.call = (uint8_t)random_next(&random),
			.time = random_next(&random),
		};
		event.old = event.block;
		if (event.kind == TRACE_SAMPLE)
			continue;
		trace_double_add(trace, &event);
	}
	struct trace_run runs[] = {
		{ UINT64_MAX - 5, UINT64_C(1) << 60, TRACE_USE_HEAP },
		{ 4096, UINT64_C(1) << 62, TRACE_USE_MAPPING },
		{ 77, 3, TRACE_USE_HEAP },
	};
	trace_double_sample(trace, 5000, (struct trace_sample){ .has_runs = true, .runs = runs,
							       .run_count = 3 });
	struct report_options options = { .trace_path = "a/b.allot" };
	char message[512] = "";
	if (report_make(&report, &options, message, sizeof(message)))
		cr_expect(report_write_json(stderr, &report));
	else
		cr_expect_neq(message[0], '\0');
	report_free(&report);
}

/* ---- thresholds ---- */

Test(report_fail, thresholds_are_read_with_their_units)
{
	static const struct {
		const char *text, *name;
		enum report_fail_operator operator;
		double value;
	} rights[] = {
		{ "peak_rss>200m", "peak_rss", REPORT_FAIL_MORE, 200.0 * 1024 * 1024 },
		{ "peak_rss >= 1.5G", "peak_rss", REPORT_FAIL_AT_LEAST,
		  1.5 * 1024 * 1024 * 1024 },
		{ " pinned_share>20% ", "", REPORT_FAIL_MORE, 0 },
		{ "pinned_share>20%", "pinned_share", REPORT_FAIL_MORE, 0.2 },
		{ "u<0.8", "u", REPORT_FAIL_LESS, 0.8 },
		{ "end_requested<=-3k", "end_requested", REPORT_FAIL_AT_MOST, -3072 },
	};
	static const char *const wrongs[] = {
		"", ">5", "peak_rss", "peak_rss=5", "peak_rss>", "peak_rss>m", "peak_rss>5x",
		"peak_rss>5mm", "peak_rss>nan", "peak_rss>inf", "peak_rss>1e999", "Peak>5",
		"peak_rss>>5", "peak_rss>0x", "peak_rss>5 m",
	};
	struct report_fail fail;
	char message[512];

	for (size_t i = 0; i < sizeof(rights) / sizeof(rights[0]); i++) {
		bool is_right = rights[i].name[0] != '\0';

		cr_expect_eq(report_fail_parse(&fail, rights[i].text, message, sizeof(message)),
			     is_right, "%s", rights[i].text);
		if (!is_right)
			continue;
		cr_expect_str_eq(fail.name, rights[i].name);
		cr_expect_eq(fail.operator, rights[i].operator);
		cr_expect_float_eq(fail.value, rights[i].value, 1e-6);
	}
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		message[0] = '\0';
		cr_expect_not(report_fail_parse(&fail, wrongs[i], message, sizeof(message)), "%s",
			      wrongs[i]);
		cr_expect_neq(message[0], '\0');
	}
}

static int status_of(const struct report *report, const char *text)
{
	struct report_fail fail;
	char message[512];

	cr_assert(report_fail_parse(&fail, text, message, sizeof(message)), "%s", message);
	return report_fails_check(&fail, 1, report, "report");
}

Test(report_fail, a_threshold_trips_beyond_its_value_alone)
{
	struct report report;

	program_make();
	report_of(&report, NULL);
	char text[128];
	unsigned long long peak = report.count.peak.resident_bytes;
	snprintf(text, sizeof(text), "peak_rss>%llu", peak);
	cr_expect_eq(status_of(&report, text), STATUS_OK);
	snprintf(text, sizeof(text), "peak_rss>=%llu", peak);
	cr_expect_eq(status_of(&report, text), STATUS_THRESHOLD);
	snprintf(text, sizeof(text), "peak_rss<%llu", peak);
	cr_expect_eq(status_of(&report, text), STATUS_OK);
	snprintf(text, sizeof(text), "peak_rss<=%llu", peak);
	cr_expect_eq(status_of(&report, text), STATUS_THRESHOLD);
	cr_expect_eq(status_of(&report, "peak_rs>5"), STATUS_USAGE);
	cr_expect_eq(status_of(&report, "blow_up>5"), STATUS_USAGE);
	report_free(&report);
}

/* What there is lacks nothing, so its figures are what they were; but it is not all. */
Test(report_output, from_when_on_events_are_missing_is_said)
{
	struct trace *trace = program_make();
	struct report report;

	trace_double_info(trace)->lost_events = 3;
	report_of(&report, NULL);
	cr_expect_str_eq(report_metric_find(&report, "peak_requested")->label, "estimate");
	cr_expect_null(strstr(report.sentence, "missing"), "%s", report.sentence);
	report_free(&report);
	trace = program_make();
	trace_double_info(trace)->lost_events = 3;
	trace_double_info(trace)->lost_time = 21000000;
	report_of(&report, NULL);
	cr_expect_str_eq(report_metric_find(&report, "peak_requested")->label, "exact");
	cr_expect(strstr(report.sentence, "Events are missing from 21.0 ms on") != NULL, "%s",
		  report.sentence);
	json_check(&report);
	report_free(&report);
}

/* ---- replays ---- */

static const char replay[] =
	"{\"schema\":\"allot.replay/1\",\"columns\":[{\"key\":\"peak_rss_bytes\"}],\"rows\":["
	"{\"name\":\"segregated\",\"conf\":\"strategy:segregated\",\"on\":\"memory\","
	"\"is_recorded\":true,\"status\":\"ok\",\"values\":{\"peak_rss_bytes\":1000000,"
	"\"operations_per_s\":100},\"spread\":{\"peak_rss_bytes\":1000,\"operations_per_s\":5}},"
	"{\"name\":\"explicit\",\"conf\":\"strategy:explicit\",\"on\":\"memory\",\"status\":\"ok\","
	"\"values\":{\"peak_rss_bytes\":800000,\"operations_per_s\":104},"
	"\"spread\":{\"peak_rss_bytes\":1000,\"operations_per_s\":5}},"
	"{\"name\":\"buddy\",\"conf\":\"strategy:buddy\",\"on\":\"memory\",\"status\":\"crashed\","
	"\"values\":{\"peak_rss_bytes\":1}},"
	"{\"name\":\"model\",\"conf\":\"strategy:implicit\",\"on\":\"model\",\"status\":\"ok\","
	"\"values\":{\"peak_rss_bytes\":5}}]}";

static const char *file_write(char *path, const char *text)
{
	int descriptor = mkstemp(path);

	cr_assert_geq(descriptor, 0);
	cr_assert_eq(write(descriptor, text, strlen(text)), (ssize_t)strlen(text));
	close(descriptor);
	return path;
}

static bool has_json_reader(void)
{
	char path[] = "/tmp/report_output_test.XXXXXX";
	char message[512] = "";

	file_write(path, replay);
	struct report_what_if *probe = report_what_if_open(path, message, sizeof(message));
	bool has = probe != NULL || strstr(message, "libjansson") == NULL;
	report_what_if_close(probe);
	unlink(path);
	return has;
}

Test(report_what_if, only_what_a_replay_measured_is_promised)
{
	char path[] = "/tmp/report_output_test.XXXXXX";
	struct report report;

	if (!has_json_reader())
		cr_skip_test("built without a reader of JSON");
	program_make();
	file_write(path, replay);
	report_of(&report, path);
	const struct report_advice *advice = &report.advice[0];
	cr_expect(advice->has_effect);
	cr_expect_str_eq(advice->conf, "strategy:explicit");
	cr_expect_float_eq(advice->before, 1000000, 0.5);
	cr_expect_float_eq(advice->after, 800000, 0.5);
	/* Faster by less than both spread: nothing is said. */
	for (size_t i = 1; i < report.advice_count; i++)
		cr_expect_not(report.advice[i].has_effect);
	cr_expect_float_eq(report_metric_find(&report, "blow_up")->value, 1.25, 1e-9);
	json_check(&report);
	report_free(&report);
	unlink(path);
}

/* The replay with bounds of the leaner row, `high` at most. */
static void bounded_report(struct report *report, char *path, const char *bounds)
{
	char text[2048];
	const char *at = strstr(replay, "\"values\":{\"peak_rss_bytes\":800000");

	cr_assert_not_null(at);
	snprintf(text, sizeof(text), "%.*s\"bounds\":{\"peak_rss_bytes\":%s},%s",
		 (int)(at - replay), replay, bounds, at);
	program_make();
	file_write(path, text);
	report_of(report, path);
}

Test(report_what_if, advice_that_could_be_wrong_says_so)
{
	char path[] = "/tmp/report_output_test.XXXXXX", wide[] = "/tmp/report_output_test.XXXXXX";
	struct report report;

	if (!has_json_reader())
		cr_skip_test("built without a reader of JSON");
	bounded_report(&report, path, "[700000,990000]");
	cr_expect_not(report.advice[0].is_uncertain);
	cr_expect_str_eq(report.advice[0].effect_label, "estimate");
	cr_expect(strstr(report.advice[0].observation, "all below") != NULL, "%s",
		  report.advice[0].observation);
	report_free(&report);
	unlink(path);
	/* As recorded it is 1000000. */
	bounded_report(&report, wide, "[100000,1010000]");
	cr_expect_str_eq(report.advice[0].title, "Another configuration may be leaner");
	cr_expect(report.advice[0].is_uncertain);
	cr_expect(strstr(report.advice[0].observation, "may also be more") != NULL, "%s",
		  report.advice[0].observation);
	json_check(&report);
	report_free(&report);
	unlink(wide);
}

Test(report_what_if, what_is_no_replay_is_refused)
{
	static const char *const wrongs[] = { "", "{", "[]", "{\"rows\":5}", "null" };

	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		char path[] = "/tmp/report_output_test.XXXXXX";
		char message[512] = "";

		file_write(path, wrongs[i]);
		cr_expect_null(report_what_if_open(path, message, sizeof(message)), "%s",
			       wrongs[i]);
		cr_expect(strstr(message, path) != NULL, "%s", message);
		unlink(path);
	}
}
