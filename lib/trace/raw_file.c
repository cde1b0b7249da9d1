/* SPDX-License-Identifier: MIT */
/*
 * Raw files: a source of what a process wrote by itself.
 *
 * Opening goes through the whole file once, for frames and modules stand among the events. A stream
 * holds one slot at a time. The file is read, not mapped: a file that is cut shorter meanwhile must
 * not end the reader.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "trace/dictionary.h"
#include "trace/forms.h"
#include "trace/raw_decode.h"

/* Where a slot is, and whose. */
struct slot_place {
	uint64_t order, ticks;
	uint32_t slot, stream;
};

struct raw_file {
	struct trace_source source;
	int descriptor;
	uint64_t bytes;
	uint64_t start_ticks;
	struct slot_place *places; /* by stream and order */
	size_t place_count, place_capacity;
	size_t *firsts; /* of each stream, and the end */

};

struct raw_stream {
	struct trace_stream stream;
	size_t next, end; /* places not read yet */
	struct raw_decoder decoder;
	_Alignas(struct raw_slot) unsigned char slot[RAW_SLOT_BYTES];
};

static struct raw_file *file_of(const struct trace_source *source)
{
	return (struct raw_file *)(uintptr_t)source;
}

static uint64_t slot_offset(uint32_t slot)
{
	return RAW_HEADER_BYTES + (uint64_t)slot * RAW_SLOT_BYTES;
}

/* Read a slot; bytes that are missing at the end of the file are left out of the result. */
static size_t slot_read(const struct raw_file *file, uint32_t slot, void *out)
{
	size_t bytes = file_read(file->descriptor, out, RAW_SLOT_BYTES, slot_offset(slot));

	memset((unsigned char *)out + bytes, 0, RAW_SLOT_BYTES - bytes);
	return bytes / sizeof(uint64_t) * sizeof(uint64_t);
}

/* ---- streams ------------------------------------------------------------------------------ */

static uint64_t stream_start(const struct trace_source *source, size_t index)
{
	const struct raw_file *file = file_of(source);
	size_t first = file->firsts[index];

	return first < file->firsts[index + 1] ?
		       raw_units(file->places[first].ticks, file->start_ticks) : 0;
}

static struct trace_stream *stream_open(struct trace_source *source, size_t index)
{
	struct raw_file *file = file_of(source);
	struct raw_stream *stream = malloc(sizeof(*stream));

	if (stream == NULL)
		return NULL;
	stream->stream.source = source;
	stream->next = file->firsts[index];
	stream->end = file->firsts[index + 1];
	raw_decoder_init(&stream->decoder, file->start_ticks, source->dictionary, NULL);
	return &stream->stream;
}

static enum trace_status stream_read(struct trace_stream *of, struct trace_record *out,
				     size_t *out_count)
{
	struct raw_stream *stream = (struct raw_stream *)(void *)of;
	struct raw_file *file = file_of(of->source);

	for (;;) {
		enum trace_status status = raw_decode(&stream->decoder, out, out_count);
		if (status == TRACE_DAMAGED)
			snprintf(of->source->message, TRACE_LINE_BYTES,
				 "slot %u: %s at byte %zu of %u: the rest of it is skipped",
				 file->places[stream->next - 1].slot, stream->decoder.damage,
				 stream->decoder.next * sizeof(uint64_t), RAW_SLOT_BYTES);
		if (status != TRACE_END)
			return status;
		if (stream->next == stream->end)
			return TRACE_END;
		size_t bytes = slot_read(file, file->places[stream->next++].slot, stream->slot);
		raw_decoder_slot(&stream->decoder, (const void *)stream->slot, bytes);
	}
}

static void stream_close(struct trace_stream *of)
{
	struct raw_stream *stream = (struct raw_stream *)(void *)of;

	raw_decoder_finish(&stream->decoder);
	free(stream);
}

static void file_close(struct trace_source *source)
{
	struct raw_file *file = file_of(source);

	if (file->descriptor >= 0)
		close(file->descriptor);
	dictionary_destroy(source->dictionary);
	free(file->places);
	free(file->firsts);
	free(file);
}

static const struct trace_source_form raw_form = {
	.stream_start = stream_start,
	.stream_open = stream_open,
	.stream_read = stream_read,
	.stream_close = stream_close,
	.close = file_close,
};

/* ---- opening ------------------------------------------------------------------------------ */

static int place_compare_order(const void *a, const void *b)
{
	const struct slot_place *left = a, *right = b;
	return (left->order > right->order) - (left->order < right->order);
}

static int place_compare_stream(const void *a, const void *b)
{
	const struct slot_place *left = a, *right = b;
	if (left->stream != right->stream)
		return left->stream < right->stream ? -1 : 1;
	return place_compare_order(a, b);
}

/* Find the slots that hold something. False: out of memory. */
static bool places_find(struct raw_file *file)
{
	struct trace_dictionary *dictionary = file->source.dictionary;
	uint64_t slots = (file->bytes - RAW_HEADER_BYTES + RAW_SLOT_BYTES - 1) / RAW_SLOT_BYTES;

	for (uint32_t i = 0; i < slots; i++) {
		struct raw_slot slot;
		if (file_read(file->descriptor, &slot, sizeof(slot), slot_offset(i)) <
		    sizeof(slot))
			break;
		if (slot.state == RAW_SLOT_FREE)
			continue;
		if (slot.state > RAW_SLOT_FULL) {
			dictionary_message(dictionary, "slot %u: an impossible state: skipped", i);
			continue;
		}
		if (!array_reserve(&file->places, &file->place_capacity, file->place_count,
				   sizeof(*file->places)) ||
		    !dictionary_thread_add(dictionary, slot.thread))
			return false;
		file->places[file->place_count++] = (struct slot_place){
			.order = slot.order,
			.ticks = slot.ticks,
			.slot = i,
			.stream = slot.stream,
		};
	}
	return true;
}

/* ---- what the first pass listens for; `user` is the dictionary --------------------------- */

static bool pass_frame(void *user, uint32_t frame, uint32_t parent, uint64_t address)
{
	return dictionary_frame_add(user, frame, parent, address);
}

static bool pass_thread(void *user, uint32_t thread, const char *name)
{
	return dictionary_thread_name(user, thread, name, strlen(name));
}

static bool pass_module(void *user, uint64_t time, const struct raw_module *raw, const char *path)
{
	struct trace_module module = {
		.path = path,
		.begin = raw->begin,
		.end = raw->end,
		.bias = raw->bias,
		.time_begin = time,
		.build_id_bytes = raw->build_id_bytes,
	};

	memcpy(module.build_id, raw->build_id, raw->build_id_bytes);
	return dictionary_module_add(user, &module, raw->is_gone != 0);
}

/* Go through one slot for what is no event, and count what is. */
static void slot_pass(struct raw_file *file, struct raw_decoder *decoder, uint64_t *out_last)
{
	struct trace_record records[TRACE_BATCH];
	size_t count;

	while (raw_decode(decoder, records, &count) == TRACE_OK)
		file->source.dictionary->info.event_count += count;
	if (decoder->time > *out_last)
		*out_last = decoder->time;
}

/* Go through all slots in the order they were taken. False: out of memory. */
static bool file_pass(struct raw_file *file, uint64_t *out_last)
{
	const struct raw_listener listener = {
		pass_frame,
		pass_module,
		pass_thread,
		file->source.dictionary,
	};
	struct raw_decoder *decoder = malloc(sizeof(*decoder));
	struct raw_slot *slot = malloc(RAW_SLOT_BYTES);

	file->source.dictionary->info.event_count = 0;
	for (size_t i = 0; decoder != NULL && slot != NULL && i < file->place_count; i++) {
		if (i == 0)
			raw_decoder_init(decoder, file->start_ticks, NULL, &listener);
		decoder->time = 0;
		raw_decoder_slot(decoder, slot, slot_read(file, file->places[i].slot, slot));
		slot_pass(file, decoder, out_last);
	}
	bool is_done = decoder != NULL && slot != NULL;
	if (is_done && file->place_count > 0)
		raw_decoder_finish(decoder);
	free(decoder);
	free(slot);
	return is_done;
}

void raw_info_fill(struct trace_dictionary *dictionary, const struct raw_header *header)
{
	struct trace_info *info = &dictionary->info;

	info->format = "allot raw";
	info->command = dictionary_arguments(dictionary, header->command, sizeof(header->command));
	info->conf = dictionary_string(dictionary, header->conf, sizeof(header->conf));
	info->strategy = dictionary_string(dictionary, header->strategy,
					   sizeof(header->strategy));
	info->version = dictionary_string(dictionary, header->library_version,
					  sizeof(header->library_version));
	info->process = header->process;
	info->parent = header->parent;
	info->start_unix_ns = header->start_unix_ns;
	info->page_bytes = header->page_bytes;
	info->depth = header->depth;
	info->sample_bytes = header->sample_bytes;
	info->tag_bytes = header->tag_bytes;
	info->has_front = header->has_front != 0;
	info->has_addresses = info->has_times = true;
	info->is_complete = header->is_ended != 0;
	info->lost_events = header->lost_events;
	if (header->lost != RAW_LOST_NOTHING && header->lost_events == 0)
		info->lost_events = 1;
}

uint64_t raw_lost_units(const struct raw_header *header)
{
	uint64_t start = header->start_ticks >> RAW_TIME_SHIFT;

	if (header->lost_units == 0)
		return 0;
	return header->lost_units > start ? header->lost_units - start : 1;
}

/* Sort the places into streams. False: out of memory. */
static bool streams_find(struct raw_file *file)
{
	size_t count = 0;

	if (file->place_count > 0)
		qsort(file->places, file->place_count, sizeof(*file->places),
		      place_compare_stream);
	file->firsts = calloc(file->place_count + 1, sizeof(*file->firsts));
	if (file->firsts == NULL)
		return false;
	for (size_t i = 0; i < file->place_count; i++)
		if (i == 0 || file->places[i].stream != file->places[i - 1].stream)
			file->firsts[count++] = i;
	file->firsts[count] = file->place_count;
	file->source.stream_count = count;
	return true;
}

/* Read everything that opening needs. False: out of memory. */
static bool file_begin(struct raw_file *file, const struct raw_header *header)
{
	struct trace_source *source = &file->source;
	struct trace_dictionary *dictionary = source->dictionary;
	uint64_t last = 0;

	file->start_ticks = header->start_ticks;
	source->ns_per_unit = clock_rate(header->start_ticks, header->start_ns,
					 header->last_ticks, header->last_ns);
	raw_info_fill(dictionary, header);
	dictionary->info.parent_time = clock_ns(header->parent_ticks >> RAW_TIME_SHIFT,
						source->ns_per_unit);
	dictionary->info.file_bytes = file->bytes;
	if (file->bytes < slot_offset(header->slot_count))
		dictionary_message(dictionary, "the file ends at byte %llu of %llu",
				   (unsigned long long)file->bytes,
				   (unsigned long long)slot_offset(header->slot_count));
	if (!places_find(file))
		return false;
	if (file->place_count > 0)
		qsort(file->places, file->place_count, sizeof(*file->places), place_compare_order);
	if (!file_pass(file, &last) || !dictionary_finish(dictionary))
		return false;
	if (!streams_find(file))
		return false;
	dictionary->info.end_time = clock_ns(last, source->ns_per_unit);
	dictionary->info.lost_time = clock_ns(raw_lost_units(header), source->ns_per_unit);
	dictionary_modules_time(dictionary, source->ns_per_unit);
	return true;
}

/* Is the header one this can read? */
static bool header_check(const struct form_file *file, const struct raw_header *header)
{
	if (header->magic == __builtin_bswap64(RAW_MAGIC))
		snprintf(file->message, TRACE_LINE_BYTES,
			 "%s: written by a machine with another order of bytes", file->path);
	else if (header->magic != RAW_MAGIC)
		return false;
	else if (header->version != RAW_VERSION)
		snprintf(file->message, TRACE_LINE_BYTES,
			 "%s: a raw trace of version %u; this is for version %u", file->path,
			 header->version, RAW_VERSION);
	return file->message[0] == '\0';
}

struct trace_source *raw_file_open(const struct form_file *file)
{
	struct raw_header *header = calloc(1, sizeof(*header));
	struct raw_file *raw = NULL;

	if (header == NULL)
		return NULL;
	size_t bytes = file_read(file->descriptor, header, sizeof(*header), 0);
	if (!header_check(file, header))
		goto out;
	if (bytes < sizeof(*header) || file->bytes < RAW_HEADER_BYTES) {
		snprintf(file->message, TRACE_LINE_BYTES, "%s: cut off inside its header",
			 file->path);
		goto out;
	}
	raw = calloc(1, sizeof(*raw));
	if (raw == NULL)
		goto out;
	raw->source.form = &raw_form;
	raw->descriptor = -1;
	raw->source.dictionary = dictionary_create();
	raw->bytes = file->bytes;
	if (raw->source.dictionary != NULL) {
		raw->descriptor = file->descriptor;
		if (file_begin(raw, header))
			goto out;
		raw->descriptor = -1;
	}
	file_close(&raw->source);
	raw = NULL;
	snprintf(file->message, TRACE_LINE_BYTES, "%s: out of memory", file->path);
out:
	free(header);
	return raw != NULL ? &raw->source : NULL;
}
