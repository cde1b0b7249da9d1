/* SPDX-License-Identifier: MIT */
/*
 * Packing: slots of a raw file as a packed file. See packing.h.
 */
#include "trace/packing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/compiler.h"
#include "trace/forms.h"

enum {
	PACKS_MAX = 64,            /* chunks being filled: 3 MiB each */
	FRAMES_BYTES_FULL = 1 << 20,
	OUTPUT_MODE = 0644,
};

static const uint64_t wait_ns_max = UINT64_C(5) * 1000 * 1000 * 1000;

static uint64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* ---- frames, modules, threads ------------------------------------------------------------- */

static void frames_write(struct packing *packing)
{
	if (packing->frames.used == 0)
		return;
	packed_write_compressed(&packing->writer, PACKED_FRAMES, &packing->frames);
	packing->frames.used = 0;
	packing->last_frame = packing->last_parent = 0;
	packing->last_address = 0;
}

static bool frame_heard(void *user, uint32_t frame, uint32_t parent, uint64_t address)
{
	struct packing *packing = user;
	struct column *frames = &packing->frames;

	if (!column_reserve(frames, 3 * VARINT_BYTES_MAX))
		return false;
	column_varint(frames, zigzag((int64_t)frame - packing->last_frame));
	column_varint(frames, zigzag((int64_t)parent - packing->last_parent));
	column_varint(frames, zigzag((int64_t)(address - packing->last_address)));
	packing->last_frame = frame;
	packing->last_parent = parent;
	packing->last_address = address;
	if (frames->used >= FRAMES_BYTES_FULL)
		frames_write(packing);
	return true;
}

static bool module_heard(void *user, uint64_t time, const struct raw_module *module,
			 const char *path)
{
	struct packing *packing = user;
	struct column content = {0};
	bool is_made = field_put(&content, PACKED_MODULE_PATH, path, strlen(path)) &&
		       field_number(&content, PACKED_MODULE_BEGIN, module->begin) &&
		       field_number(&content, PACKED_MODULE_END, module->end) &&
		       field_number(&content, PACKED_MODULE_BIAS, module->bias) &&
		       field_number(&content, PACKED_MODULE_TIME, time) &&
		       field_number(&content, PACKED_MODULE_IS_GONE, module->is_gone != 0) &&
		       field_put(&content, PACKED_MODULE_BUILD_ID, module->build_id,
				 module->build_id_bytes);

	if (is_made)
		packed_write(&packing->writer, PACKED_MODULE, &content);
	column_finish(&content);
	return is_made;
}

static bool thread_heard(void *user, uint32_t thread, const char *name)
{
	struct packing *packing = user;
	struct column content = {0};
	bool is_made = field_number(&content, PACKED_THREAD_NUMBER, thread) &&
		       field_put(&content, PACKED_THREAD_NAME, name, strlen(name));

	if (is_made)
		packed_write(&packing->writer, PACKED_THREADS, &content);
	column_finish(&content);
	return is_made;
}

bool packing_open(struct packing *packing, const char *path, bool is_overwritten,
		  const struct raw_header *header, char *message, size_t message_bytes)
{
	memset(packing, 0, sizeof(*packing));
	packing->descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC |
					 (is_overwritten ? 0 : O_EXCL), OUTPUT_MODE);
	if (packing->descriptor < 0 ||
	    (is_overwritten && ftruncate(packing->descriptor, 0) != 0)) {
		snprintf(message, message_bytes, "%s: %s", path, strerror(errno));
		if (packing->descriptor >= 0)
			close(packing->descriptor);
		return false;
	}
	packing->lost_why = "";
	packing->start_ticks = header->start_ticks;
	packing->listener = (struct raw_listener){frame_heard, module_heard, thread_heard, packing};
	packing->noted_ns = now_ns();
	packed_writer_init(&packing->writer, packing->descriptor);
	packing_info_write(packing, header);
	return true;
}

/* ---- streams ------------------------------------------------------------------------------ */

static void pack_write(struct packing *packing, struct packing_stream *stream)
{
	if (stream->pack->event_count == 0)
		return;
	frames_write(packing);
	if (!packed_write_events(&packing->writer, stream->pack, stream->stream))
		packing_lost_from(packing, stream->pack->first_time);
	pack_begin(stream->pack);
	stream->begun_ns = 0;
}

static void stream_finish(struct packing *packing, struct packing_stream *stream)
{
	if (stream->pack != NULL)
		pack_write(packing, stream);
	pack_destroy(stream->pack);
	raw_decoder_finish(stream->decoder);
	free(stream->decoder);
}

void packing_close(struct packing *packing)
{
	for (size_t i = 0; i < packing->stream_count; i++) {
		pack_destroy(packing->streams[i].pack);
		raw_decoder_finish(packing->streams[i].decoder);
		free(packing->streams[i].decoder);
	}
	free(packing->streams);
	column_finish(&packing->frames);
	packed_writer_finish(&packing->writer);
	close(packing->descriptor);
}

/* The stream of this number, which may be new. NULL: out of memory. */
static struct packing_stream *stream_of(struct packing *packing, uint32_t number)
{
	size_t place = packing->stream_count;

	while (place > 0 && packing->streams[place - 1].stream > number)
		place--;
	if (place > 0 && packing->streams[place - 1].stream == number)
		return &packing->streams[place - 1];
	struct raw_decoder *decoder = malloc(sizeof(*decoder));
	if (decoder == NULL ||
	    !array_reserve(&packing->streams, &packing->stream_capacity, packing->stream_count,
			   sizeof(*packing->streams))) {
		free(decoder);
		return NULL;
	}
	raw_decoder_init(decoder, packing->start_ticks, NULL, &packing->listener);
	memmove(packing->streams + place + 1, packing->streams + place,
		(packing->stream_count - place) * sizeof(*packing->streams));
	packing->streams[place] = (struct packing_stream){.stream = number, .decoder = decoder};
	packing->stream_count++;
	return &packing->streams[place];
}

/* The chunk of the stream that was idle longest, which is written. */
static struct pack *pack_reclaim(struct packing *packing)
{
	struct packing_stream *idle = NULL;

	for (size_t i = 0; i < packing->stream_count; i++) {
		struct packing_stream *stream = &packing->streams[i];
		if (stream->pack != NULL && (idle == NULL || stream->turn < idle->turn))
			idle = stream;
	}
	pack_write(packing, idle);
	struct pack *pack = idle->pack;
	idle->pack = NULL;
	return pack;
}

/* Give the stream a chunk to fill. False: out of memory. */
static bool stream_prepare(struct packing *packing, struct packing_stream *stream)
{
	stream->turn = ++packing->turn;
	if (stream->pack != NULL)
		return true;
	if (packing->pack_count >= PACKS_MAX) {
		stream->pack = pack_reclaim(packing);
		return true;
	}
	stream->pack = pack_create();
	if (stream->pack == NULL && packing->pack_count > 0)
		stream->pack = pack_reclaim(packing);
	else if (stream->pack != NULL)
		packing->pack_count++;
	if (stream->pack != NULL)
		pack_begin(stream->pack);
	return stream->pack != NULL;
}

static void lost_note(struct packing *packing, uint64_t units, const char *why)
{
	packing_lost_from(packing, units);
	packing->damaged_slots++;
	if (packing->lost_why[0] == '\0')
		packing->lost_why = why;
}

static void records_add(struct packing *packing, struct packing_stream *stream, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (unlikely(pack_is_full(stream->pack)))
			pack_write(packing, stream);
		if (unlikely(!pack_add(stream->pack, &packing->records[i]))) {
			packing->writer.lost_events += stream->pack->event_count;
			lost_note(packing, stream->pack->first_time, "out of memory");
			pack_begin(stream->pack);
		}
	}
}

size_t packing_slot(struct packing *packing, const struct raw_slot *slot, size_t bytes)
{
	struct packing_stream *stream = stream_of(packing, slot->stream);
	enum trace_status status;
	uint64_t begin = slot->ticks > packing->start_ticks ? slot->ticks - packing->start_ticks
							     : 0;
	size_t count;

	begin >>= RAW_TIME_SHIFT;
	if (stream == NULL || !stream_prepare(packing, stream)) {
		lost_note(packing, begin, "out of memory");
		return bytes;
	}
	if (stream->begun_ns == 0)
		stream->begun_ns = now_ns();
	raw_decoder_slot(stream->decoder, slot, bytes);
	while ((status = raw_decode(stream->decoder, packing->records, &count)) == TRACE_OK)
		records_add(packing, stream, count);
	if (status == TRACE_DAMAGED)
		lost_note(packing, begin, stream->decoder->damage);
	return stream->decoder->next * sizeof(uint64_t);
}

void packing_note(struct packing *packing, struct raw_header *header)
{
	uint64_t now = now_ns();

	if (now - packing->noted_ns < wait_ns_max)
		return;
	for (size_t i = 0; i < packing->stream_count; i++) {
		struct packing_stream *stream = &packing->streams[i];
		if (stream->pack != NULL && stream->begun_ns != 0 &&
		    now - stream->begun_ns > wait_ns_max)
			pack_write(packing, stream);
	}
	packing_state_write(packing, header);
	packing->noted_ns = now;
}

/* ---- whole files -------------------------------------------------------------------------- */

/* A slot's place in the file. */
struct found {
	uint64_t order;
	uint32_t slot;
};

static int found_compare(const void *a, const void *b)
{
	const struct found *left = a, *right = b;
	return (left->order > right->order) - (left->order < right->order);
}

static uint64_t slot_offset(uint32_t slot)
{
	return RAW_HEADER_BYTES + (uint64_t)slot * RAW_SLOT_BYTES;
}

/* The slots that hold something, in their order; the caller's to free. */
static bool slots_find(int descriptor, struct found **out_found, size_t *out_count)
{
	size_t capacity = 0;
	struct raw_slot slot;

	*out_found = NULL;
	*out_count = 0;
	for (uint32_t i = 0; file_read(descriptor, &slot, sizeof(slot), slot_offset(i)) ==
			     sizeof(slot); i++) {
		if (slot.state != RAW_SLOT_FILLING && slot.state != RAW_SLOT_FULL)
			continue;
		if (!array_reserve(out_found, &capacity, *out_count, sizeof(**out_found)))
			return false;
		(*out_found)[(*out_count)++] = (struct found){.order = slot.order, .slot = i};
	}
	if (*out_count > 0)
		qsort(*out_found, *out_count, sizeof(**out_found), found_compare);
	return true;
}

bool packing_file(struct packing *packing, int raw_descriptor)
{
	struct found *found;
	size_t count;
	struct raw_slot *slot = malloc(RAW_SLOT_BYTES);
	bool is_found = slots_find(raw_descriptor, &found, &count) && slot != NULL;

	for (size_t i = 0; i < count && is_found; i++) {
		size_t bytes = file_read(raw_descriptor, slot, RAW_SLOT_BYTES,
					 slot_offset(found[i].slot));
		packing_slot(packing, slot, bytes / sizeof(uint64_t) * sizeof(uint64_t));
	}
	free(found);
	free(slot);
	return is_found;
}

/* ---- the end ------------------------------------------------------------------------------ */

static const char *const column_names[PACKED_COLUMNS] = {
	[PACKED_SYMBOLS] = "symbols",
	[PACKED_TIMES] = "times",
	[PACKED_REQUEST] = "sizes",
	[PACKED_SHAPE] = "calls and alignments",
	[PACKED_RESULT] = "slack and places",
	[PACKED_STACK] = "stacks",
	[PACKED_ADDRESS] = "addresses",
	[PACKED_FAR] = "frees, far",
	[PACKED_OLD] = "frees, of earlier chunks",
	[PACKED_OLD_SYMBOLS] = "resized blocks",
	[PACKED_OTHER_COLUMN] = "samples, pages, marks",
};

static const char *lost_reason(const struct packing *packing, const struct raw_header *header)
{
	static const char *const reasons[] = {
		[RAW_LOST_NOTHING] = "",
		[RAW_LOST_DISK] = "no room for the recording",
		[RAW_LOST_LIMIT] = "a limit of the process forbids it to record",
		[RAW_LOST_FILE] = "the recording could not be reached again",
		[RAW_LOST_READER] = "the recorder was gone",
	};
	uint32_t lost = header->lost;

	if (packing->writer.error != 0)
		return strerror(packing->writer.error);
	if (lost != RAW_LOST_NOTHING && lost < ARRAY_LEN(reasons))
		return reasons[lost];
	return packing->lost_why;
}

void packing_finish(struct packing *packing, struct raw_header *header, struct trace_packed *out)
{
	struct packed_writer *writer = &packing->writer;

	for (size_t i = 0; i < packing->stream_count; i++)
		stream_finish(packing, &packing->streams[i]);
	packing->stream_count = 0;
	frames_write(packing);
	packing_state_write(packing, header);
	packed_write_index(writer);
	*out = (struct trace_packed){
		.event_count = writer->event_count,
		.file_bytes = writer->offset,
		.lost_events = packing_lost_events(packing, header),
		.lost_why = lost_reason(packing, header),
		.output_error = writer->error,
		.is_complete = header->is_ended != 0,
		.column_count = PACKED_COLUMNS,
		.other_bytes = writer->other_bytes,
	};
	for (size_t i = 0; i < PACKED_COLUMNS; i++)
		out->columns[i] = (struct trace_column){
			.name = column_names[i],
			.plain_bytes = writer->plain_bytes[i],
			.stored_bytes = writer->stored_bytes[i],
		};
}
