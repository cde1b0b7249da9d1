/* SPDX-License-Identifier: MIT */
/*
 * Replay, as JSON.
 */
#include <allot/allot.h>
#include <allot/vm_machine.h>

#include "json.h"
#include "replay_output.h"

static const char *const betters[] = {
	[REPLAY_BETTER_NONE] = "none",
	[REPLAY_BETTER_LESS] = "less",
	[REPLAY_BETTER_MORE] = "more",
};

static const char *const kinds[] = {
	[REPLAY_ROW_RECORDING] = "recording", [REPLAY_ROW_ALLOT] = "memory",
	[REPLAY_ROW_LIBRARY] = "memory",      [REPLAY_ROW_MODEL] = "model",
	[REPLAY_ROW_LOOP] = "memory",
};

/* Of what a row says about memory. */
static const char *const labels[] = {
	[REPLAY_ROW_RECORDING] = "measured", [REPLAY_ROW_ALLOT] = "estimate",
	[REPLAY_ROW_LIBRARY] = "estimate",   [REPLAY_ROW_MODEL] = "exact on the model",
	[REPLAY_ROW_LOOP] = "measured",
};

static void trace_write(struct json *json, const struct replay_run *run)
{
	json_open(json, "trace", '{');
	json_text(json, "file", run->trace);
	json_text(json, "format", run->format);
	json_text(json, "command", run->command);
	json_text(json, "strategy", run->strategy[0] != '\0' ? run->strategy : NULL);
	json_number(json, "events", (int64_t)run->events);
	json_number(json, "operations", (int64_t)run->operations);
	json_number(json, "threads", (int64_t)run->threads);
	json_number(json, "samples", (int64_t)run->samples);
	json_number(json, "duration_ns", (int64_t)run->duration_ns);
	json_number(json, "live_bytes_peak", (int64_t)run->live_bytes_peak);
	json_number(json, "unknown_frees", (int64_t)run->unknown_frees);
	json_open(json, "damaged", '[');
	if (run->damaged[0] != '\0')
		json_text(json, NULL, run->damaged);
	json_close(json, '[');
	json_close(json, '{');
}

static void columns_write(struct json *json)
{
	json_open(json, "columns", '[');
	for (int i = 0; i < REPLAY_COLUMNS; i++) {
		json_open(json, NULL, '{');
		json_text(json, "key", replay_columns[i].key);
		json_text(json, "name", replay_columns[i].name);
		json_text(json, "unit", replay_columns[i].unit);
		json_text(json, "label", replay_columns[i].label);
		json_text(json, "better", betters[replay_columns[i].better]);
		json_text(json, "meaning", replay_columns[i].meaning);
		json_close(json, '{');
	}
	json_close(json, '[');
}

static void values_write(struct json *json, const struct replay_row *row)
{
	json_open(json, "values", '{');
	for (int i = 0; i < REPLAY_COLUMNS; i++) {
		if (row->values[i].is_known)
			json_real(json, replay_columns[i].key, row->values[i].value);
		else
			json_text(json, replay_columns[i].key, NULL);
	}
	json_close(json, '{');
	json_open(json, "spread", '{');
	for (int i = 0; i < REPLAY_COLUMNS; i++)
		if (row->values[i].has_spread)
			json_real(json, replay_columns[i].key, row->values[i].spread);
	json_close(json, '{');
	json_open(json, "bounds", '{');
	for (int i = 0; i < REPLAY_COLUMNS; i++) {
		if (!row->values[i].has_bounds)
			continue;
		json_open(json, replay_columns[i].key, '[');
		json_real(json, NULL, row->values[i].low);
		json_real(json, NULL, row->values[i].high);
		json_close(json, '[');
	}
	json_close(json, '{');
}

static void numbers_write(struct json *json, const char *key, const uint64_t *values, size_t count)
{
	json_open(json, key, '[');
	for (size_t i = 0; i < count; i++)
		json_number(json, NULL, (int64_t)values[i]);
	json_close(json, '[');
}

static void model_write(struct json *json, const struct replay_run *run,
			const struct replay_row *row)
{
	static const char *const spaces[REPLAY_SPACES] = {
		[REPLAY_SPACE_NONE] = "payload_none",
		[REPLAY_SPACE_ALL] = "payload_all",
		[REPLAY_SPACE_CHOSEN] = "payload_chosen",
	};

	json_open(json, "faults_by_reason", '{');
	for (int space = 0; space < REPLAY_SPACES; space++) {
		json_open(json, spaces[space], '{');
		for (int i = 0; i < VM_REASON_COUNT; i++)
			json_number(json, vm_reason_name((enum vm_reason)i),
				    (int64_t)row->by_reason[space][i]);
		json_close(json, '{');
	}
	json_close(json, '{');
	json_number(json, "pages_compared", (int64_t)row->pages_compared);
	json_number(json, "pages_different", (int64_t)row->pages_different);
	json_number(json, "kernel_faults", (int64_t)row->kernel_faults);
	if (row->lab.is_known)
		replay_json_lab_write(json, run, row);
}

static void row_write(struct json *json, const struct replay_run *run,
		      const struct replay_row *row)
{
	json_open(json, NULL, '{');
	json_number(json, "index", row->index);
	json_text(json, "name", row->name);
	json_text(json, "strategy", row->strategy[0] != '\0' ? row->strategy : NULL);
	json_text(json, "conf", row->conf);
	json_text(json, "library", row->library[0] != '\0' ? row->library : NULL);
	json_text(json, "on", kinds[row->kind]);
	json_text(json, "label", labels[row->kind]);
	json_bool(json, "is_recorded", row->is_recorded);
	json_text(json, "status", row->status);
	json_bool(json, "is_live_exact", row->is_live_exact);
	json_number(json, "moments", (int64_t)row->moments);
	values_write(json, row);
	if (row->kind == REPLAY_ROW_MODEL)
		model_write(json, run, row);
	numbers_write(json, "time_ns", row->time_ns, row->point_count);
	numbers_write(json, "rss_bytes", row->rss_bytes, row->point_count);
	json_close(json, '{');
}

void replay_json_write(FILE *out, const struct replay_run *run)
{
	struct json json = { .out = out };

	json_open(&json, NULL, '{');
	json_text(&json, "schema", REPLAY_SCHEMA);
	json_text(&json, "allot", allot_version());
	trace_write(&json, run);
	json_text(&json, "payload", run->payload);
	json_text(&json, "tlb", run->tlb);
	json_number(&json, "rounds", (int64_t)run->rounds);
	json_number(&json, "jobs", (int64_t)run->jobs);
	json_real(&json, "loop_ns_per_operation", run->loop_ns_per_operation);
	json_open(&json, "what_if", '{');
	columns_write(&json);
	json_open(&json, "rows", '[');
	for (size_t i = 0; i < run->row_count; i++)
		row_write(&json, run, run->rows[i]);
	json_close(&json, '[');
	json_close(&json, '{');
	if (replay_lab_row(run) != NULL)
		replay_json_lab_write(&json, run, replay_lab_row(run));
	json_close(&json, '{');
}
