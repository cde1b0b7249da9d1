/* SPDX-License-Identifier: MIT */
/*
 * Raw live, reading: a stream's slots, word by word as far as they are written. See raw_live.h.
 *
 * A slot is copied before it is decoded: the process goes on writing to it. It is left when it was
 * full at that, and goes back to the process where we are its reader.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "trace/dictionary.h"
#include "trace/raw_live_inside.h"

enum { SLOT_WORDS = RAW_SLOT_BYTES / sizeof(uint64_t) };

/* The slot being read is done. */
static void slot_leave(struct raw_live *live, struct live_stream *stream)
{
	if (live->slots.is_reader) {
		raw_slots_give(&live->slots, stream->slots[stream->next].index);
		raw_slots_announce(&live->slots);
	}
	stream->next++;
	stream->is_begun = false;
	live->waiting_slots -= live->waiting_slots > 0;
}

/* Copy what has been written to the current slot since. False: another reader emptied it. */
static bool slot_copy(struct raw_live *live, struct live_stream *stream)
{
	const struct live_slot *place = &stream->slots[stream->next];
	const struct raw_slot *slot = raw_slots_get(&live->slots, place->index);
	struct raw_decoder *decoder = &stream->decoder;
	/* Before the words: if it was full then, they are all there. */
	uint32_t state = atomic_load_explicit(&slot->state, memory_order_acquire);
	size_t from = stream->is_begun ? decoder->next : 0;

	stream->is_last_copy = state == RAW_SLOT_FULL || live->is_end;
	raw_slot_copy(slot, stream->words, from, SLOT_WORDS);
	atomic_thread_fence(memory_order_acquire);
	if (atomic_load(&slot->state) == RAW_SLOT_FREE ||
	    *(const volatile uint64_t *)&slot->order != place->order)
		return false;
	if (!stream->is_begun) {
		raw_decoder_slot(decoder, (const struct raw_slot *)(const void *)stream->words,
				 RAW_SLOT_BYTES);
		stream->is_begun = true;
	}
	return true;
}

/* Is there something behind what was decoded, or may the slot be left? */
static bool slot_has_more(const struct raw_live *live, const struct live_stream *stream)
{
	const struct raw_slot *slot = raw_slots_get(&live->slots,
						    stream->slots[stream->next].index);
	const uint64_t *words = (const uint64_t *)(const void *)slot;
	size_t next = stream->decoder.next;

	return !stream->is_begun || live->is_end ||
	       atomic_load_explicit(&slot->state, memory_order_acquire) != RAW_SLOT_FILLING ||
	       (stream->decoder.damage == NULL && next < SLOT_WORDS &&
		__atomic_load_n(&words[next], __ATOMIC_ACQUIRE) != 0);
}

/* Stacks are numbers that the process has given out. */
static void stacks_check(const struct raw_live *live, struct trace_record *records, size_t count)
{
	uint64_t frames = raw_live_frame_limit(live);

	for (size_t i = 0; i < count; i++) {
		if (records[i].kind <= TRACE_FAIL && records[i].stack > frames)
			records[i].stack = 0;
		if (records[i].thread >= LIVE_THREADS_MAX)
			records[i].thread = LIVE_THREADS_MAX - 1;
	}
}

/* Of a process that must not wait: only count what is asked for and given back. */
static size_t records_skip(struct raw_live *live, struct trace_record *records, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (records[i].kind > TRACE_RESIZE)
			records[kept++] = records[i];
	live->skipped_events += count - kept;
	return kept;
}

/* Go on in the current slot, or to the next. False: nothing is there yet. */
static bool slot_go_on(struct raw_live *live, struct live_stream *stream)
{
	if (stream->next == stream->count)
		return false;
	if (stream->words == NULL)
		stream->words = malloc(RAW_SLOT_BYTES);
	if (stream->words == NULL || !slot_has_more(live, stream))
		return false;
	if (!slot_copy(live, stream)) {
		live->spoilt_slots++;
		slot_leave(live, stream);
	}
	return true;
}

enum trace_status raw_live_read(struct trace_stream *of, struct trace_record *out,
				size_t *out_count)
{
	struct live_stream *stream = (struct live_stream *)(void *)of;
	struct raw_live *live = raw_live_of(of->source);

	if (stream->looked == of->source->horizon && !live->is_end)
		return TRACE_WAIT;
	for (;;) {
		enum trace_status status = TRACE_END;
		if (stream->is_begun)
			status = raw_decode(&stream->decoder, out, out_count);
		if (status == TRACE_DAMAGED)
			snprintf(of->source->message, TRACE_LINE_BYTES,
				 "slot %u: %s: the rest of it is skipped",
				 stream->slots[stream->next].index, stream->decoder.damage);
		if (status == TRACE_OK) {
			stacks_check(live, out, *out_count);
			/* Known from the first block of the strategy on. */
			of->source->dictionary->info.tag_bytes =
				raw_slots_header(&live->slots)->tag_bytes;
			if (unlikely(live->is_behind))
				*out_count = records_skip(live, out, *out_count);
			if (*out_count == 0)
				continue;
		}
		if (status != TRACE_END)
			return status;
		if (stream->is_begun && stream->is_last_copy)
			slot_leave(live, stream);
		if (!slot_go_on(live, stream))
			break;
	}
	stream->looked = of->source->horizon;
	return live->is_end ? TRACE_END : TRACE_WAIT;
}
