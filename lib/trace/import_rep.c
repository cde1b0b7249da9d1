/* SPDX-License-Identifier: MIT */
/*
 * Traces of CS:APP's malloc lab (.rep): four numbers (heap size, blocks, operations, weight), then
 * a line an operation: "a BLOCK BYTES", "r BLOCK BYTES", "f BLOCK".
 *
 * There are no addresses: each block is given one far from all others. A resize leaves it there.
 */
#include <string.h>

#include "trace/import.h"

enum {
	HEAD_NUMBERS = 4,
	ADDRESS_SHIFT = 24, /* from one block's address to the next */
	BLOCKS_LOG2_MAX = 40,
};

struct rep_state {
	struct import_state state;
	unsigned numbers; /* of the head, so far */
};

static bool rep_recognise(const char *head, size_t bytes)
{
	unsigned numbers = 0;
	bool is_in_number = false;

	for (size_t i = 0; i < bytes; i++) {
		bool is_blank = head[i] == ' ' || head[i] == '\n' || head[i] == '\r' ||
				head[i] == '\t';
		bool is_digit = head[i] >= '0' && head[i] <= '9';
		numbers += is_digit && !is_in_number;
		is_in_number = is_digit;
		if (is_blank || is_digit)
			continue;
		return numbers == HEAD_NUMBERS && strchr("arf", head[i]) != NULL &&
		       i + 1 < bytes && head[i + 1] == ' ';
	}
	return false;
}

static enum import_line head_take(struct rep_state *rep, char *line)
{
	uint64_t number;

	while (*line != '\0' && rep->numbers < HEAD_NUMBERS) {
		if (!import_number(&line, 10, &number))
			return IMPORT_WRONG;
		rep->numbers++;
	}
	return IMPORT_NOTHING;
}

static enum import_line rep_line(struct import_state *state, char *line, struct trace_record *out)
{
	struct rep_state *rep = (struct rep_state *)(void *)state;
	uint64_t block;
	char operation;

	while (*line == ' ' || *line == '\t')
		line++;
	if (*line == '\0' || *line == '#')
		return IMPORT_NOTHING;
	if (rep->numbers < HEAD_NUMBERS)
		return head_take(rep, line);
	operation = line[0];
	if (strchr("arf", operation) == NULL || line[1] != ' ')
		return IMPORT_WRONG;
	line += 2;
	if (!import_number(&line, 10, &block) || block >> BLOCKS_LOG2_MAX != 0)
		return IMPORT_WRONG;
	out->address = out->old_address = (block + 1) << ADDRESS_SHIFT;
	if (operation != 'f' && !import_number(&line, 10, &out->bytes))
		return IMPORT_WRONG;
	out->usable_bytes = out->bytes;
	out->call = operation == 'r' ? TRACE_REALLOC : TRACE_MALLOC;
	out->kind = operation == 'a' ? TRACE_ALLOCATE : operation == 'r' ? TRACE_RESIZE :
								      TRACE_FREE;
	state->time++;
	return IMPORT_RECORD;
}

static void rep_finish(struct import_state *state)
{
	(void)state;
}

const struct import_form import_rep = {
	.name = "rep",
	.recognise = rep_recognise,
	.state_bytes = sizeof(struct rep_state),
	.line = rep_line,
	.finish = rep_finish,
};
