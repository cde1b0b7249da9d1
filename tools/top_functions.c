/* SPDX-License-Identifier: MIT */
/*
 * Functions: see top_functions.h. Functions are told apart by their names, of which equal ones are
 * one text; each frame's is looked up once.
 */
#include "top_functions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "room.h"

enum {
	DEPTH_MAX = 512,
	NAMES_FIRST = 1024,
	NS_PER_S = 1000000000,
};

static size_t name_slot(const struct top_functions *functions, const char *name)
{
	uint64_t hash = (uint64_t)(uintptr_t)name * UINT64_C(0x9e3779b97f4a7c15);
	size_t slot = (size_t)(hash >> 20) & (functions->name_room - 1);

	while (functions->by_name[slot] != 0 &&
	       functions->all[functions->by_name[slot] - 1].name != name)
		slot = (slot + 1) & (functions->name_room - 1);
	return slot;
}

static void names_grow(struct top_functions *functions)
{
	if (functions->count * 2 < functions->name_room)
		return;
	functions->name_room = functions->name_room > 0 ? functions->name_room * 2 : NAMES_FIRST;
	free(functions->by_name);
	functions->by_name = room_take(functions->name_room, sizeof(*functions->by_name));
	for (size_t i = 0; i < functions->count; i++)
		functions->by_name[name_slot(functions, functions->all[i].name)] =
			(uint32_t)i + 1;
}

static const char *file_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

/* The function of a frame, by its index. */
static uint32_t frame_function(struct top_process *process, uint32_t frame)
{
	struct top_functions *functions = process->functions;
	const char *name;

	if (frame < functions->frame_count && functions->of_frame[frame] != 0)
		return functions->of_frame[frame] - 1;
	name = frame == 0 || frame >= functions->frame_count ?
		       SYMBOLS_NO_STACK : symbols_function(process->symbols, frame, NULL);
	names_grow(functions);
	size_t slot = name_slot(functions, name);
	if (functions->by_name[slot] == 0) {
		functions->all = room_grow(functions->all, &functions->room,
					   functions->count + 1, sizeof(*functions->all));
		functions->all[functions->count] = (struct top_function){
			.name = name,
			.module = frame == 0 || frame >= functions->frame_count ?
					  "" : file_name(symbols_module(process->symbols, frame)),
		};
		functions->by_name[slot] = (uint32_t)++functions->count;
	}
	uint32_t index = functions->by_name[slot] - 1;
	if (frame < functions->frame_count)
		functions->of_frame[frame] = index + 1;
	return index;
}

/* Trace, symbols and frames may have become more. */
static void functions_grow(struct top_process *process)
{
	const struct symbols_options options = { .has_no_folders = true };
	struct top_functions *functions = process->functions;
	size_t frames = trace_frame_count(process->trace);

	if (functions == NULL)
		functions = process->functions = room_take(1, sizeof(*functions));
	if (process->symbols == NULL)
		process->symbols = symbols_open(process->trace, &options);
	symbols_grow(process->symbols);
	if (frames <= functions->frame_count)
		return;
	uint32_t *of_frame = room_take(frames, sizeof(*of_frame));
	if (functions->frame_count > 0)
		memcpy(of_frame, functions->of_frame, functions->frame_count * sizeof(*of_frame));
	free(functions->of_frame);
	functions->of_frame = of_frame;
	functions->frame_count = frames;
}

static void total_add(struct top_function *function, const struct stack_row *row, uint64_t stamp)
{
	if (function->stamp == stamp)
		return;
	function->stamp = stamp;
	function->total_bytes += row->now.bytes;
	if (row->now.bytes >= function->stack_bytes) {
		function->stack_bytes = row->now.bytes;
		function->stack = row->stack;
	}
}

static void row_add(struct top_process *process, const struct stack_row *row, uint64_t stamp)
{
	uint32_t frame = row->stack;
	/* Asking for one may move them all. */
	uint32_t innermost = frame_function(process, frame);
	struct top_function *own = &process->functions->all[innermost];

	own->own_bytes += row->now.bytes;
	own->own_blocks += row->now.block_count;
	own->allocations += row->allocation_count;
	for (int depth = 0; depth < DEPTH_MAX; depth++) {
		uint32_t index = frame_function(process, frame);
		total_add(&process->functions->all[index], row, stamp);
		const struct trace_frame *found = trace_frame_get(process->trace, frame);
		frame = found != NULL && found->parent < frame ? found->parent : 0;
		if (frame == 0)
			break;
	}
}

/* ---- order -------------------------------------------------------------------------------- */

static const struct top_function *sorted_all;
static enum top_sort sorted_by;

static uint64_t weight_of(const struct top_function *function, enum top_sort sort)
{
	return sort == TOP_BY_TOTAL ? function->total_bytes :
	       sort == TOP_BY_OWN ? function->own_bytes : function->allocations;
}

static int order_compare(const void *a, const void *b)
{
	const struct top_function *left = &sorted_all[*(const uint32_t *)a];
	const struct top_function *right = &sorted_all[*(const uint32_t *)b];
	uint64_t left_weight = weight_of(left, sorted_by);
	uint64_t right_weight = weight_of(right, sorted_by);

	if (left_weight != right_weight)
		return left_weight > right_weight ? -1 : 1;
	if (left->own_bytes != right->own_bytes)
		return left->own_bytes > right->own_bytes ? -1 : 1;
	return strcmp(left->name, right->name);
}

static void order_make(struct top_functions *functions, const char *filter, enum top_sort sort)
{
	free(functions->order);
	functions->order = room_take(functions->count + 1, sizeof(*functions->order));
	functions->order_count = 0;
	for (size_t i = 0; i < functions->count; i++) {
		const struct top_function *function = &functions->all[i];
		if (function->total_bytes == 0 && function->allocations == 0)
			continue;
		if (filter[0] == '\0' || strcasestr(function->name, filter) != NULL ||
		    strcasestr(function->module, filter) != NULL)
			functions->order[functions->order_count++] = (uint32_t)i;
	}
	sorted_all = functions->all;
	sorted_by = sort;
	qsort(functions->order, functions->order_count, sizeof(*functions->order), order_compare);
}

static void rates_make(struct top_functions *functions, bool is_same)
{
	uint64_t now = top_clock_ns();
	double seconds = (double)(now - functions->made_ns) / NS_PER_S;

	for (size_t i = 0; i < functions->count; i++) {
		struct top_function *function = &functions->all[i];
		uint64_t before = function->allocations_before;

		function->rate = 0;
		if (is_same && seconds > 0 && function->allocations >= before)
			function->rate = (double)(function->allocations - before) / seconds;
		function->allocations_before = function->allocations;
	}
	functions->made_ns = now;
}

bool top_functions_make(struct top_process *process, int thread, const char *filter,
			enum top_sort sort)
{
	functions_grow(process);
	struct top_functions *functions = process->functions;
	bool is_same = functions->made_ns > 0 && functions->thread == thread;

	for (size_t i = 0; i < functions->count; i++) {
		struct top_function *function = &functions->all[i];
		function->own_bytes = function->total_bytes = function->own_blocks = 0;
		function->allocations = function->stack_bytes = function->stamp = 0;
	}
	for (size_t i = 0; i < process->stacks.row_count; i++) {
		const struct stack_row *row = &process->stacks.rows[i];
		if (thread == TOP_ALL_THREADS || row->thread == (uint32_t)thread)
			row_add(process, row, i + 1);
	}
	functions->thread = thread;
	rates_make(functions, is_same);
	order_make(functions, filter, sort);
	return true;
}

void top_functions_close(struct top_functions *functions)
{
	if (functions == NULL)
		return;
	free(functions->all);
	free(functions->of_frame);
	free(functions->by_name);
	free(functions->order);
	free(functions);
}

const char *top_stack_text(struct top_process *process, uint32_t stack, char *text, size_t bytes)
{
	size_t length = 0;
	uint32_t frame = stack;

	text[0] = '\0';
	for (int depth = 0; depth < DEPTH_MAX && frame != 0 && length + 1 < bytes; depth++) {
		uint32_t index = frame_function(process, frame);
		int added = snprintf(text + length, bytes - length, "%s%s",
				     depth > 0 ? " < " : "", process->functions->all[index].name);
		if (added < 0)
			break;
		length += (size_t)added;
		const struct trace_frame *found = trace_frame_get(process->trace, frame);
		frame = found != NULL && found->parent < frame ? found->parent : 0;
	}
	return text;
}
