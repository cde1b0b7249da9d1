/* SPDX-License-Identifier: MIT */
/*
 * Canvas: see top_canvas.h. Text is decoded here and not by the C library, whose locale may be
 * another than that of the text: names come from files of code.
 */
#include "top_canvas.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

enum {
	LINE_BYTES = 1024,
	ASCII_END = 0x7f,
	EIGHTHS = 8,
};

bool top_canvas_resize(struct top_canvas *canvas, int rows, int columns)
{
	struct top_cell *cells = calloc((size_t)rows * (size_t)columns + 1, sizeof(*cells));

	if (cells == NULL)
		return false;
	free(canvas->cells);
	canvas->cells = cells;
	canvas->rows = rows;
	canvas->columns = columns;
	top_canvas_clear(canvas);
	return true;
}

void top_canvas_clear(struct top_canvas *canvas)
{
	size_t count = (size_t)canvas->rows * (size_t)canvas->columns;

	for (size_t i = 0; i < count; i++)
		canvas->cells[i] = (struct top_cell){ .mark = ' ' };
}

void top_canvas_free(struct top_canvas *canvas)
{
	free(canvas->cells);
	canvas->cells = NULL;
}

static void cell_put(struct top_canvas *canvas, int row, int column, enum top_style style,
		     wchar_t mark)
{
	if (row < 0 || row >= canvas->rows || column < 0 || column >= canvas->columns)
		return;
	struct top_cell *cell = &canvas->cells[(size_t)row * (size_t)canvas->columns +
					       (size_t)column];
	cell->mark = mark;
	cell->style = (uint8_t)style;
}

/* The next character of UTF-8 text, '?' for what is none or takes no single place. */
static wchar_t text_next(const char **text, bool is_ascii)
{
	const unsigned char *p = (const unsigned char *)*text;
	int more = p[0] >= 0xf0 ? 3 : p[0] >= 0xe0 ? 2 : p[0] >= 0xc0 ? 1 : 0;
	uint32_t point = more > 0 ? p[0] & (0x3fu >> more) : p[0];

	(*text)++;
	for (int i = 1; i <= more; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return '?';
		point = point << 6 | (p[i] & 0x3f);
		(*text)++;
	}
	if (point < ' ' || point == ASCII_END || (point >= 0x80 && more == 0))
		return '?';
	if (point > ASCII_END && (is_ascii || wcwidth((wchar_t)point) != 1))
		return '?';
	return (wchar_t)point;
}

static int text_put(struct top_canvas *canvas, int row, int column, enum top_style style,
		    const char *text)
{
	while (*text != '\0')
		cell_put(canvas, row, column++, style, text_next(&text, canvas->is_ascii));
	return column;
}

int top_canvas_text(struct top_canvas *canvas, int row, int column, enum top_style style,
		    const char *format, ...)
{
	char line[LINE_BYTES];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	return text_put(canvas, row, column, style, line);
}

int top_canvas_right(struct top_canvas *canvas, int row, int end, enum top_style style,
		     const char *format, ...)
{
	char line[LINE_BYTES];
	va_list arguments;
	int length = 0;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	for (const char *p = line; *p != '\0'; p++)
		length += (*p & 0xc0) != 0x80;
	return text_put(canvas, row, end - length, style, line);
}

int top_canvas_fill(struct top_canvas *canvas, int row, int column, int count,
		    enum top_style style, wchar_t mark, char ascii)
{
	for (int i = 0; i < count; i++)
		cell_put(canvas, row, column++, style,
			 canvas->is_ascii ? (wchar_t)ascii : mark);
	return column;
}

void top_canvas_mark(struct top_canvas *canvas, int row)
{
	if (row < 0 || row >= canvas->rows)
		return;
	for (int i = 0; i < canvas->columns; i++)
		canvas->cells[(size_t)row * (size_t)canvas->columns + (size_t)i].is_marked = true;
}

void top_canvas_style(struct top_canvas *canvas, int row, enum top_style style)
{
	for (int i = 0; row >= 0 && row < canvas->rows && i < canvas->columns; i++)
		canvas->cells[(size_t)row * (size_t)canvas->columns + (size_t)i].style =
			(uint8_t)style;
}

void top_canvas_bar(struct top_canvas *canvas, int row, int column, int width, double share,
		    enum top_style style)
{
	/* U+258F is an eighth from the left, U+2588 the whole. */
	static const wchar_t whole = 0x2588;
	double filled = share < 0 ? 0 : share > 1 ? 1 : share;
	int eighths = (int)(filled * width * EIGHTHS + 0.5);
	int full = eighths / EIGHTHS, rest = eighths % EIGHTHS;

	column = top_canvas_fill(canvas, row, column, full, style, whole, '#');
	if (rest > 0 && !canvas->is_ascii)
		cell_put(canvas, row, column, style, whole + (EIGHTHS - rest));
}

/* ---- as text ------------------------------------------------------------------------------ */

static void mark_write(wchar_t mark, FILE *out)
{
	uint32_t point = (uint32_t)mark;

	if (point < 0x80) {
		fputc((int)point, out);
	} else if (point < 0x800) {
		fputc((int)(0xc0 | point >> 6), out);
		fputc((int)(0x80 | (point & 0x3f)), out);
	} else {
		if (point < 0x10000) {
			fputc((int)(0xe0 | point >> 12), out);
		} else {
			fputc((int)(0xf0 | point >> 18), out);
			fputc((int)(0x80 | (point >> 12 & 0x3f)), out);
		}
		fputc((int)(0x80 | (point >> 6 & 0x3f)), out);
		fputc((int)(0x80 | (point & 0x3f)), out);
	}
}

void top_canvas_write(const struct top_canvas *canvas, FILE *out)
{
	for (int row = 0; row < canvas->rows; row++) {
		const struct top_cell *cells = &canvas->cells[(size_t)row *
							      (size_t)canvas->columns];
		int end = canvas->columns;
		while (end > 0 && cells[end - 1].mark == ' ')
			end--;
		for (int column = 0; column < end; column++)
			mark_write(cells[column].mark, out);
		fputc('\n', out);
	}
}
