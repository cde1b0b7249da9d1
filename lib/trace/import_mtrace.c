/* SPDX-License-Identifier: MIT */
/*
 * Traces of glibc's mtrace(): a line an operation, "@ PLACE + ADDRESS SIZE" for an allocation, -
 * for a free, and < with the old and > with the new address for a resize. PLACE, which may be
 * missing, is "FILE:(FUNCTION+OFFSET)[ADDRESS]" or less.
 *
 * There are no times and no usable sizes: what was asked for is taken for what was given.
 */
#include <stdlib.h>
#include <string.h>

#include "trace/import.h"

enum { CALLERS_FIRST_LOG2 = 8 };

/* Frame of each address, in an open table; 0: none. */
struct mtrace_state {
	struct import_state state;
	uint64_t *callers;
	uint32_t *frames;
	size_t count, mask;
	uint64_t resized; /* the old address of a resize whose new one comes next */
};

static bool mtrace_recognise(const char *head, size_t bytes)
{
	static const char start[] = "= Start";
	return bytes >= sizeof(start) - 1 && memcmp(head, start, sizeof(start) - 1) == 0;
}

static size_t caller_place(const struct mtrace_state *mtrace, uint64_t address)
{
	size_t i = (size_t)(address * UINT64_C(0x9e3779b97f4a7c15) >> 20) & mtrace->mask;

	while (mtrace->frames[i] != 0 && mtrace->callers[i] != address)
		i = (i + 1) & mtrace->mask;
	return i;
}

static bool callers_grow(struct mtrace_state *mtrace)
{
	struct mtrace_state larger = *mtrace;
	size_t places = mtrace->frames == NULL ? (size_t)1 << CALLERS_FIRST_LOG2 :
						 (mtrace->mask + 1) * 2;

	larger.callers = calloc(places, sizeof(*larger.callers));
	larger.frames = calloc(places, sizeof(*larger.frames));
	larger.mask = places - 1;
	if (larger.callers == NULL || larger.frames == NULL) {
		free(larger.callers);
		free(larger.frames);
		return false;
	}
	for (size_t i = 0; mtrace->frames != NULL && i <= mtrace->mask; i++) {
		if (mtrace->frames[i] == 0)
			continue;
		size_t place = caller_place(&larger, mtrace->callers[i]);
		larger.callers[place] = mtrace->callers[i];
		larger.frames[place] = mtrace->frames[i];
	}
	free(mtrace->callers);
	free(mtrace->frames);
	*mtrace = larger;
	return true;
}

/* The frame of the caller `place` names, new or not. False: out of memory. */
static bool caller_take(struct mtrace_state *mtrace, const char *place, uint32_t *out_frame)
{
	const char *bracket = strchr(place, '[');
	char *number = (char *)(uintptr_t)(bracket != NULL ? bracket + 1 : place);
	uint64_t address;

	*out_frame = 0;
	if (!import_number(&number, 16, &address))
		return true;
	if (mtrace->count * 2 >= mtrace->mask && !callers_grow(mtrace))
		return false;
	size_t i = caller_place(mtrace, address);
	if (mtrace->frames[i] == 0) {
		mtrace->callers[i] = address;
		mtrace->frames[i] = (uint32_t)++mtrace->count;
		if (mtrace->state.is_first_pass &&
		    !dictionary_frame_add(mtrace->state.dictionary, mtrace->frames[i], 0, address))
			return false;
	}
	*out_frame = mtrace->frames[i];
	return true;
}

/* The operation: behind the place, if there is one. */
static char *operation_find(char *line, char **out_place)
{
	*out_place = NULL;
	if (line[0] != '@')
		return line;
	*out_place = line + 1 + (line[1] == ' ');
	for (char *at = line; (at = strchr(at, ' ')) != NULL; at++)
		if (at[1] != '\0' && strchr("+-<>!", at[1]) != NULL && at[2] == ' ') {
			*at = '\0';
			return at + 1;
		}
	return line;
}

static enum import_line operation_take(struct mtrace_state *mtrace, char *operation,
				       struct trace_record *out)
{
	char *at = operation + 2;

	if (operation[0] == '\0' || operation[1] != ' ' ||
	    !import_number(&at, 16, &out->address))
		return IMPORT_WRONG;
	if ((operation[0] == '+' || operation[0] == '>') && !import_number(&at, 16, &out->bytes))
		return IMPORT_WRONG;
	out->usable_bytes = out->bytes;
	out->call = operation[0] == '>' ? TRACE_REALLOC : TRACE_MALLOC;
	out->old_address = mtrace->resized;
	mtrace->state.time++;
	switch (operation[0]) {
	case '+':
		/* 0 was handed out: a failure. */
		out->kind = out->address != 0 ? TRACE_ALLOCATE : TRACE_FAIL;
		return IMPORT_RECORD;
	case '-':
		out->kind = TRACE_FREE;
		return IMPORT_RECORD;
	case '<':
		mtrace->resized = out->address;
		return IMPORT_NOTHING;
	case '>':
		out->kind = TRACE_RESIZE;
		return IMPORT_RECORD;
	case '!':
		out->kind = TRACE_FAIL;
		return import_number(&at, 16, &out->bytes) ? IMPORT_RECORD : IMPORT_WRONG;
	}
	return IMPORT_WRONG;
}

static enum import_line mtrace_line(struct import_state *state, char *line,
				    struct trace_record *out)
{
	struct mtrace_state *mtrace = (struct mtrace_state *)(void *)state;
	char *place, *operation;

	if (line[0] == '\0' || line[0] == '=')
		return IMPORT_NOTHING;
	operation = operation_find(line, &place);
	if (place != NULL && !caller_take(mtrace, place, &out->stack))
		return IMPORT_MEMORY;
	return operation_take(mtrace, operation, out);
}

static void mtrace_finish(struct import_state *state)
{
	struct mtrace_state *mtrace = (struct mtrace_state *)(void *)state;

	free(mtrace->callers);
	free(mtrace->frames);
}

const struct import_form import_mtrace = {
	.name = "mtrace",
	.recognise = mtrace_recognise,
	.state_bytes = sizeof(struct mtrace_state),
	.line = mtrace_line,
	.finish = mtrace_finish,
	.has_addresses = true,
};
