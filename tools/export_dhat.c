/* SPDX-License-Identifier: MIT */
/*
 * Exports as DHAT writes, version 2 without accesses: a point for each stack, over all threads,
 * with what it allocated, how long that lived, and what of it was live at the peak and at the end.
 *
 * Unlike elsewhere a point's own maximum (mb) is the largest that one of its threads had, as rows
 * of threads have their maxima at different moments.
 */
#include "export.h"

#include <inttypes.h>
#include <stdlib.h>

#include "export_stack.h"
#include "json.h"
#include "room.h"
#include "text_table.h"

enum { NS_PER_US = 1000, SHORT_US = 500 };

struct dhat {
	struct export *export;
	struct json json;
	struct text_table frames;
};

static void frames_write(struct dhat *dhat, uint32_t stack)
{
	json_open(&dhat->json, "fs", '[');
	do {
		const struct symbols_place *place =
			symbols_place(dhat->export->symbols, stack);

		for (size_t i = 0; i < place->function_count; i++) {
			char *text = export_place_text(dhat->export, place, i);

			json_number(&dhat->json, NULL, text_table_add(&dhat->frames, text));
			free(text);
		}
		stack = symbols_caller(dhat->export->symbols, stack);
	} while (stack != 0);
	json_close(&dhat->json, '[');
}

static void point_write(struct dhat *dhat, const struct stack_row *row)
{
	struct json *json = &dhat->json;

	json_open(json, NULL, '{');
	json_number(json, "tb", (int64_t)row->allocated_bytes);
	json_number(json, "tbk", (int64_t)row->allocation_count);
	json_number(json, "tl", (int64_t)(row->lifetime_ns / NS_PER_US));
	json_number(json, "mb", (int64_t)row->most.bytes);
	json_number(json, "mbk", (int64_t)row->most.block_count);
	json_number(json, "gb", (int64_t)row->at_moment.bytes);
	json_number(json, "gbk", (int64_t)row->at_moment.block_count);
	json_number(json, "eb", (int64_t)row->now.bytes);
	json_number(json, "ebk", (int64_t)row->now.block_count);
	frames_write(dhat, row->stack);
	json_close(json, '{');
}

static int row_compare(const void *a, const void *b)
{
	const struct stack_row *left = a, *right = b;

	return (left->stack > right->stack) - (left->stack < right->stack);
}

/* Make rows of one stack one row: the form has no threads. */
static size_t rows_merge(struct stack_row *rows, size_t count)
{
	size_t merged = 0;

	if (count > 0)
		qsort(rows, count, sizeof(*rows), row_compare);
	for (size_t i = 0; i < count; i++) {
		struct stack_row *row = merged > 0 ? &rows[merged - 1] : NULL;

		if (row == NULL || row->stack != rows[i].stack) {
			rows[merged++] = rows[i];
			continue;
		}
		row->allocation_count += rows[i].allocation_count;
		row->allocated_bytes += rows[i].allocated_bytes;
		row->lifetime_ns += rows[i].lifetime_ns;
		row->at_moment.bytes += rows[i].at_moment.bytes;
		row->at_moment.block_count += rows[i].at_moment.block_count;
		row->now.bytes += rows[i].now.bytes;
		row->now.block_count += rows[i].now.block_count;
		if (rows[i].most.bytes > row->most.bytes)
			row->most = rows[i].most;
	}
	return merged;
}

static void head_write(struct json *json, const struct trace_info *info,
		       const struct stack_totals *totals)
{
	json_number(json, "dhatFileVersion", 2);
	json_text(json, "mode", "heap");
	json_text(json, "verb", "Allocated");
	json_bool(json, "bklt", true);
	json_bool(json, "bkacc", false);
	json_text(json, "tu", "µs");
	json_text(json, "Mtu", "s");
	json_number(json, "tuth", SHORT_US);
	json_text(json, "cmd", info->command);
	json_number(json, "pid", info->process);
	json_number(json, "te", (int64_t)(totals->end_time / NS_PER_US));
	json_number(json, "tg", (int64_t)(totals->kept_time / NS_PER_US));
}

bool export_dhat(struct export *export)
{
	struct dhat dhat = { .export = export, .json = { .out = export->out } };
	struct stack_totals totals;

	if (!export_totals(export, false, &totals))
		return false;
	text_table_add(&dhat.frames, "[root]");
	json_open(&dhat.json, NULL, '{');
	head_write(&dhat.json, trace_info_get(export->trace), &totals);
	json_open(&dhat.json, "pps", '[');
	size_t count = rows_merge(totals.rows, totals.row_count);
	for (size_t i = 0; i < count; i++)
		point_write(&dhat, &totals.rows[i]);
	json_close(&dhat.json, '[');
	json_open(&dhat.json, "ftbl", '[');
	for (size_t i = 0; i < dhat.frames.count; i++)
		json_text(&dhat.json, NULL, dhat.frames.texts[i]);
	json_close(&dhat.json, '[');
	json_close(&dhat.json, '{');
	text_table_finish(&dhat.frames);
	stack_totals_finish(&totals);
	return true;
}
