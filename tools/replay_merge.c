/* SPDX-License-Identifier: MIT */
/*
 * Replay, merging: rows read back from what shards wrote.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <allot/vm_machine.h>

#include "replay_output.h"

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "";
}

static uint64_t number_of(const json_t *object, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(object, key));
}

#define TEXT_TAKE(to, object, key) snprintf(to, sizeof(to), "%s", text_of(object, key))

static void run_read(struct replay_run *run, const json_t *root)
{
	const json_t *trace = json_object_get(root, "trace");

	TEXT_TAKE(run->trace, trace, "file");
	TEXT_TAKE(run->format, trace, "format");
	TEXT_TAKE(run->command, trace, "command");
	TEXT_TAKE(run->strategy, trace, "strategy");
	run->events = number_of(trace, "events");
	run->operations = number_of(trace, "operations");
	run->threads = number_of(trace, "threads");
	run->samples = number_of(trace, "samples");
	run->duration_ns = number_of(trace, "duration_ns");
	run->live_bytes_peak = number_of(trace, "live_bytes_peak");
	run->unknown_frees = number_of(trace, "unknown_frees");
	const char *damaged =
		json_string_value(json_array_get(json_object_get(trace, "damaged"), 0));
	snprintf(run->damaged, sizeof(run->damaged), "%s", damaged != NULL ? damaged : "");
	TEXT_TAKE(run->payload, root, "payload");
	TEXT_TAKE(run->tlb, root, "tlb");
	run->rounds = number_of(root, "rounds");
	run->jobs = number_of(root, "jobs");
}

/* Are these of the same trace and replayed in the same way? */
static bool run_is_same(const struct replay_run *a, const struct replay_run *b)
{
	return a->events == b->events && a->operations == b->operations &&
	       a->live_bytes_peak == b->live_bytes_peak && a->duration_ns == b->duration_ns &&
	       strcmp(a->command, b->command) == 0 && strcmp(a->payload, b->payload) == 0 &&
	       strcmp(a->tlb, b->tlb) == 0;
}

static enum replay_row_kind kind_read(const char *on, const char *strategy)
{
	if (strcmp(on, "recording") == 0)
		return REPLAY_ROW_RECORDING;
	if (strcmp(on, "model") == 0)
		return REPLAY_ROW_MODEL;
	return strategy[0] != '\0' ? REPLAY_ROW_ALLOT : REPLAY_ROW_LIBRARY;
}

static void values_read(struct replay_row *row, const json_t *object)
{
	const json_t *values = json_object_get(object, "values");
	const json_t *spreads = json_object_get(object, "spread");
	const json_t *bounds = json_object_get(object, "bounds");

	for (int i = 0; i < REPLAY_COLUMNS; i++) {
		struct replay_value *value = &row->values[i];
		const char *key = replay_columns[i].key;
		const json_t *pair = json_object_get(bounds, key);
		value->is_known = json_is_number(json_object_get(values, key));
		value->value = json_number_value(json_object_get(values, key));
		value->has_spread = json_is_number(json_object_get(spreads, key));
		value->spread = json_number_value(json_object_get(spreads, key));
		value->has_bounds = json_array_size(pair) == 2;
		value->low = json_number_value(json_array_get(pair, 0));
		value->high = json_number_value(json_array_get(pair, 1));
	}
}

static void model_read(struct replay_row *row, const json_t *object)
{
	static const char *const spaces[REPLAY_SPACES] = {
		[REPLAY_SPACE_NONE] = "payload_none",
		[REPLAY_SPACE_ALL] = "payload_all",
		[REPLAY_SPACE_CHOSEN] = "payload_chosen",
	};
	const json_t *faults = json_object_get(object, "faults_by_reason");

	for (int space = 0; space < REPLAY_SPACES; space++)
		for (int i = 0; i < VM_REASON_COUNT; i++)
			row->by_reason[space][i] =
				number_of(json_object_get(faults, spaces[space]),
					  vm_reason_name((enum vm_reason)i));
	row->pages_compared = number_of(object, "pages_compared");
	row->pages_different = number_of(object, "pages_different");
	row->kernel_faults = number_of(object, "kernel_faults");
}

/* The index-th number of an array, 0 beyond its end. */
static uint64_t item_of(const json_t *object, const char *key, size_t index)
{
	return (uint64_t)json_integer_value(json_array_get(json_object_get(object, key), index));
}

/* As many of an array as there is room for. */
static uint32_t count_of(const json_t *array, size_t most)
{
	return (uint32_t)(json_array_size(array) < most ? json_array_size(array) : most);
}

static void lab_lists_read(struct replay_lab *lab, const json_t *vm)
{
	const json_t *curve = json_object_get(vm, "curve"), *tlbs = json_object_get(vm, "tlb");
	const json_t *policies = json_object_get(vm, "policies");
	const json_t *windows = json_object_get(vm, "working_set");

	lab->curve_count = count_of(json_object_get(curve, "frames"), REPLAY_LAB_CURVE);
	for (size_t i = 0; i < lab->curve_count; i++)
		lab->curve[i] = (struct replay_lab_point){ item_of(curve, "frames", i),
							   item_of(curve, "faults", i) };
	lab->policy_count = count_of(policies, REPLAY_LAB_KINDS * REPLAY_LAB_STEPS);
	for (size_t i = 0; i < lab->policy_count; i++) {
		const json_t *policy = json_array_get(policies, i);
		TEXT_TAKE(lab->policies[i].name, policy, "name");
		lab->policies[i].frames = number_of(policy, "frames");
		lab->policies[i].faults = number_of(policy, "faults");
	}
	lab->tlb_count = count_of(tlbs, REPLAY_LAB_TLBS);
	for (size_t i = 0; i < lab->tlb_count; i++) {
		const json_t *tlb = json_array_get(tlbs, i);
		TEXT_TAKE(lab->tlbs[i].name, tlb, "name");
		lab->tlbs[i].entries = number_of(tlb, "entries");
		lab->tlbs[i].reach_bytes = number_of(tlb, "reach_bytes");
		lab->tlbs[i].accesses = number_of(tlb, "accesses");
		lab->tlbs[i].misses = number_of(tlb, "misses");
	}
	lab->window_count = count_of(json_object_get(windows, "tau"), REPLAY_LAB_WINDOWS);
	for (size_t i = 0; i < lab->window_count; i++)
		lab->windows[i] = (struct replay_lab_window){
			item_of(windows, "tau", i),
			json_number_value(json_array_get(json_object_get(windows, "pages"), i)),
		};
}

static void lab_read(struct replay_lab *lab, const json_t *vm)
{
	lab->is_known = json_is_object(vm);
	lab->heap_accesses = number_of(vm, "heap_accesses");
	lab->payload_accesses = number_of(vm, "payload_accesses");
	lab->changes = number_of(vm, "changes");
	lab->pages = number_of(vm, "pages");
	lab->peak_pages = number_of(vm, "peak_pages");
	lab->half_faults = number_of(vm, "half_faults");
	lab->whole_faults = number_of(vm, "whole_faults");
	lab_lists_read(lab, vm);
}

static void curve_read(struct replay_row *row, const json_t *object)
{
	const json_t *times = json_object_get(object, "time_ns");
	const json_t *bytes = json_object_get(object, "rss_bytes");
	size_t count = json_array_size(times);

	if (count > REPLAY_POINTS_MAX || count != json_array_size(bytes))
		return;
	row->point_count = (uint32_t)count;
	for (size_t i = 0; i < count; i++) {
		row->time_ns[i] = (uint64_t)json_integer_value(json_array_get(times, i));
		row->rss_bytes[i] = (uint64_t)json_integer_value(json_array_get(bytes, i));
	}
}

static void row_read(struct replay_row *row, const json_t *object)
{
	row->index = (unsigned)number_of(object, "index");
	TEXT_TAKE(row->name, object, "name");
	TEXT_TAKE(row->strategy, object, "strategy");
	TEXT_TAKE(row->conf, object, "conf");
	TEXT_TAKE(row->library, object, "library");
	TEXT_TAKE(row->status, object, "status");
	row->kind = kind_read(text_of(object, "on"), row->strategy);
	row->is_recorded = json_is_true(json_object_get(object, "is_recorded"));
	row->is_live_exact = json_is_true(json_object_get(object, "is_live_exact"));
	row->moments = number_of(object, "moments");
	values_read(row, object);
	model_read(row, object);
	lab_read(&row->lab, json_object_get(object, "vm"));
	curve_read(row, object);
}

static bool rows_read(struct replay_run *run, const json_t *root, const char *path, char *message,
		      size_t message_bytes)
{
	const json_t *object;
	size_t i;

	json_array_foreach(json_object_get(json_object_get(root, "what_if"), "rows"), i, object) {
		unsigned index = (unsigned)number_of(object, "index");
		for (size_t k = 0; k < run->row_count; k++) {
			if (run->rows[k]->index != index)
				continue;
			snprintf(message, message_bytes, "%s: row '%s' is in another file already",
				 path, text_of(object, "name"));
			return false;
		}
		struct replay_row *row = replay_run_add(run);
		if (row == NULL) {
			snprintf(message, message_bytes, "no memory");
			return false;
		}
		row_read(row, object);
	}
	return true;
}

bool replay_merge(struct replay_run *run, const char *path, char *message, size_t message_bytes)
{
	struct replay_run other = { .row_count = 0 };
	json_error_t error;
	json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);

	if (root == NULL) {
		snprintf(message, message_bytes, "%s: line %d: %s", path, error.line, error.text);
		return false;
	}
	run_read(&other, root);
	double loop_ns = json_number_value(json_object_get(root, "loop_ns_per_operation"));
	bool is_right = false;
	if (strcmp(text_of(root, "schema"), REPLAY_SCHEMA) != 0)
		snprintf(message, message_bytes, "%s: schema '%s', not " REPLAY_SCHEMA, path,
			 text_of(root, "schema"));
	else if (run->trace[0] != '\0' && !run_is_same(run, &other))
		snprintf(message, message_bytes,
			 "%s: another trace than %s, or replayed in another way", path, run->trace);
	else
		is_right = rows_read(run, root, path, message, message_bytes);
	if (is_right && run->trace[0] == '\0')
		run_read(run, root);
	if (is_right && loop_ns > 0)
		run->loop_ns_per_operation = loop_ns;
	json_decref(root);
	return is_right;
}

static int rows_compare(const void *a, const void *b)
{
	const struct replay_row *left = *(struct replay_row *const *)a;
	const struct replay_row *right = *(struct replay_row *const *)b;

	return left->index < right->index ? -1 : left->index > right->index;
}

void replay_run_sort(struct replay_run *run)
{
	if (run->row_count > 0)
		qsort(run->rows, run->row_count, sizeof(struct replay_row *), rows_compare);
}
