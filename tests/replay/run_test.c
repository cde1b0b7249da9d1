/* SPDX-License-Identifier: MIT */
/*
 * Whole replays: a trace is made or recorded, `allot replay` replays it, its JSON is looked at.
 *
 * On the model every strategy must have exactly the resident pages that mincore(2) shows, at every
 * moment, and take as many faults as the kernel counts. On memory live bytes are the trace's, and
 * the peak under the recorded strategy is the recorded one within 2 per cent.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <jansson.h>

#include "capture.h"
#include "raw_trace.h"

enum { TIMEOUT_S = 120, WORDS_MAX = 32 };

static char trace_path[64];

/* Run `allot replay TRACE` with these words, NULL at the end. */
static void replay(struct capture *capture, const char *const *words)
{
	const char *line[WORDS_MAX] = { getenv("ALLOT_TEST_ALLOT"), "replay", trace_path };
	size_t count = 3;

	cr_assert_not_null(line[0]);
	while (*words != NULL && count + 1 < WORDS_MAX)
		line[count++] = *words++;
	cr_assert(capture_run(line, TIMEOUT_S, capture));
}

static json_t *replay_json(const char *const *words)
{
	struct capture capture;
	json_error_t error;

	replay(&capture, words);
	cr_assert(capture_exited(&capture, 0), "%s", capture.output);
	json_t *root = json_loads(capture.output, 0, &error);
	cr_assert_not_null(root, "%s: %s", error.text, capture.output);
	capture_finish(&capture);
	return root;
}

static const json_t *rows_of(const json_t *root)
{
	return json_object_get(json_object_get(root, "what_if"), "rows");
}

static double value_of(const json_t *row, const char *key)
{
	return json_number_value(json_object_get(json_object_get(row, "values"), key));
}

static long number_of(const json_t *row, const char *key)
{
	return (long)json_integer_value(json_object_get(row, key));
}

static void trace_make(const struct raw_program *program)
{
	struct trace_event *events;

	snprintf(trace_path, sizeof(trace_path), "/tmp/replay-test-%d.raw", (int)getpid());
	struct raw_trace *raw = raw_trace_draw(program, &events);
	cr_assert(raw_trace_write(raw, trace_path));
	raw_trace_destroy(raw);
	free(events);
}

static const struct raw_program drawn = {
	.seed = 7, .streams = 1, .event_count = 20000, .live_blocks = 2000, .coarseness = 1,
};

/* Run a program with these words on a strategy by itself, and have it write the trace. */
static void program_record(const char *strategy, const char *const *words)
{
	char conf[256], preload[4096];
	const char *line[WORDS_MAX] = { "/usr/bin/env", "PYTHONMALLOC=malloc", conf, preload };
	struct capture capture;
	size_t count = 4;

	snprintf(trace_path, sizeof(trace_path), "/tmp/replay-test-%d.raw", (int)getpid());
	snprintf(conf, sizeof(conf), "ALLOT_CONF=strategy:%s,front:off,trace_depth:0,trace:%s",
		 strategy, trace_path);
	snprintf(preload, sizeof(preload), "LD_PRELOAD=%s", getenv("ALLOT_TEST_LIBRARY"));
	while (*words != NULL && count + 1 < WORDS_MAX)
		line[count++] = *words++;
	cr_assert(capture_run(line, TIMEOUT_S, &capture));
	cr_assert(capture_exited(&capture, 0), "%s", capture.output);
	capture_finish(&capture);
}

/* Record a Python program that grows, shrinks, copies and clears. */
static void trace_record(void)
{
	static const char program[] =
		"import json\n"
		"d=[{'a':i,'b':str(i)*3,'c':[i]*5} for i in range(2000)]\n"
		"x=bytearray(2000000)\n"
		"for i in range(20): x+=bytes(100000)\n"
		"e=json.loads(json.dumps(d))\n";

	program_record("explicit", (const char *[]){ "/usr/bin/python3", "-c", program, NULL });
}

static void expect_equal_to_kernel(void)
{
	json_t *root = replay_json((const char *[]){ "--on", "model", "--verify", "--json", NULL });
	const json_t *row;
	size_t i, count = 0;

	json_array_foreach(rows_of(root), i, row) {
		const char *name = json_string_value(json_object_get(row, "name"));
		const json_t *bounds = json_object_get(json_object_get(row, "bounds"),
						       "minor_faults");
		if (strcmp(json_string_value(json_object_get(row, "on")), "model") != 0)
			continue;
		count++;
		cr_expect_str_eq(json_string_value(json_object_get(row, "status")), "ok", "%s",
				 name);
		cr_expect_gt(number_of(row, "pages_compared"), 1000, "%s", name);
		cr_expect_eq(number_of(row, "pages_different"), 0, "%s", name);
		cr_expect(json_is_true(json_object_get(row, "is_live_exact")), "%s", name);
		double model = json_number_value(json_array_get(bounds, 0));
		cr_expect(fabs(model - (double)number_of(row, "kernel_faults")) <= 0,
			  "%s: %g faults on the model, %ld of the kernel", name, model,
			  number_of(row, "kernel_faults"));
	}
	cr_expect_geq(count, 5);
	json_decref(root);
}

Test(replay_run, on_the_model_pages_and_faults_are_the_kernels_for_every_strategy)
{
	trace_make(&drawn);
	expect_equal_to_kernel();
	unlink(trace_path);
}

Test(replay_run, so_they_are_for_a_recorded_program)
{
	trace_record();
	expect_equal_to_kernel();
	unlink(trace_path);
}

Test(replay_run, pages_from_the_break_are_the_kernels)
{
	trace_make(&drawn);
	json_t *root = replay_json((const char *[]){ "--on", "model", "--verify", "--json",
		"--strategy", "explicit", "--conf", "strategy:explicit,front:off,source:sbrk",
		NULL });
	const json_t *row = json_array_get(rows_of(root), json_array_size(rows_of(root)) - 1);
	cr_expect_gt(number_of(row, "pages_compared"), 100);
	cr_expect_eq(number_of(row, "pages_different"), 0);
	json_decref(root);
	unlink(trace_path);
}

Test(replay_run, on_memory_the_recorded_strategy_comes_to_the_recorded_peak)
{
	trace_record();
	json_t *root = replay_json((const char *[]){ "--strategy", "recorded,glibc", "--rounds",
		"1", "--json", NULL });
	const json_t *before = json_array_get(rows_of(root), 0);
	const json_t *after = json_array_get(rows_of(root), 1);
	double recorded = value_of(before, "peak_rss_bytes");
	double replayed = value_of(after, "peak_rss_at_samples_bytes");
	cr_expect(json_is_true(json_object_get(after, "is_recorded")));
	cr_expect(json_is_true(json_object_get(after, "is_live_exact")));
	cr_expect_gt(number_of(after, "moments"), 100);
	cr_expect(fabs(replayed / recorded - 1) <= 0.02, "%g bytes, recorded %g", replayed,
		  recorded);
	json_decref(root);
	unlink(trace_path);
}

/* Of a program that leaves most of its blocks untouched: what each strategy comes to. */
Test(replay_run, a_real_run_lies_within_the_bounds)
{
	static const char *const strategies[] = { "implicit", "explicit", "simple", "buddy" };
	const char *const program[] = { getenv("ALLOT_TEST_SPARSE"), NULL };
	enum { STRATEGIES = sizeof(strategies) / sizeof(strategies[0]) };
	double low[STRATEGIES], high[STRATEGIES], estimate[STRATEGIES];
	const json_t *row;
	size_t i, count = 0;

	program_record("segregated", program);
	json_t *root = replay_json((const char *[]){ "--strategy", "implicit,explicit,simple,buddy",
						     "--rounds", "1", "--json", NULL });
	json_array_foreach(rows_of(root), i, row) {
		const json_t *bounds = json_object_get(json_object_get(row, "bounds"),
						       "peak_rss_bytes");
		if (json_array_size(bounds) != 2)
			continue;
		cr_assert_lt(count, STRATEGIES);
		cr_expect_str_eq(json_string_value(json_object_get(row, "name")),
				 strategies[count]);
		cr_expect_str_eq(json_string_value(json_object_get(row, "label")), "estimate");
		low[count] = json_number_value(json_array_get(bounds, 0));
		high[count] = json_number_value(json_array_get(bounds, 1));
		estimate[count++] = value_of(row, "peak_rss_bytes");
	}
	json_decref(root);
	unlink(trace_path);
	cr_assert_eq(count, STRATEGIES);
	for (i = 0; i < STRATEGIES; i++) {
		program_record(strategies[i], program);
		root = replay_json((const char *[]){ "--strategy", "recorded", "--rounds", "1",
						     "--json", NULL });
		double real = value_of(json_array_get(rows_of(root), 0), "peak_rss_bytes");
		cr_expect(low[i] <= real && real <= high[i], "%s: %g is not within %g to %g",
			  strategies[i], real, low[i], high[i]);
		cr_expect_lt(estimate[i], 2 * real, "%s: %g, estimated %g", strategies[i], real,
			     estimate[i]);
		json_decref(root);
		unlink(trace_path);
	}
}

Test(replay_run, threads_take_turns_and_live_bytes_are_exact)
{
	struct raw_program program = drawn;

	program.streams = 4;
	trace_make(&program);
	json_t *root = replay_json((const char *[]){ "--rounds", "1", "--json", NULL });
	const json_t *row;
	size_t i;
	json_array_foreach(rows_of(root), i, row)
		cr_expect(json_is_true(json_object_get(row, "is_live_exact")), "%s",
			  json_string_value(json_object_get(row, "name")));
	cr_expect_eq(number_of(json_object_get(root, "trace"), "threads"), 4);
	json_decref(root);
	unlink(trace_path);
}

/* ---- wrong input ---- */

static void expect_refused(const char *const *words, int status, const char *text)
{
	struct capture capture;

	replay(&capture, words);
	cr_expect(capture_exited(&capture, status), "%s", capture.output);
	cr_expect(strstr(capture.output, text) != NULL, "%s", capture.output);
	capture_finish(&capture);
}

Test(replay_run, what_is_wrong_is_named)
{
	trace_make(&drawn);
	expect_refused((const char *[]){ "--strategy", "budy", NULL }, 2, "did you mean 'buddy'?");
	expect_refused((const char *[]){ "--payload", "al", NULL }, 2, "did you mean 'all'?");
	expect_refused((const char *[]){ "--shard", "3/2", NULL }, 2, "i/n is wanted");
	expect_refused((const char *[]){ "--conf", "fitt:best", NULL }, 2, "fit");
	expect_refused((const char *[]){ "--with", "x=/nowhere.so", NULL }, 2, "/nowhere.so");
	expect_refused((const char *[]){ "--with", "x=/bin/true", "--strategy", "glibc", NULL }, 1,
		       "has no malloc");
	expect_refused((const char *[]){ "--payload", "recorded", NULL }, 1, "no samples");
	expect_refused((const char *[]){ "--limit", "0.001", "--strategy", "glibc", NULL }, 1,
		       "took more than 0.001 s");
	unlink(trace_path);
	expect_refused((const char *[]){ NULL }, 1, trace_path);
}

Test(replay_run, a_damaged_trace_is_replayed_as_far_as_it_goes)
{
	trace_make(&drawn);
	FILE *file = fopen(trace_path, "r+b");
	cr_assert_not_null(file);
	/* An operation there is not, in the midst of the second slot. */
	fseek(file, RAW_HEADER_BYTES + RAW_SLOT_BYTES + 4096, SEEK_SET);
	fwrite("\xff\xff\xff\xff\xff\xff\xff\xff", 1, 8, file);
	fclose(file);
	expect_refused((const char *[]){ "--strategy", "glibc", "--rounds", "1", NULL }, 4,
		       "the trace is damaged");
	unlink(trace_path);
}
