/* SPDX-License-Identifier: MIT */
/*
 * The report as JSON, schema allot.report/1: provenance, verdict, ledger, metrics, advice.
 *
 * One line a block: others embed it, and size counts there.
 */
#include "report_json.h"

#include <allot/allot.h>
#include <stdlib.h>
#include <string.h>

#include "report_names.h"
#include "report_verdict.h"
#include "report_what_if.h"

static void count_write(struct json *json, const char *key, uint64_t value)
{
	/* What would not be exact in a reader's doubles is no count. */
	if (value > UINT64_C(1) << 53)
		json_text(json, key, NULL);
	else
		json_number(json, key, (int64_t)value);
}

static void damages_write(struct json *json, const struct report *report)
{
	json_open(json, "damaged", '[');
	for (size_t i = 0; i < report->damage_count && i < REPORT_DAMAGES; i++)
		json_text(json, NULL, report->damages[i]);
	json_close(json, '[');
}

static void trace_counts_write(struct json *json, const struct report *report)
{
	const struct trace_info *info = report->info;
	const struct report_count *count = &report->count;

	json_number(json, "duration_ns", (int64_t)count->time);
	json_number(json, "events", (int64_t)count->ordinal);
	json_number(json, "allocations", (int64_t)count->allocations);
	json_number(json, "frees", (int64_t)count->frees);
	json_number(json, "resizes", (int64_t)count->resizes);
	json_number(json, "failures", (int64_t)count->failures);
	json_number(json, "threads", (int64_t)count->thread_count);
	json_number(json, "frames", (int64_t)trace_frame_count(report->trace));
	json_number(json, "depth", info->depth);
	count_write(json, "sample_bytes", info->sample_bytes);
	json_number(json, "page_bytes", count->page_bytes);
	count_write(json, "file_bytes", info->file_bytes);
	json_real(json, "bytes_per_event", (double)info->file_bytes / (double)count->ordinal);
	json_bool(json, "is_complete", info->is_complete);
	count_write(json, "lost_events", info->lost_events);
	if (info->lost_time != 0)
		json_number(json, "lost_time_ns", (int64_t)info->lost_time);
	else
		json_text(json, "lost_time_ns", NULL);
	count_write(json, "repaired", info->repaired);
	damages_write(json, report);
	json_number(json, "samples", (int64_t)count->samples);
	json_number(json, "unknown_frees", (int64_t)count->unknown_frees);
	json_number(json, "stray_blocks", (int64_t)count->stray_blocks);
}

void report_json_trace(struct json *json, const char *key, const struct report *report)
{
	const struct trace_info *info = report->info;
	const char *slash = strrchr(report->path, '/');

	json_open(json, key, '{');
	json_text(json, "file", slash != NULL ? slash + 1 : report->path);
	json_text(json, "format", info->format);
	json_text(json, "version", info->version);
	json_text(json, "command", info->command);
	json_text(json, "conf", info->conf);
	json_text(json, "strategy", info->strategy);
	json_number(json, "process", info->process);
	json_number(json, "parent", info->parent);
	json_text(json, "host", info->host);
	json_text(json, "kernel", info->kernel);
	/* Nanoseconds since 1970 are beyond 53 bits: readers lose some hundreds of them. */
	json_number(json, "start_unix_ns", (int64_t)info->start_unix_ns);
	trace_counts_write(json, report);
	json_close(json, '{');
}

static void number_or_null(struct json *json, const char *key, bool is_known, double value,
			   const char *unit)
{
	bool is_whole = strcmp(unit, "bytes") == 0 || strcmp(unit, "ns") == 0;

	if (!is_known)
		json_text(json, key, NULL);
	else if (is_whole)
		json_number(json, key, (int64_t)value);
	else
		json_real(json, key, value);
}

static void verdict_write(struct json *json, const struct report *report)
{
	struct report_card cards[REPORT_CARDS];
	size_t count = report_cards_make(report, cards);

	json_open(json, "verdict", '{');
	json_text(json, "sentence", report->sentence);
	json_open(json, "cards", '[');
	for (size_t i = 0; i < count; i++) {
		const struct report_card *card = &cards[i];

		json_open(json, NULL, '{');
		json_text(json, "key", card->metric.key);
		json_text(json, "name", card->metric.name);
		number_or_null(json, "value", card->metric.is_known, card->metric.value,
			       card->metric.unit);
		json_text(json, "unit", card->metric.unit);
		json_text(json, "label", card->metric.label);
		json_text(json, "formula", card->metric.formula);
		json_text(json, "view", card->view);
		json_text(json, "note", card->note[0] != '\0' ? card->note : NULL);
		json_open(json, "spark", '[');
		for (size_t j = 0; j < card->spark_count; j++)
			json_number(json, NULL, (int64_t)card->spark[j]);
		json_close(json, '[');
		json_close(json, '{');
	}
	json_close(json, '[');
	json_close(json, '{');
}

static bool term_is_known(const struct report *report, int term)
{
	return report->has_residency || term <= REPORT_TAGS;
}

static void terms_write(struct json *json, const struct report *report)
{
	json_open(json, "terms", '[');
	for (int term = 0; term < REPORT_TERMS; term++) {
		json_open(json, NULL, '{');
		json_text(json, "key", report_term_key(term));
		json_text(json, "name", report_term_name(term));
		json_text(json, "meaning", report_term_meaning(term));
		json_text(json, "label", !term_is_known(report, term) ? "n/a"
					 : term <= REPORT_TAGS ? "exact" : "measured");
		json_number(json, "sign", term == REPORT_UNTOUCHED ? -1 : 1);
		json_close(json, '{');
	}
	json_close(json, '[');
}

/* One series: a field of 64 bits of every point, or nulls. */
static void series_write(struct json *json, const char *key, const struct report *report,
			 size_t offset, bool is_known)
{
	const struct report_series *series = report->series;

	json_open(json, key, '[');
	for (size_t i = 0; i < series->count; i++) {
		const char *point = (const char *)&series->all[i];
		uint64_t value;

		memcpy(&value, point + offset, sizeof(value));
		if (is_known)
			json_number(json, NULL, (int64_t)value);
		else
			json_text(json, NULL, NULL);
	}
	json_close(json, '[');
}

static void sum_write(struct json *json, const struct report *report)
{
	json_open(json, "sum", '[');
	for (size_t i = 0; i < report->series->count; i++) {
		if (report->has_residency)
			json_number(json, NULL,
				    (int64_t)report_point_sum(&report->series->all[i]));
		else
			json_text(json, NULL, NULL);
	}
	json_close(json, '[');
}

static void ledger_write(struct json *json, const struct report *report)
{
	bool has = report->has_residency;

	json_open(json, "ledger", '{');
	terms_write(json, report);
	series_write(json, "time_ns", report, offsetof(struct report_point, time), true);
	json_open(json, "series", '{');
	for (int term = 0; term < REPORT_TERMS; term++)
		series_write(json, report_term_key(term), report,
			     offsetof(struct report_point, terms) + sizeof(uint64_t) * (size_t)term,
			     term_is_known(report, term));
	series_write(json, "resident", report, offsetof(struct report_point, resident_bytes), has);
	sum_write(json, report);
	series_write(json, "mapped", report, offsetof(struct report_point, mapped_bytes),
		     report->count.has_ranges);
	series_write(json, "process_resident", report,
		     offsetof(struct report_point, process_bytes), report->count.has_process);
	series_write(json, "live_blocks", report, offsetof(struct report_point, live_blocks), true);
	json_close(json, '{');
	json_number(json, "peak_index", (int64_t)report->peak_index);
	json_number(json, "worst_index", (int64_t)report->worst_index);
	json_number(json, "end_index", (int64_t)report->end_index);
	number_or_null(json, "largest_difference_bytes", has,
		       (double)report->count.largest_difference_bytes, "bytes");
	json_close(json, '{');
}

static void metrics_write(struct json *json, const struct report *report)
{
	json_open(json, "metrics", '[');
	for (size_t i = 0; i < report->metric_count; i++) {
		const struct report_metric *metric = &report->metrics[i];

		json_open(json, NULL, '{');
		json_text(json, "key", metric->key);
		json_text(json, "name", metric->name);
		number_or_null(json, "value", metric->is_known, metric->value, metric->unit);
		json_text(json, "unit", metric->unit);
		json_text(json, "label", metric->label);
		json_text(json, "formula", metric->formula);
		json_text(json, "source", metric->source);
		json_close(json, '{');
	}
	json_close(json, '[');
}

static void moments_write(struct json *json, const struct report *report)
{
	json_open(json, "moments", '[');
	for (size_t i = 0; i < report->moment_count; i++) {
		json_open(json, NULL, '{');
		json_text(json, "key", report->moments[i].key);
		json_text(json, "name", report->moments[i].name);
		json_number(json, "time_ns", (int64_t)report->moments[i].point.time);
		json_close(json, '{');
	}
	json_close(json, '[');
}

static void faults_write(struct json *json, const struct report *report)
{
	json_open(json, "faults", '{');
	series_write(json, "time_ns", report, offsetof(struct report_point, time), true);
	series_write(json, "minor", report, offsetof(struct report_point, minor_faults), true);
	series_write(json, "major", report, offsetof(struct report_point, major_faults), true);
	json_close(json, '{');
}

/* Faults were measured; all else is a replay's, of one kind. */
static void vm_labels_write(struct json *json, const struct report *report, bool has_faults)
{
	static const char *const keys[] = { "curve", "policies", "tlb", "working_set" };
	bool has_lab = report_what_if_has_vm(report->what_if);

	json_open(json, "label", '{');
	if (has_faults)
		json_text(json, "faults", "measured");
	for (size_t i = 0; has_lab && i < sizeof(keys) / sizeof(keys[0]); i++)
		json_text(json, keys[i], report_what_if_vm_text(report->what_if, "label"));
	json_close(json, '{');
}

static void vm_write(struct json *json, const struct report *report)
{
	static const char *const keys[] = {
		"row", "payload", "heap_accesses", "payload_accesses", "changes", "pages",
		"peak_pages", "half_faults", "whole_faults", "curve", "policies", "tlb",
		"working_set",
	};
	const struct report_point *last = &report->count.last;
	/* Without any, the recording did not ask. */
	bool has_faults = report->has_residency && last->minor_faults + last->major_faults > 0;
	bool has_lab = report_what_if_has_vm(report->what_if);

	if (!has_faults && !has_lab) {
		json_text(json, "vm", NULL);
		return;
	}
	json_open(json, "vm", '{');
	vm_labels_write(json, report, has_faults);
	if (has_faults)
		faults_write(json, report);
	for (size_t i = 0; has_lab && i < sizeof(keys) / sizeof(keys[0]); i++) {
		json_value(json, keys[i]);
		report_what_if_vm_write(json->out, report->what_if, keys[i]);
	}
	json_close(json, '{');
}

void report_json_advice(struct json *json, const struct report *report)
{
	json_open(json, "advice", '[');
	for (size_t i = 0; i < report->advice_count; i++) {
		const struct report_advice *advice = &report->advice[i];

		json_open(json, NULL, '{');
		json_number(json, "rank", (int64_t)i + 1);
		json_text(json, "title", advice->title);
		json_text(json, "observation", advice->observation);
		json_text(json, "view", advice->view);
		json_text(json, "action", advice->action);
		json_text(json, "conf", advice->conf[0] != '\0' ? advice->conf : NULL);
		if (advice->has_effect) {
			json_open(json, "effect", '{');
			json_text(json, "metric", advice->effect_metric);
			json_real(json, "before", advice->before);
			json_real(json, "after", advice->after);
			json_text(json, "unit", advice->effect_unit);
			json_text(json, "label", advice->effect_label);
			json_bool(json, "is_certain", !advice->is_uncertain);
			if (advice->has_bounds) {
				json_open(json, "bounds", '[');
				json_real(json, NULL, advice->after_low);
				json_real(json, NULL, advice->after_high);
				json_close(json, '[');
			}
			json_close(json, '{');
		} else {
			json_text(json, "effect", NULL);
		}
		json_text(json, "risk", advice->risk);
		json_close(json, '{');
	}
	json_close(json, '[');
}

static void definitions_write(struct json *json, const struct report *report)
{
	json_open(json, "definitions", '[');
	json_open(json, NULL, '{');
	json_text(json, "name", "ledger");
	json_text(json, "formula", "resident = requested + rounding + tags + pinned free + "
		  "reclaimable free + metadata + recorder - untouched");
	json_text(json, "source", "allot");
	json_close(json, '{');
	for (size_t i = 0; i < report->metric_count; i++) {
		json_open(json, NULL, '{');
		json_text(json, "name", report->metrics[i].name);
		json_text(json, "formula", report->metrics[i].formula);
		json_text(json, "source", report->metrics[i].source);
		json_close(json, '{');
	}
	json_close(json, '[');
}

bool report_write_json(FILE *out, const struct report *report)
{
	struct json json = { .out = out, .is_compact = true };

	json_open(&json, NULL, '{');
	json_text(&json, "schema", "allot.report/1");
	json_text(&json, "allot", allot_version());
	report_json_trace(&json, "trace", report);
	verdict_write(&json, report);
	ledger_write(&json, report);
	metrics_write(&json, report);
	json_value(&json, "what_if");
	if (report->what_if != NULL)
		report_what_if_write(out, report->what_if);
	else
		fputs("null", out);
	moments_write(&json, report);
	report_json_pages(&json, report);
	report_json_inspector(&json, report);
	report_json_pins(&json, report);
	report_json_classes(&json, report);
	report_json_free_space(&json, report);
	report_json_lifetimes(&json, report);
	report_json_threads(&json, report);
	report_json_stacks(&json, report);
	vm_write(&json, report);
	if (report->other != NULL)
		report_json_compare(&json, report);
	else
		json_text(&json, "compare", NULL);
	report_json_advice(&json, report);
	definitions_write(&json, report);
	/* Last: it names the frames the others spoke of. */
	report_json_frames(&json, report);
	json_close(&json, '{');
	return ferror(out) == 0;
}
