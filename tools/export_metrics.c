/* SPDX-License-Identifier: MIT */
/*
 * Exports as OpenMetrics text, which Prometheus' own text format includes but for what it takes
 * for comments: figures of the heap where the trace ends, and its peaks.
 *
 * All are gauges, the counts too: a recording that is over grows no more, and one that runs is
 * read from its start at every scrape. What was not measured is left out. Command lines may hold
 * secrets: only the program's name is written.
 */
#include "export.h"

#include <inttypes.h>
#include <string.h>

#include "heap_figures.h"
#include "report_count.h"

enum { NS_PER_S = 1000000000 };

struct metrics {
	FILE *out;
	const struct trace_info *info;
	struct heap_figures now;
	uint64_t requested_bytes_peak;
	struct report_count ledger;
};

static void metrics_take(void *context, const struct trace_event *event)
{
	struct metrics *metrics = context;
	struct heap_figures *now = &metrics->now;

	heap_figures_add(now, metrics->info, event);
	if (now->requested_bytes > metrics->requested_bytes_peak)
		metrics->requested_bytes_peak = now->requested_bytes;
	report_count_take(&metrics->ledger, event);
}

/* What stands before a metric's values; its unit is the end of its name. */
static void head_write(FILE *out, const char *name, const char *unit, const char *help)
{
	fprintf(out, "# TYPE %s gauge\n", name);
	if (unit != NULL)
		fprintf(out, "# UNIT %s %s\n", name, unit);
	fprintf(out, "# HELP %s %s\n", name, help);
}

static void bytes_write(FILE *out, const char *name, const char *help, uint64_t value)
{
	head_write(out, name, "bytes", help);
	fprintf(out, "%s %" PRIu64 "\n", name, value);
}

static void count_write(FILE *out, const char *name, const char *help, uint64_t value)
{
	head_write(out, name, NULL, help);
	fprintf(out, "%s %" PRIu64 "\n", name, value);
}

/* A label's value: backslashes, quotes and line feeds are escaped. */
static void label_write(FILE *out, const char *name, const char *value, size_t length)
{
	fprintf(out, "%s=\"", name);
	for (size_t i = 0; i < length; i++) {
		if (value[i] == '\\' || value[i] == '"')
			fputc('\\', out);
		if (value[i] == '\n')
			fputs("\\n", out);
		else
			fputc(value[i], out);
	}
	fputc('"', out);
}

static void about_write(const struct metrics *metrics)
{
	const struct trace_info *info = metrics->info;
	size_t length = strcspn(info->command, " ");
	const char *program = info->command;

	for (size_t i = 0; i < length; i++)
		if (info->command[i] == '/')
			program = info->command + i + 1;
	head_write(metrics->out, "allot_recording", NULL,
		   "1, with what is known of the recording.");
	fputs("allot_recording{", metrics->out);
	label_write(metrics->out, "program", program,
		    (size_t)(info->command + length - program));
	fputc(',', metrics->out);
	label_write(metrics->out, "strategy", info->strategy, strlen(info->strategy));
	fprintf(metrics->out, ",process=\"%" PRIu32 "\"} 1\n", info->process);
	if (info->has_times) {
		head_write(metrics->out, "allot_recording_seconds", "seconds",
			   "From the start of the recording to its last event.");
		fprintf(metrics->out, "allot_recording_seconds %" PRIu64 ".%09" PRIu64 "\n",
			metrics->now.time / NS_PER_S, metrics->now.time % NS_PER_S);
	}
	count_write(metrics->out, "allot_recording_complete",
		    "1 if the program's end was recorded.", info->is_complete);
	count_write(metrics->out, "allot_recording_lost_events",
		    "Events that could not be recorded.", info->lost_events);
}

static void exact_write(FILE *out, const struct metrics *metrics)
{
	const struct heap_figures *now = &metrics->now;

	bytes_write(out, "allot_requested_bytes", "Requested by the program and not yet freed.",
		    now->requested_bytes);
	bytes_write(out, "allot_rounding_bytes", "Usable in live blocks beyond what was requested.",
		    now->rounding_bytes);
	bytes_write(out, "allot_tag_bytes", "Tags around live blocks.", now->tag_bytes);
	bytes_write(out, "allot_peak_requested_bytes", "Most that was requested at one moment.",
		    metrics->requested_bytes_peak);
	count_write(out, "allot_live_blocks", "Blocks not yet freed.", now->block_count);
	count_write(out, "allot_allocations", "Blocks handed out since the start.",
		    now->allocation_count);
	count_write(out, "allot_resizes", "Blocks resized since the start.", now->resize_count);
	count_write(out, "allot_frees", "Blocks given back since the start.", now->free_count);
	count_write(out, "allot_failures", "Requests that were refused since the start.",
		    now->failure_count);
}

/* Where the heap's resident bytes are. The terms of the program's requests are told already. */
static void ledger_write(FILE *out, const struct report_count *ledger)
{
	static const struct {
		enum report_term term;
		const char *name, *help;
	} rows[] = {
		{ REPORT_PINNED_FREE, "allot_pinned_free_bytes",
		  "Free at the last sample on resident pages with live bytes." },
		{ REPORT_RECLAIMABLE_FREE, "allot_reclaimable_free_bytes",
		  "Free at the last sample on resident pages without." },
		{ REPORT_METADATA, "allot_metadata_bytes",
		  "Resident tables beside the heap at the last sample." },
		{ REPORT_RECORDER, "allot_recorder_bytes",
		  "Resident for the recording itself at the last sample." },
		{ REPORT_UNTOUCHED, "allot_untouched_bytes",
		  "Of live blocks at the last sample, not resident." },
	};

	bytes_write(out, "allot_heap_resident_bytes",
		    "Resident pages of the heap at the last sample, the recorder's left out "
		    "(measured).",
		    ledger->last.heap_bytes);
	bytes_write(out, "allot_peak_heap_resident_bytes", "Most of them at a sample (measured).",
		    ledger->peak.heap_bytes);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		bytes_write(out, rows[i].name, rows[i].help, ledger->last.terms[rows[i].term]);
}

static void measured_write(FILE *out, const struct metrics *metrics)
{
	const struct heap_figures *now = &metrics->now;

	if (now->sample_count == 0)
		return;
	if (metrics->ledger.samples_with_runs > 0)
		ledger_write(out, &metrics->ledger);
	bytes_write(out, "allot_process_resident_bytes",
		    "Resident in the process at the last sample (measured).",
		    now->process_resident_bytes);
	bytes_write(out, "allot_peak_process_resident_bytes",
		    "Most that was resident in the process (measured).",
		    now->process_resident_bytes_peak);
	bytes_write(out, "allot_swapped_bytes", "The heap's pages in swap at the last sample "
		    "(measured).", now->swapped_bytes);
	count_write(out, "allot_minor_faults", "Minor page faults of the process (measured).",
		    now->minor_fault_count);
	count_write(out, "allot_major_faults", "Major page faults of the process (measured).",
		    now->major_fault_count);
}

bool export_openmetrics(struct export *export)
{
	struct metrics metrics = { .out = export->out, .info = trace_info_get(export->trace) };

	if (!export_ledger_init(export, &metrics.ledger))
		return false;
	bool is_read = export_pass(export, metrics_take, &metrics);
	if (is_read) {
		about_write(&metrics);
		exact_write(export->out, &metrics);
		measured_write(export->out, &metrics);
		fputs("# EOF\n", export->out);
	}
	report_count_free(&metrics.ledger);
	return is_read;
}
