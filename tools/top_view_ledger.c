/* SPDX-License-Identifier: MIT */
/*
 * The ledger as a bar: what resident bytes are made of; and a minute of it as a graph.
 *
 * The bar is the resident bytes: terms in the order of the ledger, each as wide as its share. What
 * of requested bytes was never touched takes up nothing, so it is taken off the first of them.
 */
#include <string.h>

#include "top_view.h"

enum {
	LABEL_COLUMNS = 11, /* of the graph's scale */
	LEGEND_COLUMNS = 26,
};

/* Marks that tell terms apart without colours. */
static const struct {
	wchar_t mark;
	char ascii;
} term_marks[REPORT_TERMS] = {
	[REPORT_REQUESTED] = { 0x2588, '#' },
	[REPORT_ROUNDING] = { 0x2593, '%' },
	[REPORT_TAGS] = { 0x2592, '+' },
	[REPORT_PINNED_FREE] = { 0x2591, ':' },
	[REPORT_RECLAIMABLE_FREE] = { 0x00b7, '.' },
	[REPORT_METADATA] = { '=', '=' },
	[REPORT_RECORDER] = { '-', '-' },
	[REPORT_UNTOUCHED] = { ' ', ' ' },
};

static void bar_draw(const struct report_point *point, struct top_canvas *canvas, int row)
{
	double whole = (double)report_point_sum(point), sum = 0;
	int column = 0;

	for (int term = 0; term < REPORT_UNTOUCHED && whole > 0; term++) {
		sum += (double)report_point_touched(point, (enum report_term)term);
		int end = (int)(sum / whole * canvas->columns + 0.5);
		column = top_canvas_fill(canvas, row, column, end - column,
					 (enum top_style)(TOP_TERM + term), term_marks[term].mark,
					 term_marks[term].ascii);
	}
}

static void legend_draw(const struct report_point *point, struct top_canvas *canvas, int row)
{
	static const char *const names[REPORT_TERMS] = {
		"requested", "rounding", "tags", "pinned free", "reclaimable", "metadata",
		"recorder", "untouched",
	};
	int across = REPORT_TERMS / 2;
	int width = canvas->columns / across < LEGEND_COLUMNS ? canvas->columns / across :
								LEGEND_COLUMNS;

	for (int term = 0; term < REPORT_TERMS; term++) {
		int at = row + term / across, column = term % across * width;
		enum top_style style = (enum top_style)(TOP_TERM + term);
		bool is_known = point->has_resident || term <= REPORT_TAGS;

		top_canvas_fill(canvas, at, column, 1, style, term_marks[term].mark,
				term_marks[term].ascii);
		int end = top_canvas_text(canvas, at, column + 1, TOP_PLAIN, "%s ",
					  term == REPORT_UNTOUCHED ? "-untouched" : names[term]);
		if (!is_known)
			top_canvas_text(canvas, at, end, TOP_WEAK, "n/a");
		else
			top_canvas_text(canvas, at, end, TOP_PLAIN, "%s",
					top_bytes_short((double)point->terms[term]));
	}
}

/* ---- a minute ----------------------------------------------------------------------------- */

static uint64_t minute_peak(const struct top_process *process)
{
	uint64_t peak = 1;

	for (unsigned ago = 0; ago < TOP_SECONDS; ago++) {
		const struct top_second *second = top_process_second(process, ago);
		if (second == NULL)
			continue;
		peak = second->requested_bytes > peak ? second->requested_bytes : peak;
		peak = second->resident_bytes > peak ? second->resident_bytes : peak;
	}
	return peak;
}

/* One column: requested bytes as a block, what is resident beyond them lighter. */
static void column_draw(const struct top_second *second, struct top_canvas *canvas, int column,
			struct top_area area, uint64_t peak)
{
	int rows = area.end - area.first;
	int eighths = (int)((double)second->requested_bytes / (double)peak * rows * 8 + 0.5);
	int resident = (int)((double)second->resident_bytes / (double)peak * rows * 8 + 0.5);

	for (int i = 0; i < rows; i++) {
		int row = area.end - 1 - i, filled = eighths - i * 8;

		if (filled >= 8)
			top_canvas_fill(canvas, row, column, 1, TOP_TERM + REPORT_REQUESTED, 0x2588,
					'#');
		else if (resident - i * 8 >= 4)
			top_canvas_fill(canvas, row, column, 1, TOP_TERM + REPORT_PINNED_FREE,
					0x2591, ':');
		else if (filled > 0)
			top_canvas_fill(canvas, row, column, 1, TOP_TERM + REPORT_REQUESTED,
					0x2580 + filled, '#');
	}
}

static void graph_draw(const struct top_process *process, struct top_canvas *canvas,
		       struct top_area area)
{
	uint64_t peak = minute_peak(process);
	int width = canvas->columns - LABEL_COLUMNS;

	top_canvas_right(canvas, area.first, LABEL_COLUMNS - 1, TOP_WEAK, "%s",
			 top_bytes((double)peak));
	top_canvas_right(canvas, area.end - 1, LABEL_COLUMNS - 1, TOP_WEAK, "60 s   0");
	for (int row = area.first; row < area.end; row++)
		top_canvas_fill(canvas, row, LABEL_COLUMNS - 1, 1, TOP_WEAK, 0x2502, '|');
	for (int i = 0; i < width; i++) {
		unsigned ago = (unsigned)((long)(width - 1 - i) * TOP_SECONDS / width);
		const struct top_second *second = top_process_second(process, ago);
		if (second != NULL)
			column_draw(second, canvas, LABEL_COLUMNS + i, area, peak);
	}
}

int top_ledger_draw(const struct top_process *process, struct top_canvas *canvas, int row,
		    int graph_rows)
{
	struct report_point point = { .time = 0 };

	top_process_ledger(process, &point);
	bar_draw(&point, canvas, row);
	legend_draw(&point, canvas, row + 1);
	row += 3;
	if (graph_rows > 0)
		graph_draw(process, canvas, (struct top_area){ row, row + graph_rows });
	return row + graph_rows;
}
