/* SPDX-License-Identifier: MIT */
/*
 * The report as JSON: size classes, lifetimes, threads, stacks and their frames.
 */
#include <stdlib.h>
#include <string.h>

#include "report_json.h"
#include "report_names.h"
#include "report_stack.h"

enum {
	PAIRS_SHOWN = 50,
	THREADS_SHOWN = 256,
};

void report_json_classes(struct json *json, const struct report *report)
{
	json_open(json, "classes", '[');
	for (unsigned i = 0; i < REPORT_CLASSES; i++) {
		const struct report_class *class = &report->count.classes[i];

		if (class->allocations == 0)
			continue;
		json_open(json, NULL, '{');
		json_number(json, "bytes_from", (int64_t)report_class_from(i));
		json_number(json, "bytes_to", (int64_t)report_class_from(i + 1) - 1);
		json_number(json, "allocations", (int64_t)class->allocations);
		json_number(json, "allocated_bytes", (int64_t)class->allocated_bytes);
		json_number(json, "rounding_bytes", (int64_t)class->rounding_bytes);
		json_number(json, "live_peak_bytes", (int64_t)class->live_bytes_peak);
		json_number(json, "live_peak_blocks", (int64_t)class->live_blocks_peak);
		json_close(json, '{');
	}
	json_close(json, '[');
}

/* Share of blocks that lived at least so long; those never freed lived on. */
static void survival_write(struct json *json, const struct report_count *count)
{
	uint64_t by_time[REPORT_LIFE_TIMES] = { 0 }, all = count->live_blocks, left;

	for (int size = 0; size < REPORT_LIFE_SIZES; size++)
		for (int time = 0; time < REPORT_LIFE_TIMES; time++)
			by_time[time] += count->lifetimes[size][time];
	for (int time = 0; time < REPORT_LIFE_TIMES; time++)
		all += by_time[time];
	left = all;
	json_open(json, "survival", '[');
	for (int time = 0; time < REPORT_LIFE_TIMES && all > 0; time++) {
		json_open(json, NULL, '{');
		json_number(json, "age_ns", time > 0 ? INT64_C(1) << time : 0);
		json_real(json, "share", (double)left / (double)all);
		json_close(json, '{');
		left -= by_time[time];
	}
	json_close(json, '[');
}

/* Mean lifetime of the blocks of a stack, those freed alone; 0: none was. */
static double lifetime_mean(const struct report *report, uint32_t stack)
{
	const struct report_stack *it = &report->count.stacks[stack];

	return it->freed > 0 ? it->lifetime_sum / (double)it->freed : 0;
}

static void interleaving_write(struct json *json, const struct report *report)
{
	const struct report_pins *pins = &report->shown->pins;

	json_open(json, "interleaving", '[');
	for (size_t i = 0; i < pins->pair_count && i < PAIRS_SHOWN; i++) {
		const struct report_pair *pair = &pins->pairs[i];
		double a = lifetime_mean(report, pair->stack_a);
		double b = lifetime_mean(report, pair->stack_b);

		json_open(json, NULL, '{');
		report_json_stack(json, "stack_a", report, pair->stack_a);
		report_json_stack(json, "stack_b", report, pair->stack_b);
		json_number(json, "pages", (int64_t)pair->pages);
		/* Of mean lifetimes, the longer by the shorter; unknown where nothing was freed. */
		if (a > 0 && b > 0)
			json_real(json, "ratio", a > b ? a / b : b / a);
		else
			json_text(json, "ratio", NULL);
		json_close(json, '{');
	}
	json_close(json, '[');
}

static void powers_write(struct json *json, const char *key, int count)
{
	json_open(json, key, '[');
	for (int i = 0; i < count; i++)
		json_number(json, NULL, i > 0 ? INT64_C(1) << i : 0);
	json_close(json, '[');
}

void report_json_lifetimes(struct json *json, const struct report *report)
{
	const struct report_count *count = &report->count;

	json_open(json, "lifetimes", '{');
	json_text(json, "label", report->info->has_times ? "exact" : "exact (in events)");
	powers_write(json, "bytes_from", REPORT_LIFE_SIZES);
	powers_write(json, "ns_from", REPORT_LIFE_TIMES);
	json_open(json, "counts", '[');
	for (int size = 0; size < REPORT_LIFE_SIZES; size++) {
		json_open(json, NULL, '[');
		for (int time = 0; time < REPORT_LIFE_TIMES; time++)
			json_number(json, NULL, (int64_t)count->lifetimes[size][time]);
		json_close(json, '[');
	}
	json_close(json, '[');
	survival_write(json, count);
	json_number(json, "temporary", (int64_t)count->temporary);
	interleaving_write(json, report);
	json_close(json, '{');
}

void report_json_threads(struct json *json, const struct report *report)
{
	const struct report_count *count = &report->count;

	json_open(json, "threads", '[');
	for (size_t i = 0; i < count->thread_count && i < THREADS_SHOWN; i++) {
		const struct report_thread *thread = &count->threads[i];
		bool is_named = i < trace_thread_count(report->trace);

		json_open(json, NULL, '{');
		json_number(json, "thread", (int64_t)i);
		json_text(json, "name", is_named ? trace_thread_name(report->trace, (uint32_t)i)
						 : "");
		json_number(json, "allocations", (int64_t)thread->allocations);
		json_number(json, "frees", (int64_t)thread->frees);
		json_number(json, "frees_of_others", (int64_t)thread->frees_of_others);
		json_number(json, "live_bytes_peak", thread->live_bytes_peak);
		json_close(json, '{');
	}
	json_close(json, '[');
}

void report_json_stacks(struct json *json, const struct report *report)
{
	size_t count = 0;
	struct report_stack_row *rows = report_stacks_make(report, &count);

	json_open(json, "stacks", '{');
	json_open(json, "metrics", '[');
	for (int metric = 0; metric < REPORT_STACK_METRICS; metric++) {
		json_open(json, NULL, '{');
		json_text(json, "key", report_stack_texts[metric].key);
		json_text(json, "name", report_stack_texts[metric].name);
		json_text(json, "moment",
			  report_stack_texts[metric].is_of_moment ? report->shown->key : NULL);
		json_close(json, '{');
	}
	json_close(json, '[');
	json_open(json, "rows", '[');
	for (size_t i = 0; rows != NULL && i < count; i++) {
		json_open(json, NULL, '{');
		report_json_stack(json, "frame", report, rows[i].frame);
		json_open(json, "values", '[');
		for (int metric = 0; metric < REPORT_STACK_METRICS; metric++)
			json_number(json, NULL, (int64_t)rows[i].values[metric]);
		json_close(json, '[');
		json_close(json, '{');
	}
	json_close(json, '[');
	json_close(json, '{');
	free(rows);
}

void report_json_frames(struct json *json, const struct report *report)
{
	struct report_names *names = report->names;

	json_open(json, "frames", '[');
	for (size_t i = 0; i <= report_names_used_count(names); i++) {
		uint32_t frame = i > 0 ? report_names_used(names, i - 1) : 0;
		uint32_t parent = report_names_parent(names, frame);
		const char *line;

		json_open(json, NULL, '{');
		json_number(json, "parent", report_names_number(names, parent));
		json_text(json, "function", report_names_function(names, frame, &line));
		json_text(json, "module", report_names_module(names, frame));
		json_text(json, "line", line);
		json_close(json, '{');
	}
	json_close(json, '[');
}
