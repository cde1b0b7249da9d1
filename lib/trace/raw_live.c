/* SPDX-License-Identifier: MIT */
/*
 * Raw live: looking at what a process writes, and what became of it. See raw_live.h; reading is in
 * raw_live_read.c.
 */
#include "trace/raw_live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <allot/trace_file.h>

#include "os/ticks.h"
#include "trace/dictionary.h"
#include "trace/forms.h"
#include "trace/raw_live_inside.h"

enum {
	HEAD_WORDS = sizeof(struct raw_slot) / sizeof(uint64_t),
	STREAMS_MAX = 1 << 12, /* no process has more */
	/* A process with a reader has 256 slots: from here on it must not be held up, */
	BEHIND_SLOTS = 160,
	/* until there are so few again. */
	ABREAST_SLOTS = 32,
};

/* ---- what is no event --------------------------------------------------------------------- */

static bool hear_frame(void *user, uint32_t frame, uint32_t parent, uint64_t address)
{
	struct raw_live *live = user;

	live->heard_frames++;
	if (frame == 0 || parent >= frame || frame > raw_live_frame_limit(live))
		return true;
	return dictionary_frame_put(live->source.dictionary, frame, parent, address);
}

/* Threads are numbered from 0 on: what readers are told is the same number. */
static bool thread_know(struct trace_dictionary *dictionary, uint32_t thread)
{
	for (uint32_t i = (uint32_t)dictionary->thread_count;
	     i <= thread && i < LIVE_THREADS_MAX; i++)
		if (!dictionary_thread_add(dictionary, i))
			return false;
	return true;
}

static bool hear_thread(void *user, uint32_t thread, const char *name)
{
	struct raw_live *live = user;

	return thread >= LIVE_THREADS_MAX || (thread_know(live->source.dictionary, thread) &&
	       dictionary_thread_name(live->source.dictionary, thread, name, strlen(name)));
}

static bool hear_module(void *user, uint64_t time, const struct raw_module *raw, const char *path)
{
	struct raw_live *live = user;
	struct trace_module module = {
		.path = path,
		.begin = raw->begin,
		.end = raw->end,
		.bias = raw->bias,
		.time_begin = clock_ns(time, live->source.ns_per_unit),
		.build_id_bytes = raw->build_id_bytes,
	};

	memcpy(module.build_id, raw->build_id, raw->build_id_bytes);
	return dictionary_module_add(live->source.dictionary, &module, raw->is_gone != 0);
}

/* ---- streams ------------------------------------------------------------------------------ */

static uint64_t stream_start(const struct trace_source *source, size_t index)
{
	return raw_live_of(source)->streams[index]->first_units;
}

static struct trace_stream *stream_open(struct trace_source *source, size_t index)
{
	return &raw_live_of(source)->streams[index]->stream;
}

static void stream_close(struct trace_stream *of)
{
	(void)of; /* it may go on; the source gives it back */
}

/* ---- looking ------------------------------------------------------------------------------ */

static struct live_stream *stream_create(struct raw_live *live)
{
	struct live_stream *stream = calloc(1, sizeof(*stream));

	if (stream == NULL)
		return NULL;
	stream->stream.source = &live->source;
	stream->looked = UINT64_MAX;
	raw_decoder_init(&stream->decoder, raw_slots_header(&live->slots)->start_ticks, NULL,
			 &live->listener);
	return stream;
}

/*
 * The stream of that number: its place, too, for where times are equal the lower one is first.
 * NULL: out of memory, or no number of a stream.
 */
static struct live_stream *stream_take(struct raw_live *live, uint32_t number, uint64_t ticks)
{
	if (number >= STREAMS_MAX)
		return NULL;
	while (live->source.stream_count <= number) {
		size_t count = live->source.stream_count;
		if (!array_reserve(&live->streams, &live->stream_capacity, count,
				   sizeof(*live->streams)) ||
		    (live->streams[count] = stream_create(live)) == NULL)
			return NULL;
		live->source.stream_count++;
	}
	struct live_stream *stream = live->streams[number];
	if (stream->capacity == 0)
		stream->first_units = raw_units(ticks,
						raw_slots_header(&live->slots)->start_ticks);
	return stream;
}

/* Put a slot behind the others of its stream; those found at one look come in any order. */
static bool slot_add(struct raw_live *live, const struct raw_slot *slot, uint32_t index)
{
	struct live_stream *stream = stream_take(live, slot->stream, slot->ticks);

	if (stream == NULL)
		return slot->stream >= STREAMS_MAX;
	if (stream->next > 0 && stream->next == stream->count)
		stream->next = stream->count = 0;
	if (!array_reserve(&stream->slots, &stream->capacity, stream->count,
			   sizeof(*stream->slots)))
		return false;
	size_t at = stream->count++;
	size_t first = stream->next + (stream->is_begun ? 1 : 0);
	for (; at > first && stream->slots[at - 1].order > slot->order; at--)
		stream->slots[at] = stream->slots[at - 1];
	stream->slots[at] = (struct live_slot){.order = slot->order, .index = index};
	live->found_slots++;
	live->waiting_slots++;
	return thread_know(live->source.dictionary, slot->thread);
}

/* Is something written in the slot? Its head was written before that. */
static bool slot_is_used(const struct raw_slot *slot, uint32_t state)
{
	const uint64_t *words = (const uint64_t *)(const void *)slot;

	return state == RAW_SLOT_FULL ||
	       (state == RAW_SLOT_FILLING &&
		__atomic_load_n(&words[HEAD_WORDS], __ATOMIC_ACQUIRE) != 0);
}

/* Find slots that were not there before. False: out of memory. */
static bool slots_look(struct raw_live *live)
{
	struct raw_header *header = raw_slots_header(&live->slots);
	uint64_t order_end = live->order_end;
	uint32_t count = raw_slots_count(&live->slots);
	bool is_kept = atomic_load(&header->reader_process) == 0;

	if (count > live->known_count) {
		uint64_t *known = reallocarray(live->known, (size_t)count * 2, sizeof(*known));
		if (known == NULL)
			return false;
		memset(known + live->known_count, 0,
		       ((size_t)count * 2 - live->known_count) * sizeof(*known));
		live->known = known;
		live->known_count = (size_t)count * 2;
	}
	bool is_settled = is_kept;
	for (uint32_t i = live->settled; i < count; i++) {
		struct raw_slot *slot = raw_slots_get(&live->slots, i);
		uint32_t state = atomic_load_explicit(&slot->state, memory_order_acquire);
		is_settled = is_settled && state == RAW_SLOT_FULL && slot->order < order_end;
		if (slot_is_used(slot, state) && slot->order < order_end &&
		    live->known[i] != slot->order + 1) {
			live->known[i] = slot->order + 1;
			if (!slot_add(live, slot, i))
				return false;
		}
		if (is_settled)
			live->settled = i + 1;
	}
	return true;
}

static void clock_look(struct raw_live *live)
{
	const struct raw_header *header = raw_slots_header(&live->slots);
	uint64_t ticks = os_ticks();

	live->source.horizon = raw_units(ticks, header->start_ticks);
	live->source.ns_per_unit = clock_rate(header->start_ticks, header->start_ns, ticks,
					      os_clock_ns());
}

bool raw_live_step(struct trace_source *source, bool is_end)
{
	struct raw_live *live = raw_live_of(source);

	/* First the time and the order, then the length: what is before them is mapped. */
	clock_look(live);
	live->order_end = atomic_load(&raw_slots_header(&live->slots)->slot_order);
	/* What is mapped may move. */
	raw_slots_grow(&live->slots);
	const struct raw_header *header = raw_slots_header(&live->slots);
	live->is_end = is_end;
	/* What the header says of the program is there before the first slot is. */
	if (!live->is_filled && atomic_load(&header->slot_count) > 0) {
		raw_info_fill(source->dictionary, header);
		live->is_filled = true;
	}
	if (!slots_look(live))
		return false;
	if (live->slots.is_reader && !is_end)
		live->is_behind = live->waiting_slots >
				  (live->is_behind ? ABREAST_SLOTS : BEHIND_SLOTS) +
				  source->stream_count;
	else
		live->is_behind = false;
	source->dictionary->info.is_complete = atomic_load(&header->is_ended) != 0;
	source->dictionary->info.lost_events = atomic_load(&header->lost_events);
	return true;
}

/* ---- what became of it -------------------------------------------------------------------- */

static uint64_t slots_missed(const struct raw_live *live)
{
	/* The last ones may only just have been taken. */
	uint64_t near = live->source.stream_count + 1;
	uint64_t known = live->found_slots + near;

	return live->spoilt_slots + (live->order_end > known ? live->order_end - known : 0);
}

bool raw_live_is_ended(const struct trace_source *source)
{
	return raw_live_of(source)->is_end;
}

bool raw_live_has_gaps(const struct trace_source *source)
{
	const struct raw_live *live = raw_live_of(source);

	return live->skipped_events > 0 || slots_missed(live) > 0;
}

void raw_live_state(const struct trace_source *source, struct trace_follow_state *out)
{
	static const char *const reasons[] = {
		[RAW_LOST_NOTHING] = "",
		[RAW_LOST_DISK] = "no room on the disk",
		[RAW_LOST_LIMIT] = "a limit of the process",
		[RAW_LOST_FILE] = "the file could not be reached again",
		[RAW_LOST_READER] = "its reader fell behind and ended",
	};
	const struct raw_live *live = raw_live_of(source);
	const struct raw_header *header = raw_slots_header(&live->slots);
	uint32_t lost = atomic_load(&header->lost);

	*out = (struct trace_follow_state){
		.process = header->process,
		.reader = raw_slots_other_reader(&live->slots),
		.is_ended = atomic_load(&header->is_ended) != 0,
		.missed_slots = slots_missed(live),
		.skipped_events = live->skipped_events,
		.lost_events = atomic_load(&header->lost_events),
		.lost_why = lost < ARRAY_LEN(reasons) ? reasons[lost] : "",
		.waiting_bytes = live->waiting_slots * RAW_SLOT_BYTES,
		.now = clock_ns(source->horizon, source->ns_per_unit),
	};
}

/* ---- opening ------------------------------------------------------------------------------ */

static void live_close(struct trace_source *source)
{
	struct raw_live *live = raw_live_of(source);

	for (size_t i = 0; i < source->stream_count; i++) {
		raw_decoder_finish(&live->streams[i]->decoder);
		free(live->streams[i]->slots);
		free(live->streams[i]->words);
		free(live->streams[i]);
	}
	raw_slots_close(&live->slots);
	dictionary_destroy(source->dictionary);
	free(live->streams);
	free(live->known);
	free(live);
}

static const struct trace_source_form live_form = {
	.stream_start = stream_start,
	.stream_open = stream_open,
	.stream_read = raw_live_read,
	.stream_close = stream_close,
	.close = live_close,
};

bool raw_live_is(const struct trace_source *source)
{
	return source->form == &live_form;
}

struct trace_source *raw_live_open(const char *path, bool is_reader, char *message,
				   size_t message_bytes)
{
	struct raw_live *live = calloc(1, sizeof(*live));

	snprintf(message, message_bytes, "%s: out of memory", path);
	if (live == NULL)
		return NULL;
	live->slots.descriptor = -1;
	live->source.form = &live_form;
	live->source.dictionary = dictionary_create();
	live->listener = (struct raw_listener){hear_frame, hear_module, hear_thread, live};
	if (live->source.dictionary == NULL ||
	    !dictionary_frame_put(live->source.dictionary, 0, 0, 0) ||
	    !raw_slots_open(&live->slots, path, is_reader, message, message_bytes) ||
	    !raw_live_step(&live->source, false)) {
		live_close(&live->source);
		return NULL;
	}
	live->source.dictionary->info.format = "allot raw";
	return &live->source;
}
