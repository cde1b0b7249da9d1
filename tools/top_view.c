/* SPDX-License-Identifier: MIT */
/*
 * Views: the frame around them. See top_view.h.
 */
#include "top_view.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "report.h"

enum {
	TEXTS = 16,
	TEXT_BYTES = 32,
	NS_PER_S = 1000000000,
	SECONDS_A_MINUTE = 60,
	SECONDS_AN_HOUR = 3600,
	GRAPH_ROWS_MIN = 3,
	GRAPH_ROWS_MAX = 8,
	TABLE_ROWS_MIN = 6,
};

static const char *const tab_names[TOP_TABS] = { "stacks", "size classes", "pages", "threads",
						 "faults" };
static const char *const sort_names[TOP_SORTS] = { "total", "own", "allocations" };

static char *value_text(double value, const char *unit)
{
	static char texts[TEXTS][TEXT_BYTES];
	static unsigned next;
	char *text = texts[next++ % TEXTS];

	report_value_text(text, TEXT_BYTES, value, unit);
	return text;
}

const char *top_bytes(double bytes)
{
	return value_text(bytes, "bytes");
}

const char *top_bytes_short(double bytes)
{
	char *text = value_text(bytes, "bytes");
	char *blank = strchr(text, ' ');

	/* "12.3 MiB" is "12.3M", "12 B" is "12B". */
	if (blank != NULL) {
		blank[0] = blank[1];
		blank[1] = '\0';
	}
	return text;
}

const char *top_count(double count)
{
	return value_text(count, "count");
}

int top_view_scroll(struct top_view *view, int count, int rows)
{
	view->row_count = count;
	if (view->selected >= count)
		view->selected = count - 1;
	if (view->selected < 0)
		view->selected = 0;
	if (view->selected < view->first)
		view->first = view->selected;
	if (rows > 0 && view->selected >= view->first + rows)
		view->first = view->selected - rows + 1;
	if (view->first + rows > count)
		view->first = count > rows ? count - rows : 0;
	return count - view->first < rows ? count - view->first : rows;
}

/* ---- the head ----------------------------------------------------------------------------- */

static void uptime_text(char *text, size_t bytes, uint64_t ns)
{
	uint64_t s = ns / NS_PER_S;

	if (s >= SECONDS_AN_HOUR)
		snprintf(text, bytes, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64, s / SECONDS_AN_HOUR,
			 s / SECONDS_A_MINUTE % SECONDS_A_MINUTE, s % SECONDS_A_MINUTE);
	else
		snprintf(text, bytes, "%" PRIu64 ":%02" PRIu64, s / SECONDS_A_MINUTE,
			 s % SECONDS_A_MINUTE);
}

/* Who it is, and for how long. */
static void identity_draw(const struct top_view *view, const struct top_process *process,
			  struct top_canvas *canvas)
{
	char uptime[TEXT_BYTES], right[TOP_NOTE_BYTES];
	const struct trace_info *info = process->info;

	uptime_text(uptime, sizeof(uptime), process->state.now);
	snprintf(right, sizeof(right), " %s%s  %zu thread%s  up %s", info->strategy,
		 info->has_front ? "" : " (front off)", process->count.thread_count,
		 process->count.thread_count == 1 ? "" : "s", uptime);
	int column = top_canvas_text(canvas, 0, 0, TOP_STRONG, "allot top %u ",
				     process->state.process);
	top_canvas_text(canvas, 0, column, TOP_PLAIN, "%s", info->command);
	top_canvas_right(canvas, 0, canvas->columns, TOP_PLAIN, "%s", right);
	if (process->is_all_read)
		top_canvas_right(canvas, 1, canvas->columns, TOP_WARNING, " ended ");
	else if (view->is_paused)
		top_canvas_right(canvas, 1, canvas->columns, TOP_WARNING, " paused ");
	else if (view->process_count > 1)
		top_canvas_right(canvas, 1, canvas->columns, TOP_PLAIN, "%zu processes: p",
				 view->process_count);
}

static void figures_draw(const struct top_process *process, struct top_canvas *canvas)
{
	const struct report_count *count = &process->count;
	struct report_point point = { .time = 0 };
	int column = 0;

	top_process_ledger(process, &point);
	column = top_canvas_text(canvas, 1, column, TOP_PLAIN, "requested ");
	column = top_canvas_text(canvas, 1, column, TOP_STRONG, "%s",
				 top_bytes((double)count->requested_bytes));
	if (point.has_resident) {
		column = top_canvas_text(canvas, 1, column, TOP_PLAIN, "  resident ");
		column = top_canvas_text(canvas, 1, column, TOP_STRONG, "%s",
					 top_bytes((double)point.resident_bytes));
	}
	column = top_canvas_text(canvas, 1, column, TOP_PLAIN, "  events ");
	column = top_canvas_text(canvas, 1, column, TOP_STRONG, "%s/s",
				 top_count(process->rates.events));
	column = top_canvas_text(canvas, 1, column, TOP_PLAIN, "  allocations ");
	top_canvas_text(canvas, 1, column, TOP_STRONG, "%s/s",
			top_count(process->rates.allocations));
}

/* ---- tabs and keys ------------------------------------------------------------------------ */

static void tabs_draw(const struct top_view *view, const struct top_process *process,
		      struct top_canvas *canvas, int row)
{
	int column = 0;

	for (int tab = 0; tab < TOP_TABS; tab++) {
		bool is_shown = (enum top_tab)tab == view->tab;

		column = top_canvas_text(canvas, row, column, is_shown ? TOP_HEAD : TOP_PLAIN,
					 is_shown ? "[%d %s]" : " %d %s ", tab + 1,
					 tab_names[tab]);
		column++;
	}
	char right[TOP_NOTE_BYTES] = "";
	size_t length = 0;
	if (view->tab != TOP_PAGES && view->tab != TOP_FAULTS)
		length = (size_t)snprintf(right, sizeof(right), "by %s", sort_names[view->sort]);
	if (view->thread != TOP_ALL_THREADS && view->tab == TOP_STACKS)
		length += (size_t)snprintf(right + length, sizeof(right) - length,
					   ", thread %d %s", view->thread,
					   trace_thread_name(process->trace,
							     (uint32_t)view->thread));
	if (view->filter[0] != '\0' || view->is_typing)
		snprintf(right + length, sizeof(right) - length, ", /%s%s", view->filter,
			 view->is_typing ? "_" : "");
	top_canvas_right(canvas, row, canvas->columns, TOP_WEAK, "%s", right);
}

static void keys_draw(const struct top_view *view, const struct top_process *process,
		      struct top_canvas *canvas)
{
	char warning[TOP_NOTE_BYTES];
	int row = canvas->rows - 1;

	if (view->note[0] != '\0') {
		top_canvas_text(canvas, row, 0, TOP_WARNING, "%s", view->note);
		return;
	}
	if (top_process_warning(process, warning, sizeof(warning))[0] != '\0') {
		top_canvas_text(canvas, row, 0, TOP_WARNING, "%s", warning);
		if (!view->is_batch)
			top_canvas_right(canvas, row, canvas->columns, TOP_WEAK,
					 "  ? help  q quit");
		return;
	}
	if (view->is_batch)
		return;
	top_canvas_text(canvas, row, 0, TOP_WEAK,
			"q quit  ? help  1-5 view  t/o/a sort  < > thread  / filter  space pause  "
			"d report");
}

static void help_draw(const struct top_view *view, struct top_canvas *canvas,
		      struct top_area area)
{
	static const char *const lines[] = {
		"1 to 5, tab   stacks, size classes, pages, threads, faults",
		"t  o  a       sort by total, by own, by allocations",
		"<  >          one thread's stacks, or all threads'",
		"up, down      choose a function: its heaviest stack is shown below",
		"/             only functions that contain a text; escape clears it",
		"space         pause the screen; the program goes on, and is followed",
		"p             another process, where the program has children",
		"d             write a report to allot.top.PID.json",
		"q             quit; a program started by allot top is ended, too",
		"",
		"requested is exact; resident is the kernel's, at the last sample",
		"in stacks and classes a resize is an allocation and a free",
	};
	int row = area.first;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]) && row < area.end; i++)
		top_canvas_text(canvas, row++, 2, TOP_PLAIN, "%s", lines[i]);
	if (view->output != NULL && row < area.end)
		top_canvas_text(canvas, row, 2, TOP_PLAIN, "the program's output %s", view->output);
}

void top_view_draw(struct top_view *view, struct top_process *process, struct top_canvas *canvas)
{
	static void (*const tabs[TOP_TABS])(struct top_view *, struct top_process *,
					    struct top_canvas *, struct top_area) = {
		top_stacks_draw, top_classes_draw, top_pages_draw, top_threads_draw,
		top_faults_draw,
	};

	top_canvas_clear(canvas);
	if (canvas->rows < TOP_ROWS_MIN || canvas->columns < TOP_COLUMNS_MIN) {
		top_canvas_text(canvas, 0, 0, TOP_WARNING, "%d x %d is too small: at least %d x %d",
				canvas->columns, canvas->rows, TOP_COLUMNS_MIN, TOP_ROWS_MIN);
		return;
	}
	identity_draw(view, process, canvas);
	figures_draw(process, canvas);
	/* Two rows above, four of ledger and tabs, one below: a third of the rest is the graph. */
	int graph = (canvas->rows - 6 - 1) / 3;
	graph = graph > GRAPH_ROWS_MAX ? GRAPH_ROWS_MAX : graph;
	int row = top_ledger_draw(process, canvas, 2,
				  graph < GRAPH_ROWS_MIN || canvas->rows < TOP_ROWS_MIN +
				  TABLE_ROWS_MIN ? 0 : graph);
	tabs_draw(view, process, canvas, row++);
	struct top_area area = { row, canvas->rows - 1 };
	if (view->has_help)
		help_draw(view, canvas, area);
	else
		tabs[view->tab](view, process, canvas, area);
	keys_draw(view, process, canvas);
}
