/* SPDX-License-Identifier: MIT */
/*
 * Exports as comma-separated values (RFC 4180): the heap over time, the ledger at samples, or a row
 * for each stack. In the ledger resident is the sum of the terms less untouched.
 *
 * What was not measured is empty, not 0.
 */
#include "export.h"

#include <inttypes.h>

#include "export_stack.h"
#include "heap_series.h"
#include "report_count.h"

struct csv {
	const struct trace_info *info;
	struct heap_series series;
};

static void csv_take(void *context, const struct trace_event *event)
{
	struct csv *csv = context;

	heap_series_add(&csv->series, csv->info, event);
}

/* A cell that was measured, or an empty one. */
static void measured_write(FILE *out, bool is_measured, uint64_t value)
{
	fputc(',', out);
	if (is_measured)
		fprintf(out, "%" PRIu64, value);
}

static void figures_write(FILE *out, bool has_times, const struct heap_figures *figures)
{
	bool is_sampled = figures->sample_count > 0;

	fprintf(out, "%" PRIu64, figures->event_count);
	measured_write(out, has_times, figures->time);
	fprintf(out, ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64,
		figures->requested_bytes, figures->rounding_bytes, figures->tag_bytes,
		figures->block_count, figures->allocation_count + figures->resize_count,
		figures->free_count);
	measured_write(out, is_sampled, figures->sample_time);
	measured_write(out, is_sampled, figures->process_resident_bytes);
	for (int use = 0; use < TRACE_USES; use++)
		measured_write(out, is_sampled && figures->has_runs,
			       figures->heap_resident_bytes[use]);
	measured_write(out, is_sampled, figures->minor_fault_count);
	measured_write(out, is_sampled, figures->major_fault_count);
	fputs("\r\n", out);
}

bool export_csv(struct export *export)
{
	struct csv csv = { .info = trace_info_get(export->trace) };

	heap_series_init(&csv.series, csv.info);
	bool is_read = export_pass(export, csv_take, &csv);
	if (is_read) {
		heap_series_settle(&csv.series);
		fputs("events,time_ns,requested_bytes,rounding_bytes,tag_bytes,live_blocks,"
		      "allocations,frees,sample_time_ns,process_resident_bytes,"
		      "heap_resident_bytes,mapping_resident_bytes,metadata_resident_bytes,"
		      "recorder_resident_bytes,minor_faults,major_faults\r\n", export->out);
		for (size_t i = 0; i < heap_series_count(&csv.series); i++)
			figures_write(export->out, csv.info->has_times,
				      heap_series_get(&csv.series, i));
	}
	heap_series_finish(&csv.series);
	return is_read;
}

static void ledger_take(void *context, const struct trace_event *event)
{
	report_count_take(context, event);
}

bool export_csv_ledger(struct export *export)
{
	struct report_count ledger;

	if (!export_ledger_init(export, &ledger))
		return false;
	bool is_read = export_pass(export, ledger_take, &ledger);
	if (is_read) {
		fputs("events,time_ns,resident_bytes", export->out);
		for (int term = 0; term < REPORT_TERMS; term++)
			fprintf(export->out, ",%s_bytes", report_term_key((enum report_term)term));
		fputs(",process_resident_bytes,mapped_bytes\r\n", export->out);
	}
	for (size_t i = 0; is_read && i < ledger.by_sample.count; i++) {
		const struct report_point *point = &ledger.by_sample.all[i];

		fprintf(export->out, "%" PRIu64 ",%" PRIu64 ",%" PRIu64, point->ordinal,
			point->time, point->resident_bytes);
		for (int term = 0; term < REPORT_TERMS; term++)
			fprintf(export->out, ",%" PRIu64, point->terms[term]);
		fprintf(export->out, ",%" PRIu64 ",%" PRIu64 "\r\n", point->process_bytes,
			point->mapped_bytes);
	}
	report_count_free(&ledger);
	return is_read;
}

static void quoted_write(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text != '\0'; text++) {
		if (*text == '"')
			fputc('"', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

bool export_csv_stacks(struct export *export)
{
	struct export_stack text = { .export = export };
	char thread[EXPORT_THREAD_BYTES];
	struct stack_totals totals;

	if (!export_totals(export, true, &totals))
		return false;
	fputs("thread,stack", export->out);
	for (int i = 0; i < METRIC_COUNT; i++)
		fprintf(export->out, ",%s", stack_metrics[i].name);
	fputs("\r\n", export->out);
	for (size_t i = 0; i < totals.row_count; i++) {
		const struct stack_row *row = &totals.rows[i];

		quoted_write(export->out, export_thread(export, row->thread, thread));
		fputc(',', export->out);
		quoted_write(export->out, export_stack_text(&text, row->stack));
		for (int j = 0; j < METRIC_COUNT; j++)
			fprintf(export->out, ",%" PRIu64,
				stack_metric_value(row, (enum stack_metric)j));
		fputs("\r\n", export->out);
	}
	export_stack_finish(&text);
	stack_totals_finish(&totals);
	return true;
}
