/* SPDX-License-Identifier: MIT */
/*
 * Metrics of reports, on a trace small enough to work them out by hand.
 *
 *   time    0   400 pages mapped as heap, all of one region
 *         100   A: 3000 bytes, 3072 usable, in a slab, at page 0      stack main < make
 *         200   B: 1000 bytes, 1016 usable, a tag of 8, on page 1     stack main < keep
 *         300   sample: pages 0 to 3 resident                          16384 resident
 *         500   C: 6000 bytes, 6144 usable, in a slab, from page 4 on  stack main < make
 *         600   C freed at once
 *        1100   sample: pages 0 to 9                                   40960
 *        1200   A freed by another thread
 *        1900   sample: pages 0 and 1                                   8192
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"
#include "report.h"
#include "report_compare.h"
#include "report_count.h"
#include "report_names.h"
#include "report_stack.h"
#include "trace_double.h"

enum {
	PAGE = 4096,
	HEAP_BYTES = 400 * PAGE,
	BLOCKS_MANY = 20000,
};

static const uint64_t base = UINT64_C(0x7f0000000000);

struct story {
	struct trace *trace;
	uint32_t make, keep;
	struct trace_block a, b, c;
};

static void sample(struct trace *trace, uint64_t time, uint64_t pages)
{
	struct trace_run run = { base, pages * PAGE, TRACE_USE_HEAP };

	trace_double_sample(trace, time, (struct trace_sample){
		.has_runs = true, .runs = &run, .run_count = 1,
		.resident_bytes = pages * PAGE + 100000, .minor_faults = pages,
		.resident_bytes_peak = 150000 });
}

static void story_tell(struct story *story, uint64_t keep_bytes)
{
	struct trace *trace = story->trace = trace_double_begin();
	uint32_t main = trace_double_frame(trace, 0, "main");

	story->make = trace_double_frame(trace, main, "make");
	story->keep = trace_double_frame(trace, main, "keep");
	story->a = (struct trace_block){ .address = base, .bytes = 3000, .usable_bytes = 3072,
					 .time = 100, .stack = story->make,
					 .place = TRACE_IN_SLAB };
	story->b = (struct trace_block){ .address = base + PAGE + 16, .bytes = keep_bytes,
					 .usable_bytes = 1016, .time = 200, .stack = story->keep,
					 .place = TRACE_IN_BLOCK };
	story->c = (struct trace_block){ .address = base + 4 * PAGE, .bytes = 6000,
					 .usable_bytes = 6144, .time = 500, .stack = story->make,
					 .place = TRACE_IN_SLAB };
	trace_double_map(trace, 0, base, HEAP_BYTES, TRACE_USE_HEAP);
	trace_double_allocate(trace, 100, 0, story->a);
	trace_double_allocate(trace, 200, 1, story->b);
	sample(trace, 300, 4);
	trace_double_allocate(trace, 500, 2, story->c);
	trace_double_free(trace, 600, 2, 0, story->c);
	sample(trace, 1100, 10);
	trace_double_free(trace, 1200, 0, 1, story->a);
	sample(trace, 1900, 2);
}

static void report_of(struct report *report, const char *at)
{
	struct report_options options = { .trace_path = "double", .at = at };
	char message[512] = "";

	cr_assert(report_make(report, &options, message, sizeof(message)), "%s", message);
}

static double value_of(const struct report *report, const char *key)
{
	const struct report_metric *metric = report_metric_find(report, key);

	cr_assert_not_null(metric, "no metric %s", key);
	cr_assert(metric->is_known, "%s is unknown", key);
	return metric->value;
}

#define EXPECT(report, key, wanted) \
	cr_expect_float_eq(value_of(report, key), wanted, 1e-9, "%s is %.12g, not %.12g", key, \
			   value_of(report, key), (double)(wanted))

Test(report_metric, each_is_what_its_formula_says)
{
	struct story story;
	struct report report;

	story_tell(&story, 1000);
	report_of(&report, NULL);
	EXPECT(&report, "peak_rss", 40960);
	/* 16384 for 800, 40960 for 800. */
	EXPECT(&report, "mean_rss", 28672);
	EXPECT(&report, "end_rss", 8192);
	EXPECT(&report, "peak_process_rss", 150000);
	EXPECT(&report, "peak_missed", 150000 - 140960);
	EXPECT(&report, "peak_requested", 10000);
	EXPECT(&report, "end_requested", 1000);
	EXPECT(&report, "peak_mapped", HEAP_BYTES);
	EXPECT(&report, "u", 10000.0 / HEAP_BYTES);
	EXPECT(&report, "realized", (40960.0 - 4000) / 4000);
	EXPECT(&report, "johnstone_wilson_1", (16384 / 4000.0 + 40960 / 4000.0) / 2);
	EXPECT(&report, "johnstone_wilson_2", 16384 / 4000.0);
	EXPECT(&report, "johnstone_wilson_3", 40960 / 4000.0);
	EXPECT(&report, "johnstone_wilson_4", 40960 / 10000.0);
	EXPECT(&report, "ratio_p95", 40960 / 4000.0);
	EXPECT(&report, "ratio_end", 8192 / 1000.0);
	/* A: 72 rounding. B: 16 and a tag of 8. */
	EXPECT(&report, "internal_share", 96.0 / 4096);
	EXPECT(&report, "pinned", (PAGE - 3072) + (PAGE - 1024));
	EXPECT(&report, "pinned_share", (2.0 * PAGE - 4096) / 40960);
	EXPECT(&report, "reclaimable", 8 * PAGE);
	EXPECT(&report, "reclaimable_end", PAGE);
	EXPECT(&report, "allocations", 3);
	EXPECT(&report, "temporary_share", 1.0 / 3);
	EXPECT(&report, "remote_free_share", 1.0 / 2);
	EXPECT(&report, "ledger_difference", 0);
	/* One stack a page. */
	EXPECT(&report, "interleaving", 0);
	/* Gaps at the peak: behind A to B's tag, and behind B: all but the first take 1 MiB. */
	double behind = HEAP_BYTES - (PAGE + 16 + 1016.0), between = PAGE + 8 - 3072.0;
	EXPECT(&report, "unusable_1m", between / (between + behind));
	cr_expect_not(report_metric_find(&report, "blow_up")->is_known);
	report_free(&report);
}

Test(report_metric, moments_are_the_peak_the_worst_and_the_end)
{
	struct story story;
	struct report report;

	story_tell(&story, 1000);
	report_of(&report, "worst");
	cr_expect_eq(report.series->all[report.peak_index].time, 1100);
	cr_expect_eq(report.shown->point.time, 1100);
	cr_expect_eq(report.series->all[report.end_index].time, 1900);
	report_free(&report);
	report_of(&report, "0.0000004");
	cr_expect_eq(report.shown->point.time, 300);
	cr_expect_str_eq(report.shown->key, "at");
	report_free(&report);

	struct report_options options = { .trace_path = "double", .at = "noon" };
	char message[512] = "";
	cr_expect_not(report_make(&report, &options, message, sizeof(message)));
	cr_expect(strstr(message, "'noon' is no moment") != NULL, "%s", message);
	report_free(&report);
}

Test(report_metric, stacks_are_weighed_in_every_way)
{
	struct story story;
	struct report report;
	size_t count;

	story_tell(&story, 1000);
	report_of(&report, NULL);
	struct report_stack_row *rows = report_stacks_make(&report, &count);
	cr_assert_eq(count, 2);
	const struct report_stack_row make = rows[0].frame == story.make ? rows[0] : rows[1];
	const uint64_t wanted[REPORT_STACK_METRICS] = {
		[REPORT_STACK_LIVE] = 3000, [REPORT_STACK_TOTAL] = 9000,
		[REPORT_STACK_ALLOCATIONS] = 2, [REPORT_STACK_TEMPORARY] = 1,
		[REPORT_STACK_ROUNDING] = 72, [REPORT_STACK_PINNED] = PAGE - 3072,
		[REPORT_STACK_PEAK] = 9000, [REPORT_STACK_END] = 0,
	};
	cr_expect_arr_eq(make.values, wanted, sizeof(wanted));
	free(rows);
	const struct report_pin *pin = &report.shown->pins.rows[0];
	cr_expect_eq(pin->stack, story.keep);
	cr_expect_eq(pin->pinned_bytes, PAGE - 1024);
	cr_expect_eq(pin->median_age_ns, 900);
	report_free(&report);
}

Test(report_metric, lifetimes_and_classes_count_each_block_once)
{
	struct story story;
	struct report report;

	story_tell(&story, 1000);
	report_of(&report, NULL);
	const struct report_count *count = &report.count;
	cr_expect_eq(count->lifetimes[report_life_size(6000)][report_life_time(100)], 1);
	cr_expect_eq(count->lifetimes[report_life_size(3000)][report_life_time(1100)], 1);
	cr_expect_eq(count->classes[report_class_of(6000)].live_bytes_peak, 6000);
	cr_expect_eq(count->classes[report_class_of(1000)].live_blocks, 1);
	cr_expect_eq(count->threads[1].frees_of_others, 1);
	cr_expect_eq(count->threads[0].live_bytes_peak, 10000);
	report_free(&report);
}

Test(report_metric, a_size_lies_in_its_class)
{
	for (uint64_t bytes = 0; bytes < 100000; bytes += bytes < 5000 ? 1 : 97) {
		unsigned index = report_class_of(bytes);

		cr_assert(report_class_from(index) <= bytes && bytes < report_class_from(index + 1),
			  "%llu is in class %u, from %llu on", (unsigned long long)bytes, index,
			  (unsigned long long)report_class_from(index));
	}
	cr_assert_lt(report_class_of(UINT64_MAX), REPORT_CLASSES);
}

Test(report_metric, without_residency_live_bytes_are_exact_and_the_rest_is_unknown)
{
	struct trace *trace = trace_double_begin();
	struct trace_block block = { .address = base, .bytes = 100, .usable_bytes = 112 };
	struct report report;

	for (uint32_t i = 0; i < 5000; i++) {
		/* Fifty stay. */
		uint32_t number = i < 4050 ? i % 100 : 50 + i % 50;

		block.address = base + 112 * number;
		trace_double_allocate(trace, i, number, block);
		if (i < 4000 || i >= 4050)
			trace_double_free(trace, i, number, 0, block);
	}
	report_of(&report, NULL);
	EXPECT(&report, "peak_requested", 5100);
	cr_expect_not(report_metric_find(&report, "peak_rss")->is_known);
	cr_expect_not(report_metric_find(&report, "u")->is_known);
	cr_expect_eq(report.series->all[report.peak_index].terms[REPORT_REQUESTED], 5100);
	cr_expect_eq(report.series->all[report.end_index].terms[REPORT_REQUESTED], 5000);
	cr_expect_eq(report.shown->pins.rows[0].objects, 51);
	report_free(&report);
}

Test(report_metric, made_up_addresses_say_nothing_about_pages)
{
	struct story story;
	struct report report;

	story_tell(&story, 1000);
	trace_double_info(story.trace)->has_addresses = false;
	report_of(&report, NULL);
	cr_expect_not(report_metric_find(&report, "unusable_1m")->is_known);
	cr_expect_eq(report.look.map.column_count, 0);
	cr_expect_eq(report.shown->inspected.count, 0);
	cr_expect_eq(report.shown->pins.rows[0].live_bytes, 3000);
	cr_expect_eq(report.shown->pins.rows[0].pinned_bytes, 0);
	cr_expect_eq(report.shown->pins.rows[0].exclusive_pages, 0);
	report_free(&report);
}

Test(report_metric, what_lies_on_no_mapping_is_counted_as_a_fault_of_the_trace)
{
	struct trace *trace = trace_double_begin();
	struct trace_block block = { .address = base, .bytes = 100, .usable_bytes = 112 };
	struct report report;

	trace_double_map(trace, 0, base, PAGE, TRACE_USE_HEAP);
	trace_double_allocate(trace, 1, 0, block);
	block.address = base + PAGE - 16;
	trace_double_allocate(trace, 2, 1, block);
	/* Two blocks in one place: the page cannot hold what is said to be on it. */
	block.address = base;
	block.bytes = block.usable_bytes = PAGE;
	trace_double_allocate(trace, 3, 2, block);
	sample(trace, 4, 1);
	report_of(&report, NULL);
	EXPECT(&report, "stray_blocks", 1);
	EXPECT(&report, "ledger_difference", 112 + 16);
	report_free(&report);
}

Test(report_live, many_blocks_are_sorted_by_address)
{
	struct random_source random = { 11 };
	struct report_live live = { .slots = NULL };

	for (uint32_t i = 0; i < BLOCKS_MANY; i++) {
		struct trace_event event = {
			.kind = TRACE_ALLOCATE, .number = i,
			/* Near each other, and some far away. */
			.block.address = base + (random_below(&random, 1 << 20) << 4) +
					 ((uint64_t)(i % 100 == 1) << 40),
			.block.bytes = 16,
		};

		report_live_take(&live, &event);
		event.kind = TRACE_FREE;
		if (i % 5 == 0)
			report_live_take(&live, &event);
	}
	cr_assert_eq(live.count, BLOCKS_MANY - BLOCKS_MANY / 5);
	struct report_live_entry *entries = report_live_sorted(&live, 8, PAGE);
	for (size_t i = 1; i < live.count; i++)
		cr_assert_leq(entries[i - 1].begin, entries[i].begin);
	free(entries);
	report_live_free(&live);
}

Test(report_metric, traces_are_compared_by_the_names_of_functions)
{
	struct story before, after;
	struct report a, b;
	struct report_comparison comparison;
	double change;

	story_tell(&before, 1000);
	report_of(&a, NULL);
	story_tell(&after, 700);
	report_of(&b, NULL);
	cr_assert(report_compare(&comparison, &a, &b));
	cr_assert_eq(comparison.change_count, 1);
	cr_expect_neq(comparison.stacks[0].frame, 0);
	cr_expect_str_eq(comparison.stacks[0].name, "keep < main");
	cr_expect_eq(comparison.stacks[0].a, 1000);
	cr_expect_eq(comparison.stacks[0].b, 700);
	for (size_t i = 0; i < a.metric_count; i++)
		if (strcmp(a.metrics[i].key, "end_requested") == 0) {
			cr_expect(report_compare_metric(&a, &b, i, &change));
			cr_expect_float_eq(change, -300, 1e-9);
		}
	report_compare_free(&comparison);
	report_free(&a);
	report_free(&b);
}
