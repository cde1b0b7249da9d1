/* SPDX-License-Identifier: MIT */
/*
 * Replay, as a table: a row a configuration, figures beside each other, notes below.
 *
 * Columns that no row has are left out. Ratios are to the first row with that figure, which is how
 * it was recorded, or the default. The recording itself was looked at now and then only: its ratios
 * are of what was resident at these samples.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "replay_output.h"

enum {
	CELL_BYTES = 64,
	NAME_COLUMNS = 24,
	CELLS_MAX = REPLAY_COLUMNS + 2,
};

static const enum replay_column shown[] = {
	REPLAY_PEAK_RSS,       REPLAY_PEAK_RSS_AT_SAMPLES,
	REPLAY_MEAN_RSS,       REPLAY_U,
	REPLAY_REALIZED,       REPLAY_INTERNAL_SHARE,
	REPLAY_PINNED_SHARE,   REPLAY_MINOR_FAULTS,
	REPLAY_MAJOR_FAULTS,   REPLAY_TLB_MISS_SHARE,
	REPLAY_OPERATIONS_PER_S,
};
enum { SHOWN_COUNT = sizeof(shown) / sizeof(shown[0]) };

/* A number with three digits that count and a unit of 1000 or 1024. */
static void amount_write(char cell[CELL_BYTES], double value, double step, const char *const *units)
{
	size_t unit = 0;

	while (value >= step && units[unit + 1] != NULL) {
		value /= step;
		unit++;
	}
	snprintf(cell, CELL_BYTES, "%.*f%s", unit == 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2,
		 value, units[unit]);
}

static void value_write(char cell[CELL_BYTES], const struct replay_column_text *column,
			double value)
{
	static const char *const byte_units[] = { " B", " K", " M", " G", " T", NULL };
	static const char *const count_units[] = { "", " k", " M", " G", NULL };

	if (strcmp(column->unit, "bytes") == 0)
		amount_write(cell, value, 1024, byte_units);
	else if (strcmp(column->unit, "share") == 0)
		snprintf(cell, CELL_BYTES, "%.2f %%", 100 * value);
	else if (strcmp(column->unit, "ratio") == 0)
		snprintf(cell, CELL_BYTES, "%.3f", value);
	else
		amount_write(cell, value, 1000, count_units);
}

static void cell_append(char cell[CELL_BYTES], const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void cell_append(char cell[CELL_BYTES], const char *format, ...)
{
	size_t length = strlen(cell);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(cell + length, CELL_BYTES - length, format, arguments);
	va_end(arguments);
}

/* The value with its spread in per cent and its bounds; of the model these alone. */
static void cell_write(char cell[CELL_BYTES], const struct replay_row *row,
		       enum replay_column column)
{
	const struct replay_value *value = &row->values[column];
	const struct replay_column_text *text = &replay_columns[column];
	char low[CELL_BYTES], high[CELL_BYTES];

	snprintf(cell, CELL_BYTES, "-");
	if (value->is_known)
		value_write(cell, text, value->value);
	value_write(low, text, value->low);
	value_write(high, text, value->high);
	if (value->has_bounds && row->kind == REPLAY_ROW_MODEL) {
		snprintf(cell, CELL_BYTES, "%.20s..%.20s", low, high);
		return;
	}
	if (value->has_spread && value->value > 0 && 100 * value->spread / value->value >= 0.5)
		cell_append(cell, " ±%.0f%%", 100 * value->spread / value->value);
	if (value->has_bounds && strcmp(text->unit, "share") != 0)
		cell_append(cell, " (%.20s..%.20s)", low, high);
}

static bool has_kind(const struct replay_run *run, enum replay_row_kind kind)
{
	for (size_t i = 0; i < run->row_count; i++)
		if (run->rows[i]->kind == kind)
			return true;
	return false;
}

static bool column_is_used(const struct replay_run *run, enum replay_column column)
{
	if (column == REPLAY_PEAK_RSS_AT_SAMPLES && !has_kind(run, REPLAY_ROW_RECORDING))
		return false;
	for (size_t i = 0; i < run->row_count; i++)
		if (run->rows[i]->values[column].is_known &&
		    (column != REPLAY_MAJOR_FAULTS || run->rows[i]->values[column].value > 0))
			return true;
	return false;
}

/* What ratios are to. */
static const struct replay_row *reference_find(const struct replay_run *run,
					       enum replay_column column)
{
	for (size_t i = 0; i < run->row_count; i++) {
		const struct replay_row *row = run->rows[i];
		if (replay_row_is_ok(row) && row->values[column].is_known &&
		    row->values[column].value > 0 &&
		    (row->kind != REPLAY_ROW_RECORDING || column == REPLAY_PEAK_RSS_AT_SAMPLES))
			return row;
	}
	return NULL;
}

static void ratio_write(char cell[CELL_BYTES], const struct replay_run *run,
			const struct replay_row *row, enum replay_column column)
{
	const struct replay_row *reference = reference_find(run, column);

	snprintf(cell, CELL_BYTES, "-");
	if (reference != NULL && row->values[column].is_known &&
	    (row->kind != REPLAY_ROW_RECORDING || column == REPLAY_PEAK_RSS_AT_SAMPLES))
		snprintf(cell, CELL_BYTES, "%.2fx",
			 row->values[column].value / reference->values[column].value);
}

/* All cells of a table as text; row 0 is the head. */
struct table {
	char (*cells)[CELLS_MAX][CELL_BYTES];
	size_t rows, columns;
};

/* Columns a text takes on a terminal: bytes that begin a character. */
static int width_of(const char *text)
{
	int width = 0;

	for (; *text != '\0'; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

static void table_fill(struct table *table, const struct replay_run *run)
{
	for (size_t i = 0; i < SHOWN_COUNT; i++) {
		if (!column_is_used(run, shown[i]))
			continue;
		bool has_ratio = shown[i] == REPLAY_PEAK_RSS ||
				 shown[i] == REPLAY_PEAK_RSS_AT_SAMPLES ||
				 shown[i] == REPLAY_OPERATIONS_PER_S;
		snprintf(table->cells[0][table->columns], CELL_BYTES, "%s",
			 replay_columns[shown[i]].name);
		for (size_t row = 0; row < run->row_count; row++)
			cell_write(table->cells[row + 1][table->columns], run->rows[row],
				   shown[i]);
		table->columns++;
		if (!has_ratio)
			continue;
		snprintf(table->cells[0][table->columns], CELL_BYTES, "rel.");
		for (size_t row = 0; row < run->row_count; row++)
			ratio_write(table->cells[row + 1][table->columns], run, run->rows[row],
				    shown[i]);
		table->columns++;
	}
}

static const char *row_name(const struct replay_run *run, size_t row)
{
	return row == 0 ? "configuration" : run->rows[row - 1]->name;
}

static int name_width(const struct replay_run *run)
{
	int width = NAME_COLUMNS;

	for (size_t i = 0; i <= run->row_count; i++)
		if (width_of(row_name(run, i)) > width)
			width = width_of(row_name(run, i));
	return width;
}

static void row_write(FILE *out, const struct replay_run *run, const struct table *table,
		      size_t row, bool is_markdown)
{
	int width = name_width(run);

	fprintf(out, is_markdown ? "| %s |" : "%s", row_name(run, row));
	if (!is_markdown)
		fprintf(out, "%*s", width - width_of(row_name(run, row)), "");
	if (row > 0 && !replay_row_is_ok(run->rows[row - 1]))
		fprintf(out, is_markdown ? " %s |" : "  %s", run->rows[row - 1]->status);
	else
		for (size_t i = 0; i < table->columns; i++) {
			int widest = 0;
			for (size_t k = 0; k < table->rows; k++)
				if (width_of(table->cells[k][i]) > widest)
					widest = width_of(table->cells[k][i]);
			if (is_markdown)
				fprintf(out, " %s |", table->cells[row][i]);
			else
				fprintf(out, "%*s%s", 2 + widest - width_of(table->cells[row][i]),
					"", table->cells[row][i]);
		}
	fputc('\n', out);
	if (is_markdown && row == 0) {
		fputs("|---|", out);
		for (size_t i = 0; i < table->columns; i++)
			fputs("---:|", out);
		fputc('\n', out);
	}
}

/* ---- what must be known beside the figures ---- */

static bool is_live_exact(const struct replay_run *run, uint64_t *out_moments)
{
	bool is_exact = true;

	*out_moments = 0;
	for (size_t i = 0; i < run->row_count; i++) {
		const struct replay_row *row = run->rows[i];
		if (row->kind == REPLAY_ROW_RECORDING || !replay_row_is_ok(row))
			continue;
		is_exact = is_exact && row->is_live_exact;
		*out_moments = row->moments;
	}
	return is_exact;
}

static void model_note(FILE *out, const struct replay_run *run)
{
	uint64_t pages = 0, different = 0;

	for (size_t i = 0; i < run->row_count; i++) {
		pages += run->rows[i]->pages_compared;
		different += run->rows[i]->pages_different;
	}
	fprintf(out,
		"on the model: exact; lo..hi are for nothing and for every page of the payload "
		"written, other figures for payload %s; TLB %s; no huge pages. %" PRIu64
		" pages compared with mincore(2), %" PRIu64 " different\n",
		run->payload, run->tlb, pages, different);
}

/* What the lab says of one row, with the TLB of the model. */
static void lab_note(FILE *out, const struct replay_run *run, const struct replay_row *row)
{
	const struct replay_lab *lab = &row->lab;
	double half = (double)lab->half_faults, pages = (double)lab->peak_pages;

	fprintf(out, "%s: with LRU and half of the %.0f pages of its peak %.0f faults, with all %"
		PRIu64 " (%s, payload %s)\n", row->name, pages, half, lab->whole_faults,
		strcmp(run->payload, "none") == 0 ? "exact" : "estimate", run->payload);
}

static void notes_write(FILE *out, const struct replay_run *run)
{
	uint64_t moments;
	bool is_exact = is_live_exact(run, &moments);
	bool has_memory = has_kind(run, REPLAY_ROW_ALLOT) || has_kind(run, REPLAY_ROW_LIBRARY);

	fputc('\n', out);
	if (moments > 0)
		fprintf(out, "live bytes were %s at each of %" PRIu64 " moments (exact)\n",
			is_exact ? "those of the trace" : "not those of the trace", moments);
	if (has_memory)
		fprintf(out,
			"on memory: RSS and faults are estimates by payload %s, (lo..hi) with "
			"nothing and every page of the payload written; the rest is measured. "
			"RSS is the kernel's, less the replaying program's; U is peak requested "
			"/ peak writable\n", run->payload);
	if (has_memory && run->threads > 1)
		fprintf(out, "%" PRIu64 " threads take turns as recorded; calls/s: n/a\n",
			run->threads);
	if (run->loop_ns_per_operation > 0)
		fprintf(out, "calls/s contain the loop's own %.1f ns a call (measured)%s\n",
			run->loop_ns_per_operation,
			run->jobs > 1 ? ", and were taken while others ran: use --jobs 1" : "");
	if (has_kind(run, REPLAY_ROW_MODEL))
		model_note(out, run);
	if (replay_lab_row(run) != NULL)
		lab_note(out, run, replay_lab_row(run));
	if (run->unknown_frees > 0)
		fprintf(out, "%" PRIu64 " blocks older than the recording were left out\n",
			run->unknown_frees);
	if (run->damaged[0] != '\0')
		fprintf(out, "the trace is damaged: %s\n", run->damaged);
}

void replay_table_write(FILE *out, const struct replay_run *run, bool is_markdown)
{
	struct table table = { .rows = run->row_count + 1 };

	table.cells = calloc(table.rows, sizeof(*table.cells));
	if (table.cells == NULL)
		return;
	table_fill(&table, run);
	for (size_t i = 0; i < table.rows; i++)
		row_write(out, run, &table, i, is_markdown);
	notes_write(out, run);
	free(table.cells);
}
