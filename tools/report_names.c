/* SPDX-License-Identifier: MIT */
/*
 * Names: those of symbols.h, joined to stacks, and the numbers of frames that are used.
 */
#include "report_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "symbols.h"

struct report_names {
	struct trace *trace;
	size_t frame_count;
	uint32_t *numbers;   /* by frame; 0: not used */
	uint32_t *used;      /* by number - 1 */
	size_t used_count;
	struct symbols *symbols;
};

struct report_names *report_names_open(struct trace *trace)
{
	/* Where a file of code is missing, the report says so by its names. */
	const struct symbols_options options = { .has_no_folders = true };
	struct report_names *names = calloc(1, sizeof(*names));

	if (names == NULL)
		return NULL;
	names->trace = trace;
	names->frame_count = trace_frame_count(trace);
	names->numbers = calloc(names->frame_count + 1, sizeof(*names->numbers));
	names->used = calloc(names->frame_count + 1, sizeof(*names->used));
	names->symbols = symbols_open(trace, &options);
	if (names->numbers != NULL && names->used != NULL && names->symbols != NULL)
		return names;
	report_names_close(names);
	return NULL;
}

void report_names_close(struct report_names *names)
{
	if (names == NULL)
		return;
	if (names->symbols != NULL)
		symbols_close(names->symbols);
	free(names->numbers);
	free(names->used);
	free(names);
}

size_t report_names_count(const struct report_names *names)
{
	return names->frame_count;
}

uint32_t report_names_parent(const struct report_names *names, uint32_t frame)
{
	if (frame == 0 || frame >= names->frame_count)
		return 0;
	uint32_t parent = trace_frame_get(names->trace, frame)->parent;
	return parent < names->frame_count ? parent : 0;
}

static const char *file_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

const char *report_names_module(struct report_names *names, uint32_t frame)
{
	if (frame == 0 || frame >= names->frame_count)
		return "";
	return file_name(symbols_module(names->symbols, frame));
}

const char *report_names_function(struct report_names *names, uint32_t frame,
				  const char **out_line)
{
	if (frame < names->frame_count && frame > 0)
		return symbols_function(names->symbols, frame, out_line);
	if (out_line != NULL)
		*out_line = NULL;
	return SYMBOLS_NO_STACK;
}

const char *report_names_stack(struct report_names *names, uint32_t stack, char *text,
			       size_t bytes)
{
	size_t length = 0;
	uint32_t frame = stack;

	text[0] = '\0';
	for (int depth = 0; depth < REPORT_DEPTH_MAX && length + 1 < bytes; depth++) {
		int added = snprintf(text + length, bytes - length, "%s%s",
				     depth > 0 ? " < " : "",
				     report_names_function(names, frame, NULL));
		if (added < 0)
			break;
		length += (size_t)added;
		frame = report_names_parent(names, frame);
		if (frame == 0)
			break;
	}
	return report_printable(text);
}

void report_names_use(struct report_names *names, uint32_t frame)
{
	for (int depth = 0; depth < REPORT_DEPTH_MAX; depth++) {
		if (frame == 0 || frame >= names->frame_count || names->numbers[frame] != 0)
			return;
		names->used[names->used_count++] = frame;
		names->numbers[frame] = (uint32_t)names->used_count;
		frame = report_names_parent(names, frame);
	}
}

uint32_t report_names_number(const struct report_names *names, uint32_t frame)
{
	return frame < names->frame_count ? names->numbers[frame] : 0;
}

size_t report_names_used_count(const struct report_names *names)
{
	return names->used_count;
}

uint32_t report_names_used(const struct report_names *names, size_t index)
{
	return names->used[index];
}
