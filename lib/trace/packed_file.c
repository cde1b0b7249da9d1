/* SPDX-License-Identifier: MIT */
/*
 * Packed files: a source of what `allot record` left. See packed.h for the form.
 *
 * What is not events is read while the file is opened. A stream holds one chunk at a time, and its
 * model. A file without its end is gone through by the heads of its chunks, and what is damaged is
 * passed over to the next head.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "trace/dictionary.h"
#include "trace/forms.h"
#include "trace/packed_chunks.h"
#include "trace/unpack.h"

struct packed_file {
	struct trace_source source;
	struct packed_chunks chunks;
	size_t *firsts; /* chunk of events each stream begins with, and the end */
};

struct packed_stream {
	struct trace_stream stream;
	size_t next, end; /* chunks not read yet */
	struct unpack *unpack;
	struct column content;
};

static struct packed_file *file_of(const struct trace_source *source)
{
	return (struct packed_file *)(uintptr_t)source;
}

/* ---- streams ------------------------------------------------------------------------------ */

static uint64_t stream_start(const struct trace_source *source, size_t index)
{
	const struct packed_file *file = file_of(source);
	return file->chunks.entries[file->firsts[index]].chunk.first_time;
}

static void stream_close(struct trace_stream *of)
{
	struct packed_stream *stream = (struct packed_stream *)(void *)of;

	unpack_destroy(stream->unpack);
	column_finish(&stream->content);
	free(stream);
}

static struct trace_stream *stream_open(struct trace_source *source, size_t index)
{
	struct packed_file *file = file_of(source);
	struct packed_stream *stream = calloc(1, sizeof(*stream));

	if (stream == NULL)
		return NULL;
	stream->stream.source = source;
	stream->next = file->firsts[index];
	stream->end = file->firsts[index + 1];
	stream->unpack = unpack_create(source->dictionary);
	if (stream->unpack != NULL)
		return &stream->stream;
	stream_close(&stream->stream);
	return NULL;
}

/* Say that the chunk of `entry` is damaged. */
static enum trace_status chunk_refuse(struct trace_source *source,
				      const struct packed_entry *entry, const char *why)
{
	snprintf(source->message, TRACE_LINE_BYTES,
		 "the chunk at byte %llu: %s: up to %u events of stream %u are skipped",
		 (unsigned long long)entry->offset, why, entry->chunk.event_count,
		 entry->chunk.stream);
	return TRACE_DAMAGED;
}

static enum trace_status stream_read(struct trace_stream *of, struct trace_record *out,
				     size_t *out_count)
{
	struct packed_stream *stream = (struct packed_stream *)(void *)of;
	struct packed_file *file = file_of(of->source);

	for (;;) {
		enum trace_status status = unpack_read(stream->unpack, out, out_count);
		if (status == TRACE_DAMAGED)
			return chunk_refuse(of->source, &file->chunks.entries[stream->next - 1],
					    stream->unpack->damage);
		if (status != TRACE_END)
			return status;
		if (stream->next == stream->end)
			return TRACE_END;
		const struct packed_entry *entry = &file->chunks.entries[stream->next++];
		const char *wrong = packed_content_read(&file->chunks, entry, &stream->content);
		if (wrong != NULL)
			return chunk_refuse(of->source, entry, wrong);
		unpack_begin(stream->unpack, &entry->chunk, stream->content.bytes);
	}
}

static void file_close(struct trace_source *source)
{
	struct packed_file *file = file_of(source);

	packed_chunks_finish(&file->chunks);
	dictionary_destroy(source->dictionary);
	free(file->firsts);
	free(file);
}

static const struct trace_source_form packed_form = {
	.stream_start = stream_start,
	.stream_open = stream_open,
	.stream_read = stream_read,
	.stream_close = stream_close,
	.close = file_close,
};

/* ---- what is not events ------------------------------------------------------------------- */

/* The clock, from two kinds of chunk. */
struct clock {
	uint64_t start_ticks, start_ns, last_ticks, last_ns, parent_units, lost_units;
};

static const char *text_of(struct trace_dictionary *dictionary, const struct column_reader *field)
{
	return dictionary_string(dictionary, (const char *)field->next,
				 (size_t)(field->end - field->next));
}

static void info_string(struct trace_dictionary *dictionary, unsigned which,
			const struct column_reader *field)
{
	struct trace_info *info = &dictionary->info;

	switch (which) {
	case PACKED_INFO_STRATEGY:
		info->strategy = text_of(dictionary, field);
		break;
	case PACKED_INFO_VERSION:
		info->version = text_of(dictionary, field);
		break;
	case PACKED_INFO_COMMAND:
		info->command = text_of(dictionary, field);
		break;
	case PACKED_INFO_CONF:
		info->conf = text_of(dictionary, field);
		break;
	case PACKED_INFO_HOST:
		info->host = text_of(dictionary, field);
		break;
	case PACKED_INFO_KERNEL:
		info->kernel = text_of(dictionary, field);
		break;
	}
}

static void info_number(struct trace_info *info, struct clock *clock, unsigned which,
			uint64_t number)
{
	switch (which) {
	case PACKED_INFO_PROCESS:
		info->process = (uint32_t)number;
		break;
	case PACKED_INFO_PARENT:
		info->parent = (uint32_t)number;
		break;
	case PACKED_INFO_PARENT_UNITS:
		clock->parent_units = number;
		break;
	case PACKED_INFO_START_TICKS:
		clock->start_ticks = number;
		break;
	case PACKED_INFO_START_NS:
		clock->start_ns = number;
		break;
	case PACKED_INFO_START_UNIX_NS:
		info->start_unix_ns = number;
		break;
	case PACKED_INFO_PAGE_BYTES:
		info->page_bytes = (uint32_t)number;
		break;
	case PACKED_INFO_DEPTH:
		info->depth = (uint32_t)number;
		break;
	case PACKED_INFO_SAMPLE_BYTES:
		info->sample_bytes = number;
		break;
	case PACKED_INFO_TAG_BYTES:
		info->tag_bytes = number;
		break;
	case PACKED_INFO_HAS_FRONT:
		info->has_front = number != 0;
		break;
	}
}

static void info_read(struct trace_dictionary *dictionary, struct clock *clock,
		      struct column_reader content)
{
	struct column_reader field;
	unsigned which;
	uint64_t number;

	while (field_next(&content, &which, &field, &number))
		if (which < PACKED_INFO_STRATEGY)
			info_number(&dictionary->info, clock, which, number);
		else
			info_string(dictionary, which, &field);
}

static uint64_t later(uint64_t one, uint64_t other)
{
	return one > other ? one : other;
}

/* What was written first may be the last: a state that had its room kept. */
static void state_read(struct trace_info *info, struct clock *clock, struct column_reader content)
{
	struct column_reader field;
	unsigned which;
	uint64_t number;

	while (field_next(&content, &which, &field, &number))
		switch (which) {
		case PACKED_STATE_LAST_TICKS:
			clock->last_ticks = later(clock->last_ticks, number);
			break;
		case PACKED_STATE_LAST_NS:
			clock->last_ns = later(clock->last_ns, number);
			break;
		case PACKED_STATE_IS_ENDED:
			info->is_complete = number != 0;
			break;
		case PACKED_STATE_LOST_EVENTS:
			info->lost_events = later(info->lost_events, number);
			break;
		case PACKED_STATE_LOST_UNITS:
			if (clock->lost_units == 0 || (number > 0 && number < clock->lost_units))
				clock->lost_units = number;
			break;
		}
}

static bool frames_read(struct trace_dictionary *dictionary, struct column_reader content)
{
	uint32_t frame = 0, parent = 0;
	uint64_t address = 0;

	while (content.next < content.end) {
		frame += (uint32_t)unzigzag(column_read(&content));
		parent += (uint32_t)unzigzag(column_read(&content));
		address += (uint64_t)unzigzag(column_read(&content));
		if (content.is_short)
			break;
		if (!dictionary_frame_add(dictionary, frame, parent, address))
			return false;
	}
	return true;
}

static void build_id_take(struct trace_module *module, const struct column_reader *field)
{
	size_t bytes = (size_t)(field->end - field->next);

	if (bytes > sizeof(module->build_id))
		return;
	memcpy(module->build_id, field->next, bytes);
	module->build_id_bytes = bytes;
}

static bool module_read(struct trace_dictionary *dictionary, struct column_reader content)
{
	struct trace_module module = {.path = ""};
	struct column_reader field;
	bool is_gone = false;
	unsigned which;
	uint64_t number;

	while (field_next(&content, &which, &field, &number))
		switch (which) {
		case PACKED_MODULE_PATH:
			module.path = text_of(dictionary, &field);
			break;
		case PACKED_MODULE_BEGIN:
			module.begin = number;
			break;
		case PACKED_MODULE_END:
			module.end = number;
			break;
		case PACKED_MODULE_BIAS:
			module.bias = number;
			break;
		case PACKED_MODULE_TIME:
			module.time_begin = number;
			break;
		case PACKED_MODULE_IS_GONE:
			is_gone = number != 0;
			break;
		case PACKED_MODULE_BUILD_ID:
			build_id_take(&module, &field);
			break;
		}
	return dictionary_module_add(dictionary, &module, is_gone);
}

static bool thread_read(struct trace_dictionary *dictionary, struct column_reader content)
{
	struct column_reader field, name = {0};
	uint32_t thread = 0;
	unsigned which;
	uint64_t number;

	while (field_next(&content, &which, &field, &number))
		if (which == PACKED_THREAD_NUMBER)
			thread = (uint32_t)number;
		else if (which == PACKED_THREAD_NAME)
			name = field;
	return dictionary_thread_name(dictionary, thread, (const char *)name.next,
				      (size_t)(name.end - name.next));
}

/* Read a chunk that has no events. False: out of memory. */
static bool chunk_read(struct packed_file *file, const struct packed_entry *entry,
		       struct column *content, struct clock *clock)
{
	struct trace_dictionary *dictionary = file->source.dictionary;
	const char *wrong = packed_content_read(&file->chunks, entry, content);

	if (wrong == NULL && entry->chunk.kind == PACKED_FRAMES)
		wrong = packed_content_expand(content);
	if (wrong != NULL) {
		dictionary_message(dictionary, "the chunk at byte %llu: %s: it is skipped",
				   (unsigned long long)entry->offset, wrong);
		return true;
	}
	struct column_reader reader = {.next = content->bytes,
				       .end = content->bytes + content->used};
	switch (entry->chunk.kind) {
	case PACKED_INFO:
		info_read(dictionary, clock, reader);
		return true;
	case PACKED_STATE:
		state_read(&dictionary->info, clock, reader);
		return true;
	case PACKED_FRAMES:
		return frames_read(dictionary, reader);
	case PACKED_MODULE:
		return module_read(dictionary, reader);
	case PACKED_THREADS:
		return thread_read(dictionary, reader);
	default:
		dictionary_message(dictionary, "the chunk at byte %llu is of kind %u, "
				   "which this allot does not know: it is skipped",
				   (unsigned long long)entry->offset, entry->chunk.kind);
		return true;
	}
}

/* Read all chunks that have no events, and leave those that have. False: out of memory. */
static bool chunks_read(struct packed_file *file, struct clock *clock, uint64_t *out_last)
{
	struct trace_dictionary *dictionary = file->source.dictionary;
	struct packed_chunks *chunks = &file->chunks;
	struct column content = {0};
	size_t count = 0;
	bool is_read = true;

	dictionary->info.event_count = 0;
	for (size_t i = 0; i < chunks->count && is_read; i++) {
		const struct packed_chunk *chunk = &chunks->entries[i].chunk;
		if (chunk->kind != PACKED_EVENTS) {
			is_read = chunk_read(file, &chunks->entries[i], &content, clock);
			continue;
		}
		is_read = dictionary_thread_add(dictionary, chunk->thread);
		dictionary->info.event_count += chunk->event_count;
		if (chunk->last_time > *out_last)
			*out_last = chunk->last_time;
		chunks->entries[count++] = chunks->entries[i];
	}
	chunks->count = count;
	column_finish(&content);
	return is_read;
}

static int entry_compare_stream(const void *a, const void *b)
{
	const struct packed_entry *left = a, *right = b;
	if (left->chunk.stream != right->chunk.stream)
		return left->chunk.stream < right->chunk.stream ? -1 : 1;
	return (left->offset > right->offset) - (left->offset < right->offset);
}

static bool streams_find(struct packed_file *file)
{
	const struct packed_entry *entries = file->chunks.entries;
	size_t count = file->chunks.count, streams = 0;

	if (count > 0)
		qsort(file->chunks.entries, count, sizeof(*entries), entry_compare_stream);
	file->firsts = calloc(count + 1, sizeof(*file->firsts));
	if (file->firsts == NULL)
		return false;
	for (size_t i = 0; i < count; i++)
		if (i == 0 || entries[i].chunk.stream != entries[i - 1].chunk.stream)
			file->firsts[streams++] = i;
	file->firsts[streams] = count;
	file->source.stream_count = streams;
	return true;
}

/* Read everything that opening needs. False: out of memory. */
static bool file_begin(struct packed_file *file)
{
	struct trace_dictionary *dictionary = file->source.dictionary;
	struct trace_info *info = &dictionary->info;
	struct clock clock = {0};
	uint64_t last = 0;

	info->format = "allot";
	info->has_addresses = info->has_times = true;
	info->file_bytes = file->chunks.file_bytes;
	if (!packed_chunks_find(&file->chunks, dictionary) ||
	    !chunks_read(file, &clock, &last) || !dictionary_finish(dictionary) ||
	    !streams_find(file))
		return false;
	uint64_t rate = clock_rate(clock.start_ticks, clock.start_ns, clock.last_ticks,
				   clock.last_ns);
	file->source.ns_per_unit = rate;
	info->parent_time = clock_ns(clock.parent_units, rate);
	info->end_time = clock_ns(last, rate);
	info->lost_time = clock_ns(clock.lost_units, rate);
	info->is_complete = info->is_complete && file->chunks.has_index;
	/* Whoever wrote it did not come to its end: what it held last is missing. */
	if (!file->chunks.has_index && info->lost_events == 0)
		info->lost_events = 1;
	dictionary_modules_time(dictionary, rate);
	return true;
}

struct trace_source *packed_file_open(const struct form_file *file)
{
	struct packed_head head;

	if (file->head_bytes < sizeof(head.magic) ||
	    memcmp(file->head, &(uint64_t){PACKED_MAGIC}, sizeof(head.magic)) != 0)
		return NULL;
	struct packed_file *packed = calloc(1, sizeof(*packed));
	if (packed != NULL) {
		packed->source.form = &packed_form;
		packed->source.dictionary = dictionary_create();
		packed->chunks.descriptor = file->descriptor;
		packed->chunks.file_bytes = file->bytes;
		if (packed->source.dictionary != NULL && file_begin(packed))
			return &packed->source;
		packed->chunks.descriptor = -1;
		file_close(&packed->source);
	}
	snprintf(file->message, TRACE_LINE_BYTES, "%s: out of memory", file->path);
	return NULL;
}
