/* SPDX-License-Identifier: MIT */
/*
 * Canvas: a screen in memory that views write on; a terminal or a stream of text shows it.
 *
 * Views never ask what shows them: a mark has an ASCII form for terminals without UTF-8, and what
 * colour says is also said by a mark or a word. What does not fit is cut off.
 */
#ifndef ALLOT_TOOLS_TOP_CANVAS_H
#define ALLOT_TOOLS_TOP_CANVAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum top_style {
	TOP_PLAIN,
	TOP_STRONG,
	TOP_WEAK,
	TOP_HEAD,     /* of a table, or a tab that is shown */
	TOP_WARNING,
	/* Terms of the ledger: TOP_TERM + enum report_term. */
	TOP_TERM,
	TOP_STYLES = TOP_TERM + 8,
};

/* One place of the screen. */
struct top_cell {
	wchar_t mark;
	uint8_t style;
	bool is_marked; /* shown in reverse */
};

/* Start with top_canvas_resize(). */
struct top_canvas {
	struct top_cell *cells; /* row by row */
	int rows, columns;
	bool is_ascii;
};

/* False: no memory. All is blank then. */
bool top_canvas_resize(struct top_canvas *canvas, int rows, int columns);
void top_canvas_clear(struct top_canvas *canvas);
void top_canvas_free(struct top_canvas *canvas);

/* Write UTF-8 text from (row, column) on; returns the column behind it. */
int top_canvas_text(struct top_canvas *canvas, int row, int column, enum top_style style,
		    const char *format, ...) __attribute__((format(printf, 5, 6)));

/* The same, ending before column `end`. */
int top_canvas_right(struct top_canvas *canvas, int row, int end, enum top_style style,
		     const char *format, ...) __attribute__((format(printf, 5, 6)));

/* One mark, `count` times; `ascii` is what a terminal without UTF-8 shows. */
int top_canvas_fill(struct top_canvas *canvas, int row, int column, int count,
		    enum top_style style, wchar_t mark, char ascii);

/* Show a row in reverse, or in a style. */
void top_canvas_mark(struct top_canvas *canvas, int row);
void top_canvas_style(struct top_canvas *canvas, int row, enum top_style style);

/* A bar of at most `width` places, `share` of it full. */
void top_canvas_bar(struct top_canvas *canvas, int row, int column, int width, double share,
		    enum top_style style);

/* Write all rows as lines of text, without what is blank at their ends. */
void top_canvas_write(const struct top_canvas *canvas, FILE *out);

#endif
