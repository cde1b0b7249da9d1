/* SPDX-License-Identifier: MIT */
/*
 * Import: other people's traces as a source of one stream. See import.h.
 */
#include "trace/import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "trace/text_input.h"

enum { WRONG_TOLD_MAX = 8 };

struct import {
	struct trace_source source;
	const struct import_form *form;
	int descriptor;
};

struct import_stream {
	struct trace_stream stream;
	struct text_input *input;
	struct import_state *state;
	uint64_t line_count, wrong_count;
	bool is_wrong;  /* a line to be told of */
	bool is_ended, is_told;
};

bool import_number(char **text, unsigned base, uint64_t *out)
{
	char *at = *text;
	uint64_t number = 0;
	size_t digits = 0;

	if (base == 16 && at[0] == '0' && at[1] == 'x')
		at += 2;
	for (;; at++, digits++) {
		unsigned digit = *at >= '0' && *at <= '9' ? (unsigned)(*at - '0') :
				 *at >= 'a' && *at <= 'f' ? (unsigned)(*at - 'a' + 10) : base;
		if (digit >= base)
			break;
		if (__builtin_mul_overflow(number, base, &number) ||
		    __builtin_add_overflow(number, digit, &number))
			return false;
	}
	if (digits == 0)
		return false;
	while (*at == ' ' || *at == '\t')
		at++;
	*text = at;
	*out = number;
	return true;
}

static struct import *import_of(const struct trace_source *source)
{
	return (struct import *)(uintptr_t)source;
}

static void stream_close(struct trace_stream *of)
{
	struct import_stream *stream = (struct import_stream *)(void *)of;
	const struct import_form *form = import_of(of->source)->form;

	if (stream->state != NULL)
		form->finish(stream->state);
	free(stream->state);
	text_input_close(stream->input);
	free(stream);
}

static struct trace_stream *pass_open(struct trace_source *source, bool is_first_pass)
{
	struct import *import = import_of(source);
	struct import_stream *stream = calloc(1, sizeof(*stream));

	if (stream == NULL)
		return NULL;
	stream->stream.source = source;
	stream->input = text_input_open(import->descriptor);
	stream->state = calloc(1, import->form->state_bytes);
	if (stream->input == NULL || stream->state == NULL) {
		stream_close(&stream->stream);
		return NULL;
	}
	stream->state->dictionary = source->dictionary;
	stream->state->is_first_pass = is_first_pass;
	return &stream->stream;
}

static struct trace_stream *stream_open(struct trace_source *source, size_t index)
{
	(void)index;
	return pass_open(source, false);
}

static uint64_t stream_start(const struct trace_source *source, size_t index)
{
	(void)source;
	(void)index;
	return 0;
}

/* Say what is wrong, once a line, and at the end how many more lines there were. */
static enum trace_status wrong_tell(struct import_stream *stream)
{
	char *message = stream->stream.source->message;
	const char *damage = text_input_damage(stream->input);

	if (stream->is_wrong) {
		stream->is_wrong = false;
		snprintf(message, TRACE_LINE_BYTES, "line %llu cannot be read: it is skipped",
			 (unsigned long long)stream->line_count);
		return TRACE_DAMAGED;
	}
	if (!stream->is_ended || stream->is_told)
		return TRACE_END;
	stream->is_told = true;
	if (damage == NULL && stream->wrong_count <= WRONG_TOLD_MAX)
		return TRACE_END;
	snprintf(message, TRACE_LINE_BYTES, "after line %llu: %s; %llu lines could not be read",
		 (unsigned long long)stream->line_count, damage != NULL ? damage : "the end",
		 (unsigned long long)stream->wrong_count);
	return TRACE_DAMAGED;
}

/* One line. True: it was a record. */
static bool line_take(struct import_stream *stream, char *line, struct trace_record *out,
		      bool *out_has_memory)
{
	memset(out, 0, sizeof(*out));
	out->place = TRACE_IN_UNKNOWN;
	out->align_log2 = 4;
	switch (import_of(stream->stream.source)->form->line(stream->state, line, out)) {
	case IMPORT_RECORD:
		out->time = stream->state->time;
		return true;
	case IMPORT_WRONG:
		stream->is_wrong = ++stream->wrong_count <= WRONG_TOLD_MAX;
		return false;
	case IMPORT_MEMORY:
		*out_has_memory = false;
		return false;
	default:
		return false;
	}
}

static enum trace_status stream_read(struct trace_stream *of, struct trace_record *out,
				     size_t *out_count)
{
	struct import_stream *stream = (struct import_stream *)(void *)of;
	bool has_memory = true;
	size_t count = 0;

	while (count < TRACE_BATCH && !stream->is_wrong && !stream->is_ended) {
		char *line = text_input_line(stream->input);
		if (line == NULL) {
			stream->is_ended = true;
			break;
		}
		stream->line_count++;
		if (line_take(stream, line, &out[count], &has_memory) &&
		    out[count++].kind >= TRACE_SAMPLE)
			break;
		if (!has_memory)
			return TRACE_FAILED;
	}
	*out_count = count;
	return count > 0 ? TRACE_OK : wrong_tell(stream);
}

static void import_close(struct trace_source *source)
{
	struct import *import = import_of(source);

	if (import->descriptor >= 0)
		close(import->descriptor);
	dictionary_destroy(source->dictionary);
	free(import);
}

static const struct trace_source_form text_form = {
	.stream_start = stream_start,
	.stream_open = stream_open,
	.stream_read = stream_read,
	.stream_close = stream_close,
	.close = import_close,
};

/* Go through all lines once. False: out of memory. */
static bool first_pass(struct import *import)
{
	struct trace_info *info = &import->source.dictionary->info;
	struct trace_stream *stream = pass_open(&import->source, true);
	struct trace_record records[TRACE_BATCH];
	enum trace_status status;
	size_t count;

	if (stream == NULL)
		return false;
	info->event_count = 0;
	while ((status = stream_read(stream, records, &count)) != TRACE_END &&
	       status != TRACE_FAILED)
		info->event_count += status == TRACE_OK ? count : 0;
	info->end_time = ((struct import_stream *)(void *)stream)->state->time;
	stream_close(stream);
	return status == TRACE_END;
}

struct trace_source *import_open(const struct form_file *file, const struct import_form *form)
{
	if (!form->recognise(file->head, file->head_bytes))
		return NULL;
	struct import *import = calloc(1, sizeof(*import));
	if (import != NULL) {
		import->form = form;
		import->descriptor = file->descriptor;
		import->source.form = &text_form;
		import->source.ns_per_unit = UINT64_C(1) << 32;
		import->source.stream_count = 1;
		struct trace_dictionary *dictionary = dictionary_create();
		import->source.dictionary = dictionary;
		if (dictionary != NULL) {
			dictionary->info.format = form->name;
			dictionary->info.has_addresses = form->has_addresses;
			dictionary->info.has_times = form->has_times;
			dictionary->info.file_bytes = file->bytes;
			dictionary->info.is_complete = true;
			if (dictionary_thread_add(dictionary, 0) && first_pass(import) &&
			    dictionary_finish(dictionary))
				return &import->source;
		}
		import->descriptor = -1;
		import_close(&import->source);
	}
	snprintf(file->message, TRACE_LINE_BYTES, "%s: out of memory", file->path);
	return NULL;
}
