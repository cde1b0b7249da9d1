/* SPDX-License-Identifier: MIT */
/*
 * A look at a process as JSON: see top_json.h. Figures of blocks have one label, "label"; those the
 * kernel gave are measured.
 */
#include "top_json.h"

#include <math.h>

#include "json.h"

enum { STACK_BYTES = 4096 };

static void follow_write(const struct top_process *process, struct json *json)
{
	json_number(json, "lost_events", (int64_t)process->state.lost_events);
	json_number(json, "skipped_events", (int64_t)process->state.skipped_events);
	json_number(json, "reader", process->state.reader);
	json_number(json, "missed_slots", (int64_t)process->state.missed_slots);
	json_number(json, "damaged", (int64_t)process->damages);
	json_number(json, "unknown_frees", (int64_t)process->count.unknown_frees);
	json_bool(json, "is_ended", process->is_all_read);
}

static void counts_write(const struct top_process *process, struct json *json)
{
	const struct report_count *count = &process->count;

	json_number(json, "events", (int64_t)count->ordinal);
	json_number(json, "allocations", (int64_t)count->allocations);
	json_number(json, "frees", (int64_t)count->frees);
	json_number(json, "resizes", (int64_t)count->resizes);
	json_number(json, "failures", (int64_t)count->failures);
	json_number(json, "live_blocks", (int64_t)count->live_blocks);
	json_number(json, "requested_bytes", (int64_t)count->requested_bytes);
	json_number(json, "requested_bytes_peak", (int64_t)count->requested_bytes_peak);
	json_real(json, "events_per_s", process->rates.events);
	json_real(json, "allocations_per_s", process->rates.allocations);
}

static void ledger_write(const struct top_process *process, struct json *json)
{
	struct report_point point = { .time = 0 };

	top_process_ledger(process, &point);
	json_open(json, "ledger", '{');
	json_number(json, "time_ns", (int64_t)point.time);
	json_text(json, "label_resident", point.has_resident ? "measured" : "n/a");
	for (int term = 0; term < REPORT_TERMS; term++) {
		if (!point.has_resident && term > REPORT_TAGS) {
			json_real(json, report_term_key((enum report_term)term), NAN);
			continue;
		}
		json_number(json, report_term_key((enum report_term)term),
			    (int64_t)point.terms[term]);
	}
	json_number(json, "resident", (int64_t)point.resident_bytes);
	json_number(json, "process_resident", (int64_t)point.process_bytes);
	json_number(json, "minor_faults", (int64_t)point.minor_faults);
	json_number(json, "major_faults", (int64_t)point.major_faults);
	json_close(json, '{');
}

static void stacks_write(const struct top_view *view, struct top_process *process,
			 struct json *json, size_t row_count_max)
{
	char text[STACK_BYTES];

	if (!top_functions_make(process, view->thread, view->filter, view->sort))
		return;
	const struct top_functions *functions = process->functions;
	json_open(json, "functions", '[');
	for (size_t i = 0; i < functions->order_count && i < row_count_max; i++) {
		const struct top_function *function = &functions->all[functions->order[i]];
		json_open(json, NULL, '{');
		json_text(json, "function", function->name);
		json_text(json, "module", function->module);
		json_number(json, "total_bytes", (int64_t)function->total_bytes);
		json_number(json, "own_bytes", (int64_t)function->own_bytes);
		json_number(json, "own_blocks", (int64_t)function->own_blocks);
		json_number(json, "allocations", (int64_t)function->allocations);
		json_text(json, "stack",
			  top_stack_text(process, function->stack, text, sizeof(text)));
		json_close(json, '{');
	}
	json_close(json, '[');
}

static void classes_write(const struct top_process *process, struct json *json)
{
	json_open(json, "classes", '[');
	for (unsigned i = 0; i < REPORT_CLASSES; i++) {
		const struct report_class *class = &process->count.classes[i];
		if (class->allocations == 0)
			continue;
		json_open(json, NULL, '{');
		json_number(json, "bytes_from", (int64_t)report_class_from(i));
		json_number(json, "bytes_to", (int64_t)report_class_from(i + 1) - 1);
		json_number(json, "allocations", (int64_t)class->allocations);
		json_number(json, "live_bytes", (int64_t)class->live_bytes);
		json_number(json, "live_blocks", (int64_t)class->live_blocks);
		json_number(json, "rounding_bytes", (int64_t)class->rounding_bytes);
		json_close(json, '{');
	}
	json_close(json, '[');
}

static void threads_write(const struct top_process *process, struct json *json,
			  size_t row_count_max)
{
	json_open(json, "threads", '[');
	for (size_t i = 0; i < process->count.thread_count && i < row_count_max; i++) {
		const struct report_thread *thread = &process->count.threads[i];
		json_open(json, NULL, '{');
		json_number(json, "thread", (int64_t)i);
		json_text(json, "name", trace_thread_name(process->trace, (uint32_t)i));
		json_number(json, "allocations", (int64_t)thread->allocations);
		json_number(json, "frees", (int64_t)thread->frees);
		json_number(json, "frees_of_others", (int64_t)thread->frees_of_others);
		json_number(json, "live_bytes", thread->live_bytes);
		json_close(json, '{');
	}
	json_close(json, '[');
}

void top_json_write(const struct top_view *view, struct top_process *process, FILE *out,
		    size_t row_count_max, bool is_compact)
{
	struct json json = { .out = out, .is_compact = is_compact };

	json_open(&json, NULL, '{');
	json_text(&json, "schema", "allot.top/1");
	json_number(&json, "process", process->state.process);
	json_text(&json, "command", process->info->command);
	json_text(&json, "strategy", process->info->strategy);
	json_number(&json, "time_ns", (int64_t)process->state.now);
	json_text(&json, "label", top_process_label(process));
	follow_write(process, &json);
	counts_write(process, &json);
	ledger_write(process, &json);
	stacks_write(view, process, &json, row_count_max);
	classes_write(process, &json);
	threads_write(process, &json, row_count_max);
	json_close(&json, '{');
}
