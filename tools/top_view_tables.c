/* SPDX-License-Identifier: MIT */
/*
 * The tabs that are tables: stacks, size classes, threads.
 */
#include <stdlib.h>
#include <string.h>

#include "top_view.h"

enum {
	STACK_BYTES = 512,
	NUMBER_COLUMNS = 11,
	BAR_COLUMNS = 8,
};

/* The heads of columns that are NUMBER_COLUMNS wide; the one that is sorted by stands out. */
static int heads_draw(struct top_canvas *canvas, int row, const char *const *heads, int sorted)
{
	int column = 0;

	for (int i = 0; heads[i] != NULL; i++) {
		column += NUMBER_COLUMNS;
		top_canvas_right(canvas, row, column - 1, i == sorted ? TOP_STRONG : TOP_WEAK, "%s",
				 heads[i]);
	}
	return column;
}

static void number_draw(struct top_canvas *canvas, int row, int index, const char *text)
{
	top_canvas_right(canvas, row, (index + 1) * NUMBER_COLUMNS - 1, TOP_PLAIN, "%s", text);
}

/* ---- stacks ------------------------------------------------------------------------------- */

static void function_draw(const struct top_process *process, struct top_canvas *canvas, int row,
			  const struct top_function *function, enum top_sort sort)
{
	double whole = (double)process->count.requested_bytes;
	double share = sort == TOP_BY_OWN ? (double)function->own_bytes :
					    (double)function->total_bytes;
	int column = 4 * NUMBER_COLUMNS;

	number_draw(canvas, row, 0, top_bytes((double)function->total_bytes));
	number_draw(canvas, row, 1, top_bytes((double)function->own_bytes));
	number_draw(canvas, row, 2, top_count((double)function->allocations));
	number_draw(canvas, row, 3, top_count(function->rate));
	if (canvas->columns >= 100) {
		top_canvas_bar(canvas, row, column, BAR_COLUMNS, whole > 0 ? share / whole : 0,
			       TOP_TERM + REPORT_REQUESTED);
		column += BAR_COLUMNS + 1;
	}
	column = top_canvas_text(canvas, row, column, TOP_PLAIN, "%s", function->name);
	if (function->module[0] != '\0')
		top_canvas_text(canvas, row, column + 1, TOP_WEAK, "%s", function->module);
}

/* The heaviest stack of the function that is chosen. */
static void chosen_draw(struct top_process *process, struct top_canvas *canvas, int row,
			const struct top_function *function)
{
	char text[STACK_BYTES];

	if (function->stack == 0)
		return;
	top_stack_text(process, function->stack, text, sizeof(text));
	top_canvas_fill(canvas, row, 0, canvas->columns, TOP_PLAIN, ' ', ' ');
	int column = top_canvas_text(canvas, row, 0, TOP_STRONG, "most: %s ",
				     top_bytes((double)function->stack_bytes));
	top_canvas_text(canvas, row, column, TOP_WEAK, "%s", text);
}

void top_stacks_draw(struct top_view *view, struct top_process *process,
		     struct top_canvas *canvas, struct top_area area)
{
	static const char *const heads[] = { "total", "own", "allocated", "a second", NULL };

	if (!top_functions_make(process, view->thread, view->filter, view->sort))
		return;
	const struct top_functions *functions = process->functions;
	int count = (int)functions->order_count;
	bool has_stacks = process->info->depth > 0;
	int column = heads_draw(canvas, area.first, heads, (int)view->sort);
	top_canvas_text(canvas, area.first, column + (canvas->columns >= 100 ? BAR_COLUMNS + 1 : 0),
			TOP_WEAK, "function");
	int rows = area.end - area.first - 1 - (has_stacks && !view->is_batch ? 1 : 0);
	int shown = top_view_scroll(view, count, rows);
	for (int i = 0; i < shown; i++) {
		int index = view->first + i, row = area.first + 1 + i;
		function_draw(process, canvas, row, &functions->all[functions->order[index]],
			      view->sort);
		if (index == view->selected && !view->is_batch)
			top_canvas_mark(canvas, row);
	}
	if (!has_stacks && shown + 2 < area.end - area.first)
		top_canvas_text(canvas, area.first + shown + 2, 0, TOP_WEAK,
				"no stacks were recorded (trace_depth:0)");
	if (has_stacks && !view->is_batch && count > 0)
		chosen_draw(process, canvas, area.end - 1,
			    &functions->all[functions->order[view->selected]]);
}

/* ---- size classes ------------------------------------------------------------------------- */

static const struct report_class *sorted_classes;
static enum top_sort classes_by;

static uint64_t class_weight(const struct report_class *class)
{
	return classes_by == TOP_BY_TOTAL ? class->live_bytes :
	       classes_by == TOP_BY_OWN ? class->live_blocks : class->allocations;
}

static int class_compare(const void *a, const void *b)
{
	int left = *(const int *)a, right = *(const int *)b;
	uint64_t left_weight = class_weight(&sorted_classes[left]);
	uint64_t right_weight = class_weight(&sorted_classes[right]);

	if (left_weight != right_weight)
		return left_weight > right_weight ? -1 : 1;
	return left - right;
}

static void class_draw(const struct top_process *process, struct top_canvas *canvas, int row,
		       int index)
{
	const struct report_class *class = &process->count.classes[index];
	uint64_t from = report_class_from((unsigned)index);
	uint64_t to = report_class_from((unsigned)index + 1) - 1;
	double whole = (double)process->count.requested_bytes;

	number_draw(canvas, row, 0, top_bytes((double)class->live_bytes));
	number_draw(canvas, row, 1, top_count((double)class->live_blocks));
	number_draw(canvas, row, 2, top_count((double)class->allocations));
	double rounding = class->allocated_bytes + class->rounding_bytes > 0 ?
		(double)class->rounding_bytes /
		(double)(class->allocated_bytes + class->rounding_bytes) : 0;
	top_canvas_right(canvas, row, 4 * NUMBER_COLUMNS - 1, TOP_PLAIN, "%.0f %%", 100 * rounding);
	int column = 4 * NUMBER_COLUMNS;
	if (from == to)
		top_canvas_text(canvas, row, column, TOP_PLAIN, "%s", top_bytes((double)from));
	else
		top_canvas_text(canvas, row, column, TOP_PLAIN, "%s to %s",
				top_bytes((double)from), top_bytes((double)to));
	top_canvas_bar(canvas, row, column + 22, canvas->columns - column - 23,
		       whole > 0 ? (double)class->live_bytes / whole : 0,
		       TOP_TERM + REPORT_REQUESTED);
}

void top_classes_draw(struct top_view *view, struct top_process *process,
		      struct top_canvas *canvas, struct top_area area)
{
	static const char *const heads[] = { "live", "blocks", "allocated", "rounding", NULL };
	int order[REPORT_CLASSES], count = 0;

	for (int i = 0; i < REPORT_CLASSES; i++)
		if (process->count.classes[i].allocations > 0)
			order[count++] = i;
	sorted_classes = process->count.classes;
	classes_by = view->sort;
	qsort(order, (size_t)count, sizeof(order[0]), class_compare);
	int column = heads_draw(canvas, area.first, heads, (int)view->sort);
	top_canvas_text(canvas, area.first, column, TOP_WEAK, "requests of");
	top_canvas_text(canvas, area.first, column + 22, TOP_WEAK, "share");
	int shown = top_view_scroll(view, count, area.end - area.first - 1);
	for (int i = 0; i < shown; i++) {
		int index = view->first + i;
		class_draw(process, canvas, area.first + 1 + i, order[index]);
		if (index == view->selected && !view->is_batch)
			top_canvas_mark(canvas, area.first + 1 + i);
	}
}

/* ---- threads ------------------------------------------------------------------------------ */

static const struct report_thread *sorted_threads;
static enum top_sort threads_by;

static int64_t thread_weight(const struct report_thread *thread)
{
	return threads_by == TOP_BY_TOTAL ? thread->live_bytes :
	       threads_by == TOP_BY_OWN ? (int64_t)thread->frees : (int64_t)thread->allocations;
}

static int thread_compare(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
	int64_t left_weight = thread_weight(&sorted_threads[left]);
	int64_t right_weight = thread_weight(&sorted_threads[right]);

	if (left_weight != right_weight)
		return left_weight > right_weight ? -1 : 1;
	return left < right ? -1 : left > right;
}

static void thread_draw(const struct top_process *process, struct top_canvas *canvas, int row,
			uint32_t number)
{
	const struct report_thread *thread = &process->count.threads[number];
	double live = thread->live_bytes > 0 ? (double)thread->live_bytes : 0;
	double rate = number < process->thread_room ? process->thread_rates[number] : 0;

	number_draw(canvas, row, 0, top_bytes(live));
	number_draw(canvas, row, 1, top_count((double)thread->frees));
	number_draw(canvas, row, 2, top_count((double)thread->allocations));
	number_draw(canvas, row, 3, top_count(rate));
	number_draw(canvas, row, 4, top_count((double)thread->frees_of_others));
	const char *name = trace_thread_name(process->trace, number);
	top_canvas_text(canvas, row, 5 * NUMBER_COLUMNS, TOP_PLAIN, "%u %s", number, name);
}

void top_threads_draw(struct top_view *view, struct top_process *process,
		      struct top_canvas *canvas, struct top_area area)
{
	static const char *const heads[] = { "live", "freed", "allocated", "a second",
					     "of others", NULL };
	size_t count = process->count.thread_count;
	uint32_t *order = calloc(count + 1, sizeof(*order));

	if (order == NULL)
		return;
	for (size_t i = 0; i < count; i++)
		order[i] = (uint32_t)i;
	sorted_threads = process->count.threads;
	threads_by = view->sort;
	qsort(order, count, sizeof(*order), thread_compare);
	int column = heads_draw(canvas, area.first, heads, (int)view->sort);
	top_canvas_text(canvas, area.first, column, TOP_WEAK, "thread");
	int shown = top_view_scroll(view, (int)count, area.end - area.first - 1);
	for (int i = 0; i < shown; i++) {
		int index = view->first + i;
		thread_draw(process, canvas, area.first + 1 + i, order[index]);
		if (index == view->selected && !view->is_batch)
			top_canvas_mark(canvas, area.first + 1 + i);
	}
	free(order);
}
