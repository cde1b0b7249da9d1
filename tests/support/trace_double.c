/* SPDX-License-Identifier: MIT */
/*
 * A trace in memory. Nothing is freed before the program ends.
 */
#include "trace_double.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct trace {
	struct trace *before; /* the one that was current until this was begun */
	struct trace_info info;
	struct trace_event *events;
	const char **damages; /* beside each event: what is damaged before it, or NULL */
	size_t count, capacity, position;
	struct trace_frame *frames;
	char **names;
	size_t frame_count;
	const char *message;
	const char *damage; /* before the next event that is added */
	bool is_damage_told;
};

static struct trace *current;

struct trace *trace_double_begin(void)
{
	struct trace *trace = calloc(1, sizeof(*trace));

	assert(trace != NULL);
	trace->info = (struct trace_info){
		.format = "double", .command = "program", .conf = "", .strategy = "segregated",
		.version = "", .host = "", .kernel = "", .page_bytes = 4096, .tag_bytes = 8,
		.depth = 8, .has_addresses = true, .has_times = true, .is_complete = true,
	};
	trace_double_frame(trace, 0, "[bottom]");
	trace->before = current;
	current = trace;
	return trace;
}

struct trace_info *trace_double_info(struct trace *trace)
{
	return &trace->info;
}

static void *copy_of(const void *bytes, size_t count)
{
	void *copy = malloc(count + 1);

	assert(copy != NULL);
	memcpy(copy, bytes, count);
	return copy;
}

void trace_double_add(struct trace *trace, const struct trace_event *event)
{
	if (trace->count == trace->capacity) {
		trace->capacity = trace->capacity > 0 ? 2 * trace->capacity : 256;
		trace->events = realloc(trace->events, trace->capacity * sizeof(*trace->events));
		trace->damages = realloc(trace->damages,
					 trace->capacity * sizeof(*trace->damages));
		assert(trace->events != NULL && trace->damages != NULL);
	}
	trace->damages[trace->count] = trace->damage;
	trace->damage = NULL;
	trace->events[trace->count++] = *event;
}

void trace_double_damage(struct trace *trace, const char *text)
{
	trace->damage = text;
}

uint32_t trace_double_frame(struct trace *trace, uint32_t parent, const char *name)
{
	size_t count = trace->frame_count + 1;

	trace->frames = realloc(trace->frames, count * sizeof(*trace->frames));
	trace->names = realloc(trace->names, count * sizeof(*trace->names));
	assert(trace->frames != NULL && trace->names != NULL);
	trace->frames[count - 1] = (struct trace_frame){ .address = count, .parent = parent };
	trace->names[count - 1] = strdup(name);
	trace->frame_count = count;
	return (uint32_t)count - 1;
}

void trace_double_allocate(struct trace *trace, uint64_t time, uint32_t number,
			   struct trace_block block)
{
	struct trace_event event = {
		.time = time, .kind = TRACE_ALLOCATE, .thread = block.thread, .number = number,
	};

	block.time = time;
	event.block = block;
	trace_double_add(trace, &event);
}

void trace_double_free(struct trace *trace, uint64_t time, uint32_t number, uint32_t thread,
		       struct trace_block block)
{
	struct trace_event event = {
		.time = time, .kind = TRACE_FREE, .thread = thread, .number = number,
		.block = block,
	};

	trace_double_add(trace, &event);
}

void trace_double_map(struct trace *trace, uint64_t time, uint64_t address, uint64_t bytes,
		      enum trace_use use)
{
	struct trace_event event = {
		.time = time, .kind = TRACE_PAGES, .pages = TRACE_PAGES_MAP, .address = address,
		.bytes = bytes, .use = use,
	};

	trace_double_add(trace, &event);
}

void trace_double_sample(struct trace *trace, uint64_t time, struct trace_sample sample)
{
	struct trace_event event = { .time = time, .kind = TRACE_SAMPLE };

	memset(sample.heap_resident_bytes, 0, sizeof(sample.heap_resident_bytes));
	for (size_t i = 0; i < sample.run_count; i++)
		sample.heap_resident_bytes[sample.runs[i].use] += sample.runs[i].bytes;
	if (sample.runs != NULL)
		sample.runs = copy_of(sample.runs, sample.run_count * sizeof(*sample.runs));
	event.sample = copy_of(&sample, sizeof(sample));
	trace_double_add(trace, &event);
}

/* ---- allot/trace.h ------------------------------------------------------------------------- */

struct trace *trace_open(const char *path, char *message, size_t message_bytes)
{
	if (current == NULL) {
		snprintf(message, message_bytes, "%s: nothing was set", path);
		return NULL;
	}
	current->position = 0;
	current->info.event_count = current->count;
	return current;
}

void trace_close(struct trace *trace)
{
	(void)trace;
}

enum trace_status trace_next(struct trace *trace, struct trace_event *out)
{
	if (trace->position == trace->count)
		return TRACE_END;
	if (trace->damages[trace->position] != NULL && !trace->is_damage_told) {
		trace->message = trace->damages[trace->position];
		trace->is_damage_told = true;
		return TRACE_DAMAGED;
	}
	trace->is_damage_told = false;
	*out = trace->events[trace->position++];
	trace->info.end_time = out->time;
	return TRACE_OK;
}

const char *trace_message(const struct trace *trace)
{
	return trace->message;
}

enum trace_status trace_rewind(struct trace *trace)
{
	trace->position = 0;
	trace->is_damage_told = false;
	return TRACE_OK;
}

const struct trace_info *trace_info_get(const struct trace *trace)
{
	return &trace->info;
}

size_t trace_frame_count(const struct trace *trace)
{
	return trace->frame_count;
}

const struct trace_frame *trace_frame_get(const struct trace *trace, uint32_t frame)
{
	return &trace->frames[frame];
}

size_t trace_module_count(const struct trace *trace)
{
	(void)trace;
	return 0;
}

const struct trace_module *trace_module_get(const struct trace *trace, size_t index)
{
	(void)trace;
	(void)index;
	return NULL;
}

const char *trace_frame_symbol(const struct trace *trace, uint32_t frame)
{
	return trace->names[frame];
}

size_t trace_thread_count(const struct trace *trace)
{
	(void)trace;
	return 0;
}

const char *trace_thread_name(const struct trace *trace, uint32_t thread)
{
	(void)trace;
	(void)thread;
	return "";
}
