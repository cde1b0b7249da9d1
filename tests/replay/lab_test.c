/* SPDX-License-Identifier: MIT */
/*
 * The VM lab and comparisons, from a trace to the report: `allot replay --vm` against the memory
 * machine it ran beside, `allot report --replay --compare` against its schema.
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

enum { TIMEOUT_S = 120, WORDS_MAX = 32, PATH_BYTES = 64, NAME_BYTES = 8192 };

/* Run `allot` with these words, NULL at the end, which must end with `status`. */
static void allot_run(struct capture *capture, int status, const char *const *words)
{
	const char *line[WORDS_MAX] = { getenv("ALLOT_TEST_ALLOT") };
	size_t count = 1;

	cr_assert_not_null(line[0]);
	while (*words != NULL && count + 1 < WORDS_MAX)
		line[count++] = *words++;
	cr_assert(capture_run(line, TIMEOUT_S, capture));
	cr_assert(capture_exited(capture, status), "%s", capture->output);
}

/* What it writes, as JSON; with a path, kept in a file as well. */
static json_t *json_of(const char *path, const char *const *words)
{
	struct capture capture;
	json_error_t error;

	allot_run(&capture, 0, words);
	json_t *root = json_loads(capture.output, 0, &error);
	cr_assert_not_null(root, "%s: %s", error.text, capture.output);
	if (path != NULL)
		cr_assert_eq(json_dump_file(root, path, 0), 0);
	capture_finish(&capture);
	return root;
}

static const char *path_make(char path[PATH_BYTES], const char *what)
{
	snprintf(path, PATH_BYTES, "/tmp/lab-test-%d.%s", (int)getpid(), what);
	return path;
}

static const char *trace_make(char path[PATH_BYTES])
{
	const struct raw_program drawn = { .seed = 11, .streams = 1, .event_count = 8000,
					   .live_blocks = 2000, .coarseness = 1 };
	struct trace_event *events;
	struct raw_trace *raw = raw_trace_draw(&drawn, &events);

	cr_assert(raw_trace_write(raw, path_make(path, "raw")));
	raw_trace_destroy(raw);
	free(events);
	return path;
}

static double number_of(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

static double item_of(const json_t *object, const char *key, size_t index)
{
	return json_number_value(json_array_get(json_object_get(object, key), index));
}

/* The faults a policy has with so many frames; -1: it was not run. */
static double policy_faults(const json_t *vm, const char *name, double frames)
{
	const json_t *policy;
	size_t i;

	json_array_foreach(json_object_get(vm, "policies"), i, policy)
		if (strcmp(json_string_value(json_object_get(policy, "name")), name) == 0 &&
		    fabs(number_of(policy, "frames") - frames) < 1)
			return number_of(policy, "faults");
	return -1;
}

/*
 * The machine's TLB asks once more after each fault, which is an access and a walk more; otherwise
 * the lab's must have the same.
 */
static void expect_tlb_of_machine(const json_t *row, const json_t *vm)
{
	const json_t *values = json_object_get(row, "values"), *tlb;
	double accesses = number_of(vm, "heap_accesses") + number_of(vm, "payload_accesses");
	double faults = number_of(values, "minor_faults"), misses = -1;
	size_t i;

	json_array_foreach(json_object_get(vm, "tlb"), i, tlb) {
		if (strcmp(json_string_value(json_object_get(tlb, "name")), "skylake L2") != 0)
			continue;
		misses = number_of(tlb, "misses");
		cr_expect_float_eq(number_of(tlb, "accesses"), accesses, 0.1);
		cr_expect_float_eq(number_of(tlb, "reach_bytes"), 1536 * 4096, 0.1);
	}
	double walks = number_of(values, "tlb_miss_share") * (accesses + faults);
	cr_expect_float_eq(misses + faults, walks, 0.5, "%g misses and %g faults, %g walks", misses,
			   faults, walks);
}

static void expect_curve(const json_t *vm)
{
	const json_t *curve = json_object_get(vm, "curve");
	size_t last = json_array_size(json_object_get(curve, "frames")) - 1;
	double peak = number_of(vm, "peak_pages");

	cr_assert(json_is_object(curve));
	cr_expect_gt(last, 20);
	cr_expect_float_eq(item_of(curve, "frames", 0), 1, 0.1);
	cr_expect_float_eq(item_of(curve, "faults", 0), number_of(vm, "changes"), 0.1);
	cr_expect_float_eq(item_of(curve, "frames", last), number_of(vm, "pages"), 0.1);
	cr_expect_float_eq(item_of(curve, "faults", last), number_of(vm, "pages"), 0.1);
	for (size_t i = 1; i <= last; i++) {
		cr_expect_gt(item_of(curve, "frames", i), item_of(curve, "frames", i - 1));
		cr_expect_leq(item_of(curve, "faults", i), item_of(curve, "faults", i - 1));
	}
	cr_expect_float_eq(policy_faults(vm, "LRU", peak), number_of(vm, "whole_faults"), 0.1);
	cr_expect_geq(number_of(vm, "half_faults"), number_of(vm, "whole_faults"));
}

/* OPT has the fewest faults, no policy fewer than there are pages. */
static void expect_policies(const json_t *vm)
{
	static const char *const others[] = { "LRU", "CLOCK", "FIFO" };
	double frames = floor(number_of(vm, "peak_pages") / 4);
	double opt = policy_faults(vm, "OPT", frames);

	cr_expect_geq(opt, number_of(vm, "pages"));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		cr_expect_gt(policy_faults(vm, others[i], frames), opt, "%s", others[i]);
}

static void expect_windows(const json_t *vm)
{
	const json_t *windows = json_object_get(vm, "working_set");
	size_t count = json_array_size(json_object_get(windows, "tau"));

	cr_expect_geq(count, 4);
	for (size_t i = 1; i < count; i++)
		cr_expect_geq(item_of(windows, "pages", i), item_of(windows, "pages", i - 1));
	cr_expect_gt(item_of(windows, "pages", count - 1), item_of(windows, "pages", 0));
	cr_expect_leq(item_of(windows, "pages", count - 1), number_of(vm, "pages"));
}

Test(replay_lab, it_agrees_with_the_machine_for_every_strategy)
{
	char path[PATH_BYTES];
	const json_t *row;
	size_t i, count = 0;

	json_t *root = json_of(NULL, (const char *[]){ "replay", "--on", "model", "--vm", "--json",
						       trace_make(path), NULL });
	json_array_foreach(json_object_get(json_object_get(root, "what_if"), "rows"), i, row) {
		const json_t *vm = json_object_get(row, "vm");
		if (strcmp(json_string_value(json_object_get(row, "on")), "model") != 0)
			continue;
		cr_assert(json_is_object(vm));
		count++;
		expect_tlb_of_machine(row, vm);
		expect_curve(vm);
		expect_policies(vm);
		expect_windows(vm);
	}
	cr_expect_geq(count, 5);
	json_decref(root);
	unlink(path);
}

Test(replay_lab, without_payload_it_is_exact_and_has_the_strategys_accesses_alone)
{
	char path[PATH_BYTES];

	json_t *root = json_of(NULL, (const char *[]){ "replay", "--on", "model", "--vm", "--json",
						       "--payload", "none", "--strategy", "buddy",
						       trace_make(path), NULL });
	const json_t *vm = json_object_get(root, "vm");
	const char *label = json_string_value(json_object_get(vm, "label"));
	cr_expect_eq(strncmp(label, "exact ", 6), 0, "%s", label);
	cr_expect_float_eq(number_of(vm, "payload_accesses"), 0, 0.1);
	cr_expect_gt(number_of(vm, "heap_accesses"), 10000);
	json_decref(root);
	unlink(path);
}

Test(replay_lab, shards_joined_are_the_whole)
{
	char path[PATH_BYTES], first[PATH_BYTES], second[PATH_BYTES];
	const char *words[] = { "replay", "--on", "model", "--vm", "--json", "--strategy",
				"explicit,buddy", trace_make(path), NULL, NULL, NULL };

	json_t *whole = json_of(NULL, words);
	words[8] = "--shard";
	words[9] = "1/2";
	json_decref(json_of(path_make(first, "1"), words));
	words[9] = "2/2";
	json_decref(json_of(path_make(second, "2"), words));
	json_t *joined = json_of(NULL, (const char *[]){ "replay", "--merge", "--json", second,
							 first, NULL });
	/* Addresses differ from run to run, and with them the sets of TLBs. */
	const json_t *a = json_object_get(whole, "vm"), *b = json_object_get(joined, "vm");
	cr_expect(json_equal(json_object_get(a, "row"), json_object_get(b, "row")));
	cr_expect(json_equal(json_object_get(a, "label"), json_object_get(b, "label")));
	cr_expect(json_equal(json_object_get(a, "heap_accesses"),
			     json_object_get(b, "heap_accesses")));
	expect_curve(b);
	expect_policies(b);
	expect_windows(b);
	json_decref(whole);
	json_decref(joined);
	unlink(path);
	unlink(first);
	unlink(second);
}

Test(replay_lab, memory_has_none)
{
	struct capture capture;
	char path[PATH_BYTES];

	allot_run(&capture, 2, (const char *[]){ "replay", "--vm", trace_make(path), NULL });
	cr_expect(strstr(capture.output, "--on model") != NULL, "%s", capture.output);
	capture_finish(&capture);
	unlink(path);
}

/* ---- the report ---- */

/* Record a Python program that holds `count` lists, and a text of them when `is_other`. */
static void program_record(const char *path, int count, bool is_other)
{
	char program[512], conf[256], preload[4096];
	struct capture capture;

	snprintf(program, sizeof(program), "import json,time\nd=[[i]*9 for i in range(%d)]\n"
		 "e=%s(d)\n"
		 /* So that samples see the peak, however fast this is. */
		 "for i in range(30): time.sleep(0.01); x=[bytes(5000) for k in range(40)]\n",
		 count, is_other ? "json.dumps" : "list");
	snprintf(conf, sizeof(conf), "ALLOT_CONF=trace_depth:12,trace:%s", path);
	snprintf(preload, sizeof(preload), "LD_PRELOAD=%s", getenv("ALLOT_TEST_LIBRARY"));
	cr_assert(capture_run((const char *[]){ "/usr/bin/env", "PYTHONMALLOC=malloc", conf,
						preload, "/usr/bin/python3", "-c", program, NULL },
			      TIMEOUT_S, &capture));
	cr_assert(capture_exited(&capture, 0), "%s", capture.output);
	capture_finish(&capture);
}

/* Every live byte of A is in the comparison; some stacks are B's alone, some have frames. */
static void expect_comparison(const json_t *report)
{
	const json_t *compare = json_object_get(report, "compare"), *row;
	double live = 0, compared = 0, only_b = 0, differences = 0;
	size_t i;

	json_array_foreach(json_object_get(json_object_get(report, "stacks"), "rows"), i, row)
		live += json_number_value(json_array_get(json_object_get(row, "values"), 0));
	json_array_foreach(json_object_get(compare, "stacks"), i, row) {
		compared += number_of(row, "a");
		differences += number_of(row, "difference");
		if (json_is_null(json_object_get(row, "frame")))
			only_b += number_of(row, "b");
	}
	cr_expect_gt(live, 500000);
	cr_expect_float_eq(compared, live, 0.1, "%g bytes compared, %g live", compared, live);
	cr_expect_gt(only_b, 0);
	json_array_foreach(json_object_get(compare, "ledger"), i, row)
		if (strcmp(json_string_value(json_object_get(row, "key")), "requested") == 0)
			cr_expect_float_eq(number_of(row, "difference"), differences, 0.1);
}

/* "inner < caller < ...", of a number among the report's frames. */
static const char *stack_name(const json_t *report, json_int_t frame, char name[NAME_BYTES])
{
	const json_t *frames = json_object_get(report, "frames");
	size_t length = 0;

	name[0] = '\0';
	do {
		const json_t *one = json_array_get(frames, (size_t)frame);
		const char *function = json_string_value(json_object_get(one, "function"));

		length += (size_t)snprintf(name + length, NAME_BYTES - length, "%s%s",
					   length > 0 ? " < " : "", function);
		frame = json_integer_value(json_object_get(one, "parent"));
	} while (frame > 0 && length < NAME_BYTES / 2);
	return name;
}

/* Frames in the comparison are A's: they stand for the stacks that a difference names. */
static void expect_frames_of_a(const json_t *report, const json_t *diff)
{
	const json_t *rows = json_object_get(json_object_get(report, "compare"), "stacks"), *named;
	char name[NAME_BYTES];
	size_t i;

	/* Both have the largest change first; of those, all that a page shows. */
	cr_expect_gt(json_array_size(json_object_get(diff, "stacks")), 10);
	json_array_foreach(json_object_get(diff, "stacks"), i, named) {
		const json_t *row = json_array_get(rows, i);
		const char *wanted = json_string_value(json_object_get(named, "stack"));
		const char *text = json_string_value(json_object_get(row, "stack"));

		if (i + 1 >= json_array_size(rows))
			break;
		if (text == NULL)
			text = stack_name(report,
					  json_integer_value(json_object_get(row, "frame")), name);
		cr_expect_str_eq(text, wanted);
	}
}

Test(replay_lab, a_report_holds_the_lab_and_the_comparison)
{
	char a[PATH_BYTES], b[PATH_BYTES], vm[PATH_BYTES], out[PATH_BYTES], command[512];
	struct capture capture;

	program_record(path_make(a, "a"), 8000, false);
	program_record(path_make(b, "b"), 7000, true);
	json_t *replay = json_of(path_make(vm, "vm"), (const char *[]){
		"replay", "--on", "model", "--vm", "--json", "--strategy", "segregated", a, NULL });
	json_t *report = json_of(path_make(out, "json"), (const char *[]){
		"report", "--replay", vm, "--compare", b, "--json", a, NULL });
	snprintf(command, sizeof(command), "python3 '%s' '%s' >&2", getenv("ALLOT_TEST_SCHEMA"),
		 out);
	cr_expect_eq(system(command), 0, "the JSON is not of its schema");
	const json_t *lab = json_object_get(report, "vm");
	cr_expect(json_equal(json_object_get(lab, "curve"),
			     json_object_get(json_object_get(replay, "vm"), "curve")));
	cr_expect(json_is_object(json_object_get(lab, "faults")));
	expect_comparison(report);
	json_t *diff = json_of(NULL, (const char *[]){ "diff", "--json", a, b, NULL });
	expect_frames_of_a(report, diff);
	json_decref(diff);
	allot_run(&capture, 0, (const char *[]){ "report", "--replay", vm, a, NULL });
	cr_expect(strstr(capture.output, "LRU faults ") != NULL, "%s", capture.output);
	cr_expect(strstr(capture.output, " beyond skylake L2 (6.0 MiB)") != NULL, "%s",
		  capture.output);
	capture_finish(&capture);
	json_decref(replay);
	json_decref(report);
	unlink(a);
	unlink(b);
	unlink(vm);
	unlink(out);
}
