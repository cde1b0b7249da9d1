/* SPDX-License-Identifier: MIT */
/*
 * What if: a replay's JSON, kept as it is and looked into.
 */
#include "report_what_if.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct report_what_if {
	json_t *root;
	json_t *table; /* has columns and rows */
	json_t *rows;
	json_t *vm;    /* or NULL */
};

/* The VM lab of one row is shown; those of the others stay in the replay's own file. */
static void vm_take(struct report_what_if *what_if)
{
	json_t *vm = json_object_get(what_if->root, "vm"), *row;
	size_t i;

	what_if->vm = json_is_object(vm) ? vm : NULL;
	json_array_foreach(what_if->rows, i, row)
		json_object_del(row, "vm");
}

struct report_what_if *report_what_if_open(const char *path, char *message, size_t message_bytes)
{
	struct report_what_if *what_if = calloc(1, sizeof(*what_if));
	json_error_t error;

	if (what_if == NULL) {
		snprintf(message, message_bytes, "out of memory");
		return NULL;
	}
	what_if->root = json_load_file(path, 0, &error);
	if (what_if->root == NULL) {
		/* A file that cannot be opened has no line. */
		if (error.line > 0)
			snprintf(message, message_bytes, "%s:%d: no JSON: %s", path, error.line,
				 error.text);
		else
			snprintf(message, message_bytes, "%s", error.text);
		free(what_if);
		return NULL;
	}
	what_if->table = json_object_get(what_if->root, "what_if");
	if (!json_is_object(what_if->table))
		what_if->table = what_if->root;
	what_if->rows = json_object_get(what_if->table, "rows");
	if (!json_is_array(what_if->rows)) {
		snprintf(message, message_bytes, "%s: no replay: it has no rows "
			 "(allot replay --json TRACE > FILE writes one)", path);
		report_what_if_close(what_if);
		return NULL;
	}
	vm_take(what_if);
	return what_if;
}

bool report_what_if_is_of(const struct report_what_if *what_if, uint64_t events)
{
	const json_t *trace = json_object_get(what_if->root, "trace");
	const json_t *count = json_object_get(trace, "events");

	return !json_is_integer(count) || (uint64_t)json_integer_value(count) == events;
}

void report_what_if_close(struct report_what_if *what_if)
{
	if (what_if == NULL)
		return;
	json_decref(what_if->root);
	free(what_if);
}

size_t report_what_if_count(const struct report_what_if *what_if)
{
	return json_array_size(what_if->rows);
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "";
}

void report_what_if_row(const struct report_what_if *what_if, size_t index,
			struct report_what_if_row *out)
{
	const json_t *row = json_array_get(what_if->rows, index);

	*out = (struct report_what_if_row){
		.name = text_of(row, "name"),
		.strategy = text_of(row, "strategy"),
		.conf = text_of(row, "conf"),
		.on = text_of(row, "on"),
		.status = text_of(row, "status"),
		.is_recorded = json_is_true(json_object_get(row, "is_recorded")),
	};
	out->is_ok = strcmp(out->status, "ok") == 0;
}

bool report_what_if_value(const struct report_what_if *what_if, size_t index, const char *key,
			  double *out_value, double *out_spread)
{
	const json_t *row = json_array_get(what_if->rows, index);
	const json_t *value = json_object_get(json_object_get(row, "values"), key);
	const json_t *spread = json_object_get(json_object_get(row, "spread"), key);

	if (!json_is_number(value))
		return false;
	*out_value = json_number_value(value);
	if (out_spread != NULL)
		*out_spread = json_is_number(spread) ? json_number_value(spread) : 0;
	return true;
}

bool report_what_if_bounds(const struct report_what_if *what_if, size_t index, const char *key,
			   double *out_low, double *out_high)
{
	const json_t *row = json_array_get(what_if->rows, index);
	const json_t *pair = json_object_get(json_object_get(row, "bounds"), key);
	const json_t *low = json_array_get(pair, 0), *high = json_array_get(pair, 1);

	if (!json_is_number(low) || !json_is_number(high))
		return false;
	*out_low = json_number_value(low);
	*out_high = json_number_value(high);
	return true;
}

bool report_what_if_extremes(const struct report_what_if *what_if, const char *key,
			     double *out_recorded, double *out_least)
{
	bool has_recorded = false, has_least = false;

	for (size_t i = 0; i < report_what_if_count(what_if); i++) {
		struct report_what_if_row row;
		double value;

		report_what_if_row(what_if, i, &row);
		if (!row.is_ok || strcmp(row.on, "memory") != 0 ||
		    !report_what_if_value(what_if, i, key, &value, NULL))
			continue;
		if (row.is_recorded && !has_recorded) {
			*out_recorded = value;
			has_recorded = true;
		}
		if (!has_least || value < *out_least)
			*out_least = value;
		has_least = true;
	}
	return has_recorded && has_least;
}

void report_what_if_write(FILE *out, const struct report_what_if *what_if)
{
	json_t *table = json_object();

	if (table == NULL)
		return;
	json_t *columns = json_object_get(what_if->table, "columns");
	json_object_set(table, "columns", columns != NULL ? columns : json_null());
	json_object_set(table, "rows", what_if->rows);
	json_dumpf(table, out, JSON_COMPACT | JSON_REAL_PRECISION(9));
	json_decref(table);
}

/* ---- the VM lab ---- */

bool report_what_if_has_vm(const struct report_what_if *what_if)
{
	return what_if != NULL && what_if->vm != NULL;
}

void report_what_if_vm_write(FILE *out, const struct report_what_if *what_if, const char *key)
{
	const json_t *value = json_object_get(what_if->vm, key);

	if (value == NULL || json_dumpf(value, out, JSON_COMPACT | JSON_ENCODE_ANY |
					JSON_REAL_PRECISION(9)) != 0)
		fputs("null", out);
}

const char *report_what_if_vm_text(const struct report_what_if *what_if, const char *key)
{
	return text_of(what_if->vm, key);
}

bool report_what_if_vm_number(const struct report_what_if *what_if, const char *key,
			      double *out_value)
{
	const json_t *value = json_object_get(what_if->vm, key);

	*out_value = json_number_value(value);
	return json_is_number(value);
}

bool report_what_if_vm_tlb(const struct report_what_if *what_if, size_t index,
			   struct report_what_if_tlb *out)
{
	const json_t *tlb = json_array_get(json_object_get(what_if->vm, "tlb"), index);

	*out = (struct report_what_if_tlb){
		.name = text_of(tlb, "name"),
		.reach_bytes = json_number_value(json_object_get(tlb, "reach_bytes")),
		.miss_share = json_number_value(json_object_get(tlb, "miss_share")),
	};
	return json_is_number(json_object_get(tlb, "miss_share"));
}
