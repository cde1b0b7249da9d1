/* SPDX-License-Identifier: MIT */
/*
 * Traces of heaptrack, as its interpreter leaves them (`heaptrack` does; of `heaptrack --raw`, what
 * `heaptrack --interpret` makes). Numbers are hexadecimal.
 *
 *   v VERSION FORM   X COMMAND   I PAGE_BYTES PAGES   s [LENGTH] STRING, numbered from 1
 *   i ADDRESS MODULE [FUNCTION FILE LINE ...]   an instruction, numbered from 1
 *   t INSTRUCTION PARENT                        a stack: its innermost frame, numbered from 1
 *   a BYTES STACK                               a kind of allocation, numbered from 0
 *   + KIND    - KIND                            one of a kind was made, and freed
 *   c MS      R PAGES                           the time; what was resident
 *
 * Addresses are not told, and a resize is a free and an allocation. Of blocks of a kind, the last
 * one made is taken to be freed first.
 */
#include <stdlib.h>
#include <string.h>

#include "trace/import.h"

enum { ADDRESS_SHIFT = 24, NS_PER_MS = 1000000, PAGE_BYTES_DEFAULT = 4096 };

struct instruction {
	uint64_t address;
	uint32_t function; /* string, or 0 */
};

struct kind {
	uint64_t bytes;
	uint32_t stack, last; /* last: of its blocks, plus 1 */
};

struct heaptrack_state {
	struct import_state state;
	uint64_t version, page_bytes;
	const char **strings;           /* the first pass has them */
	size_t string_count, string_capacity;
	struct instruction *instructions;
	size_t instruction_count, instruction_capacity;
	uint32_t *symbols;              /* of stacks: a string */
	size_t stack_count, stack_capacity;
	struct kind *kinds;
	size_t kind_count, kind_capacity;
	uint32_t *blocks;               /* live: the one before of its kind; free: the next free */
	size_t block_count, block_capacity;
	uint32_t free_block;            /* plus 1 */
};

static bool heaptrack_recognise(const char *head, size_t bytes)
{
	char line[64] = "", *at = line + 2;
	const char *end = memchr(head, '\n', bytes);
	uint64_t version, form;

	if (end == NULL || (size_t)(end - head) >= sizeof(line))
		return false;
	memcpy(line, head, (size_t)(end - head));
	return line[0] == 'v' && line[1] == ' ' && import_number(&at, 16, &version) &&
	       import_number(&at, 16, &form);
}

/* ---- names and stacks, which only the first pass needs ------------------------------------ */

static enum import_line string_take(struct heaptrack_state *h, char *at)
{
	uint64_t length;

	if (!h->state.is_first_pass)
		return IMPORT_NOTHING;
	if (h->version >= 3 && !import_number(&at, 16, &length))
		return IMPORT_WRONG;
	if (!array_reserve(&h->strings, &h->string_capacity, h->string_count,
			   sizeof(*h->strings)))
		return IMPORT_MEMORY;
	h->strings[h->string_count++] = dictionary_string(h->state.dictionary, at, strlen(at));
	return IMPORT_NOTHING;
}

static enum import_line instruction_take(struct heaptrack_state *h, char *at)
{
	struct instruction instruction = {0};
	uint64_t module, function = 0;

	if (!h->state.is_first_pass)
		return IMPORT_NOTHING;
	if (!import_number(&at, 16, &instruction.address) || !import_number(&at, 16, &module))
		return IMPORT_WRONG;
	if (*at != '\0' && !import_number(&at, 16, &function))
		return IMPORT_WRONG;
	instruction.function = function <= h->string_count ? (uint32_t)function : 0;
	if (!array_reserve(&h->instructions, &h->instruction_capacity, h->instruction_count,
			   sizeof(instruction)))
		return IMPORT_MEMORY;
	h->instructions[h->instruction_count++] = instruction;
	return IMPORT_NOTHING;
}

static enum import_line stack_take(struct heaptrack_state *h, char *at)
{
	uint64_t instruction, parent;
	struct instruction found = {0};

	if (!h->state.is_first_pass)
		return IMPORT_NOTHING;
	if (!import_number(&at, 16, &instruction) || !import_number(&at, 16, &parent))
		return IMPORT_WRONG;
	if (instruction > 0 && instruction <= h->instruction_count)
		found = h->instructions[instruction - 1];
	if (!array_reserve(&h->symbols, &h->stack_capacity, h->stack_count, sizeof(*h->symbols)) ||
	    !dictionary_frame_add(h->state.dictionary, (uint32_t)h->stack_count + 1,
				  parent <= h->stack_count ? (uint32_t)parent : 0, found.address))
		return IMPORT_MEMORY;
	h->symbols[h->stack_count++] = found.function;
	return IMPORT_NOTHING;
}

static enum import_line info_take(struct heaptrack_state *h, char kind, char *at)
{
	struct trace_dictionary *dictionary = h->state.dictionary;
	uint64_t version;

	if (kind == 'X') {
		if (h->state.is_first_pass)
			dictionary->info.command = dictionary_string(dictionary, at, strlen(at));
		return IMPORT_NOTHING;
	}
	if (kind == 'I') {
		if (!import_number(&at, 16, &h->page_bytes))
			return IMPORT_WRONG;
		dictionary->info.page_bytes = (uint32_t)h->page_bytes;
		return IMPORT_NOTHING;
	}
	return import_number(&at, 16, &version) && import_number(&at, 16, &h->version) ?
		       IMPORT_NOTHING : IMPORT_WRONG;
}

/* ---- events ------------------------------------------------------------------------------- */

static enum import_line kind_take(struct heaptrack_state *h, char *at)
{
	uint64_t bytes, stack;

	if (!import_number(&at, 16, &bytes) || !import_number(&at, 16, &stack))
		return IMPORT_WRONG;
	if (!array_reserve(&h->kinds, &h->kind_capacity, h->kind_count, sizeof(*h->kinds)))
		return IMPORT_MEMORY;
	h->kinds[h->kind_count++] = (struct kind){.bytes = bytes, .stack = (uint32_t)stack};
	return IMPORT_NOTHING;
}

static enum import_line block_make(struct heaptrack_state *h, struct kind *kind,
				   struct trace_record *out)
{
	uint32_t block = h->free_block;

	if (block != 0) {
		h->free_block = h->blocks[block - 1];
	} else {
		if (h->block_count >= UINT32_MAX - 1 ||
		    !array_reserve(&h->blocks, &h->block_capacity, h->block_count,
				   sizeof(*h->blocks)))
			return IMPORT_MEMORY;
		block = (uint32_t)++h->block_count;
	}
	h->blocks[block - 1] = kind->last;
	kind->last = block;
	out->kind = TRACE_ALLOCATE;
	out->address = (uint64_t)block << ADDRESS_SHIFT;
	out->bytes = out->usable_bytes = kind->bytes;
	out->stack = kind->stack < h->state.dictionary->frame_count ? kind->stack : 0;
	return IMPORT_RECORD;
}

static enum import_line block_free(struct heaptrack_state *h, struct kind *kind,
				   struct trace_record *out)
{
	uint32_t block = kind->last;

	out->kind = TRACE_FREE;
	out->address = (uint64_t)block << ADDRESS_SHIFT;
	if (block != 0) {
		kind->last = h->blocks[block - 1];
		h->blocks[block - 1] = h->free_block;
		h->free_block = block;
	}
	return IMPORT_RECORD;
}

static enum import_line resident_take(struct heaptrack_state *h, char *at,
				      struct trace_record *out)
{
	struct trace_sample *sample = &h->state.sample;
	uint64_t pages;

	if (!import_number(&at, 16, &pages))
		return IMPORT_WRONG;
	sample->resident_bytes =
		pages * (h->page_bytes != 0 ? h->page_bytes : PAGE_BYTES_DEFAULT);
	if (sample->resident_bytes > sample->resident_bytes_peak)
		sample->resident_bytes_peak = sample->resident_bytes;
	out->kind = TRACE_SAMPLE;
	record_payload_set(out, sample);
	return IMPORT_RECORD;
}

static enum import_line heaptrack_line(struct import_state *state, char *line,
				       struct trace_record *out)
{
	struct heaptrack_state *h = (struct heaptrack_state *)(void *)state;
	char *at = line[0] != '\0' && line[1] == ' ' ? line + 2 : line;
	uint64_t number;

	switch (line[0]) {
	case 's':
		return string_take(h, at);
	case 'i':
		return instruction_take(h, at);
	case 't':
		return stack_take(h, at);
	case 'v':
	case 'X':
	case 'I':
		return info_take(h, line[0], at);
	case 'a':
		return kind_take(h, at);
	case '+':
	case '-':
		if (!import_number(&at, 16, &number) || number >= h->kind_count)
			return IMPORT_WRONG;
		return line[0] == '+' ? block_make(h, &h->kinds[number], out) :
					block_free(h, &h->kinds[number], out);
	case 'c':
		if (!import_number(&at, 16, &number) || number > UINT64_MAX / NS_PER_MS)
			return IMPORT_WRONG;
		if (number * NS_PER_MS > state->time)
			state->time = number * NS_PER_MS;
		return IMPORT_NOTHING;
	case 'R':
		return resident_take(h, at, out);
	case '#':
	case 'A':
	case 'S':
	case '\0':
		return IMPORT_NOTHING;
	}
	return IMPORT_WRONG;
}

/* After the first pass: the names of frames. */
static void symbols_keep(struct heaptrack_state *h)
{
	const char **symbols = calloc(h->stack_count + 1, sizeof(*symbols));

	for (size_t i = 0; symbols != NULL && i < h->stack_count; i++)
		if (h->symbols[i] != 0)
			symbols[i + 1] = h->strings[h->symbols[i] - 1];
	h->state.dictionary->symbols = symbols;
}

static void heaptrack_finish(struct import_state *state)
{
	struct heaptrack_state *h = (struct heaptrack_state *)(void *)state;

	if (state->is_first_pass)
		symbols_keep(h);
	free(h->strings);
	free(h->instructions);
	free(h->symbols);
	free(h->kinds);
	free(h->blocks);
}

const struct import_form import_heaptrack = {
	.name = "heaptrack",
	.recognise = heaptrack_recognise,
	.state_bytes = sizeof(struct heaptrack_state),
	.line = heaptrack_line,
	.finish = heaptrack_finish,
	.has_times = true,
};
