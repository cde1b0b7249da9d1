/* SPDX-License-Identifier: MIT */
/*
 * Pictures of rows. See vm_picture.h.
 */
#include "vm_picture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "notice.h"

enum {
	ROWS_FIRST = 32,
	MARGIN = 20,
	LINE_HEIGHT = 20,
	CELL_WIDTH = 10,
	CELL_HEIGHT = 16,
	LETTER_WIDTH = 8,      /* in a fixed pitch */
	ROW_INDENT = 16,
	TREE_INDENT = 30,
	BASE = 13,             /* of words, below the top of their line */
};

struct picture_row *picture_row_add(struct picture *picture)
{
	if (picture->count == picture->capacity) {
		size_t capacity = picture->capacity == 0 ? ROWS_FIRST : 2 * picture->capacity;
		struct picture_row *rows = realloc(picture->rows, capacity * sizeof(*rows));
		if (rows == NULL)
			return NULL;
		picture->rows = rows;
		picture->capacity = capacity;
	}
	struct picture_row *row = &picture->rows[picture->count++];
	*row = (struct picture_row){ 0 };
	return row;
}

void picture_cells_add(struct picture_row *row, unsigned state, uint64_t count)
{
	for (; count > 0 && row->cell_count < PICTURE_COLUMNS; count--)
		row->cells[row->cell_count++] = (uint8_t)state;
}

/* Is the state in the legend: has it a name, and any cell? */
static bool is_explained(const struct picture *picture, unsigned state)
{
	if (picture->state_name(state) == NULL)
		return false;
	for (size_t i = 0; i < picture->count; i++) {
		const struct picture_row *row = &picture->rows[i];
		if (memchr(row->cells, (int)state, (size_t)row->cell_count) != NULL)
			return true;
	}
	return false;
}

/* ---- as text ---- */

static void text_write(const struct picture *picture, const char *label)
{
	puts(label);
	for (size_t i = 0; i < picture->count; i++) {
		const struct picture_row *row = &picture->rows[i];
		bool is_beside = row->cell_count > 0 && picture->text_columns > 0;
		printf("%*s%-*s%s", 2 * row->indent, "", is_beside ? picture->text_columns : 0,
		       row->text, is_beside ? "" : "\n");
		if (row->cell_count > 0 && !is_beside)
			printf("%*s", 2 * row->indent, "");
		for (int j = 0; j < row->cell_count; j++)
			putchar(picture->states[row->cells[j]].letter);
		if (row->cell_count > 0)
			putchar('\n');
	}
	const char *before = "";
	for (unsigned i = 0; i < picture->state_count; i++) {
		if (!is_explained(picture, i))
			continue;
		printf("%s%c %s", before, picture->states[i].letter, picture->state_name(i));
		before = ", ";
	}
	if (before[0] != '\0')
		putchar('\n');
}

/* ---- as JSON ---- */

static void json_write(const struct picture *picture)
{
	struct json json = { .out = stdout };
	vm_after_json(&picture->after, &json);
	json_open(&json, "states", '{');
	for (unsigned i = 0; i < picture->state_count; i++) {
		const char letter[] = { picture->states[i].letter, '\0' };
		if (picture->state_name(i) != NULL)
			json_text(&json, letter, picture->state_name(i));
	}
	json_close(&json, '{');
	json_open(&json, "rows", '[');
	for (size_t i = 0; i < picture->count; i++) {
		const struct picture_row *row = &picture->rows[i];
		char cells[PICTURE_COLUMNS + 1] = "";
		for (int j = 0; j < row->cell_count; j++)
			cells[j] = picture->states[row->cells[j]].letter;
		json_open(&json, NULL, '{');
		json_text(&json, "text", row->text);
		json_number(&json, "depth", row->indent);
		json_text(&json, "cells", cells);
		json_close(&json, '{');
	}
	json_close(&json, '[');
	json_close(&json, '{');
}

/* ---- as SVG ---- */

static double cells_x(const struct picture *picture, int indent)
{
	return MARGIN + (double)indent * ROW_INDENT + (double)picture->text_columns * LETTER_WIDTH;
}

static double row_height(const struct picture *picture, const struct picture_row *row)
{
	bool is_below = row->cell_count > 0 && picture->text_columns == 0;
	return LINE_HEIGHT + (is_below ? CELL_HEIGHT + LINE_HEIGHT / 2.0 : 0);
}

/* Cells, and their letter once for each run of one state. */
static void cells_draw(struct svg *svg, const struct picture *picture,
		       const struct picture_row *row, double y)
{
	for (int i = 0, width; i < row->cell_count; i += width) {
		const struct picture_state *state = &picture->states[row->cells[i]];
		double x = cells_x(picture, row->indent) + i * CELL_WIDTH;
		for (width = 1; i + width < row->cell_count &&
				picture->states[row->cells[i + width]].joins;)
			width++;
		svg_box(svg, x, y, width * CELL_WIDTH, CELL_HEIGHT, state->ink, state->is_filled);
		if (state->letter != '.' && (i == 0 || row->cells[i - 1] != row->cells[i]))
			svg_words(svg, x + CELL_WIDTH / 2.0, y + BASE - 1, SVG_INK, true, "%c",
				  state->letter);
	}
}

/* A box for a row of a tree, and the way to it from the one it is below. */
static void branch_draw(struct svg *svg, const struct picture_row *row, double right, double y)
{
	double x = MARGIN + (double)row->indent * TREE_INDENT;
	svg_box(svg, x, y, right - x, CELL_HEIGHT, SVG_PALE, false);
	svg_label(svg, x + 6, y + BASE - 1, SVG_INK, true, "%s", row->text);
	if (row->indent > 0) {
		double from = x - TREE_INDENT / 2.0;
		svg_line(svg, from, y + CELL_HEIGHT / 2.0, x, y + CELL_HEIGHT / 2.0, SVG_PALE);
	}
}

/* The trunks of a tree: down from each row to the last one right below it. */
static void trunks_draw(struct svg *svg, const struct picture *picture, double top)
{
	for (size_t i = 0; i < picture->count; i++) {
		int indent = picture->rows[i].indent;
		size_t last = i;
		for (size_t j = i + 1; j < picture->count && picture->rows[j].indent > indent; j++)
			if (picture->rows[j].indent == indent + 1)
				last = j;
		double x = MARGIN + (double)indent * TREE_INDENT + TREE_INDENT / 2.0;
		if (last > i)
			svg_line(svg, x, top + (double)i * LINE_HEIGHT + CELL_HEIGHT, x,
				 top + (double)last * LINE_HEIGHT + CELL_HEIGHT / 2.0, SVG_PALE);
	}
}

/* The legend, in as many lines as it needs; `svg` NULL only measures. Returns the y below it. */
static double legend_draw(struct svg *svg, const struct picture *picture, double right, double y)
{
	double x = MARGIN;
	for (unsigned i = 0; i < picture->state_count; i++) {
		const struct picture_state *state = &picture->states[i];
		const char *name = picture->state_name(i);
		if (!is_explained(picture, i))
			continue;
		double width = CELL_WIDTH + (double)(strlen(name) + 4) * LETTER_WIDTH;
		if (x > MARGIN && x + width > right) {
			x = MARGIN;
			y += LINE_HEIGHT;
		}
		if (svg != NULL) {
			svg_box(svg, x, y, CELL_WIDTH, CELL_HEIGHT, state->ink, state->is_filled);
			svg_label(svg, x + CELL_WIDTH + 4, y + BASE - 1, SVG_INK, true, "%c %s",
				  state->letter, name);
		}
		x += width;
	}
	return y + LINE_HEIGHT;
}

static int svg_write(const struct picture *picture, const char *label)
{
	struct svg svg;
	double width = cells_x(picture, 1) + PICTURE_COLUMNS * CELL_WIDTH + MARGIN;
	double y = MARGIN + 1.5 * LINE_HEIGHT, height = y;
	for (size_t i = 0; i < picture->count; i++)
		height += row_height(picture, &picture->rows[i]);
	height = legend_draw(NULL, picture, width - MARGIN, height + LINE_HEIGHT / 2.0) + MARGIN;
	if (!svg_open(&svg, picture->svg_path, (int)width, (int)height, picture->title))
		goto failed;
	svg_label(&svg, MARGIN, MARGIN + BASE, SVG_INK, false, "%s", label);
	if (picture->is_tree)
		trunks_draw(&svg, picture, y);
	for (size_t i = 0; i < picture->count; i++) {
		const struct picture_row *row = &picture->rows[i];
		bool is_beside = picture->text_columns > 0;
		if (picture->is_tree)
			branch_draw(&svg, row, width - MARGIN, y);
		else
			svg_label(&svg, MARGIN + row->indent * ROW_INDENT, y + BASE, SVG_INK, true,
				  "%s", row->text);
		cells_draw(&svg, picture, row, is_beside ? y + 1 : y + LINE_HEIGHT);
		y += row_height(picture, row);
	}
	legend_draw(&svg, picture, width - MARGIN, y + LINE_HEIGHT / 2.0);
	if (svg_close(&svg))
		return STATUS_OK;
failed:
	notice_write(picture->after.name, "%s: %s", picture->svg_path, strerror(errno));
	return STATUS_FAILURE;
}

/* ---- the command ---- */

static bool step(void *context)
{
	struct picture *picture = context;
	return picture->step(picture);
}

static int picture_show(struct picture *picture)
{
	char label[AFTER_LABEL_BYTES];
	if (picture->make != NULL && !picture->make(picture)) {
		notice_write(picture->after.name, "no memory");
		return STATUS_FAILURE;
	}
	vm_after_label(&picture->after, label, sizeof(label));
	if (picture->after.is_json)
		json_write(picture);
	else
		text_write(picture, label);
	return picture->svg_path == NULL ? STATUS_OK : svg_write(picture, label);
}

int picture_main(const struct command *command, int argc, char **argv, struct picture *picture)
{
	struct argument_scan scan;
	const struct command_option *option;
	int status;
	picture->after.command = command;
	argument_init(&scan, command, argc, argv);
	while ((option = argument_next(&scan)) != NULL) {
		if (strcmp(option->name, "svg") == 0)
			picture->svg_path = scan.value;
		else if (strcmp(option->name, "steps") == 0)
			picture->is_stepwise = true;
		else
			vm_after_option(&picture->after, &scan, option->name);
	}
	if (scan.status != ARGUMENT_GO_ON)
		return scan.status;
	if (scan.index != argc - 1)
		return argument_refuse(&scan, NULL, "one script, not %d", argc - scan.index);
	if (picture->is_stepwise) {
		picture->after.each = step;
		picture->after.context = picture;
	}
	if (vm_after_play(&picture->after, argv[scan.index], &status))
		status = picture_show(picture);
	vm_after_finish(&picture->after);
	free(picture->rows);
	if (status == STATUS_OK && !picture->after.is_json)
		notice_next(command->next);
	return status;
}
