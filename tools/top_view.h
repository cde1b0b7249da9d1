/* SPDX-License-Identifier: MIT */
/*
 * Views: a process's heap on a canvas, as a screen shows it.
 *
 * From above: what it is and how fast it goes; the ledger as a bar with its legend; a minute of
 * resident against requested bytes; the tabs, and the table or the map of the one that is shown;
 * keys, or a note.
 */
#ifndef ALLOT_TOOLS_TOP_VIEW_H
#define ALLOT_TOOLS_TOP_VIEW_H

#include "top.h"
#include "top_canvas.h"
#include "top_functions.h"

enum top_tab { TOP_STACKS, TOP_CLASSES, TOP_PAGES, TOP_THREADS, TOP_FAULTS, TOP_TABS };

enum { TOP_FILTER_BYTES = 64 };

/* What is looked at, and how. Start with zeros, `thread` TOP_ALL_THREADS. */
struct top_view {
	enum top_tab tab;
	enum top_sort sort;
	int thread;                     /* or TOP_ALL_THREADS */
	char filter[TOP_FILTER_BYTES];
	bool is_typing;                 /* of the filter */
	bool is_paused, has_help, is_batch;
	int selected, first;            /* rows of the table */
	int row_count;                  /* of the table, as it was drawn */
	size_t process_count;           /* to choose from */
	char note[TOP_NOTE_BYTES];      /* instead of the keys */
	const char *output;             /* where the program's output goes; NULL: not ours */
};

/* Rows and columns that a screen must have. */
enum { TOP_ROWS_MIN = 12, TOP_COLUMNS_MIN = 40 };

/* Draw everything. */
void top_view_draw(struct top_view *view, struct top_process *process, struct top_canvas *canvas);

/* A table's part of the canvas: rows [first, end). */
struct top_area {
	int first, end;
};

/* The tabs; each draws into `area`. */
void top_stacks_draw(struct top_view *view, struct top_process *process,
		     struct top_canvas *canvas, struct top_area area);
void top_classes_draw(struct top_view *view, struct top_process *process,
		      struct top_canvas *canvas, struct top_area area);
void top_pages_draw(struct top_view *view, struct top_process *process,
		    struct top_canvas *canvas, struct top_area area);
void top_threads_draw(struct top_view *view, struct top_process *process,
		      struct top_canvas *canvas, struct top_area area);
void top_faults_draw(struct top_view *view, struct top_process *process,
		     struct top_canvas *canvas, struct top_area area);

/* The ledger, its legend and the graph, from row `row` on; the row behind them. */
int top_ledger_draw(const struct top_process *process, struct top_canvas *canvas, int row,
		    int graph_rows);

/* Keep the selection within `count` rows and what is shown around it; the rows to draw. */
int top_view_scroll(struct top_view *view, int count, int rows);

/* "12.3 MiB"; "12.3M"; "1.2 M". Texts are kept for the next dozen calls. */
const char *top_bytes(double bytes);
const char *top_bytes_short(double bytes);
const char *top_count(double count);

#endif
