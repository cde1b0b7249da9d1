/* SPDX-License-Identifier: MIT */
/*
 * Raw decoding: the words of a slot as records. See raw_decode.h, and raw.h for the words.
 */
#include "trace/raw_decode.h"

#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"

enum {
	OPERATION_MASK = 15,
	ADDRESS_SHIFT = 4, /* of the record's bits, and of the address itself */
	TIME_SHIFT = 48,
	FRAME_SHIFT = 4,
	PARENT_SHIFT = 34,
	FRAME_MASK = (1 << 30) - 1,
	BLOB_SHIFT = 4,
	BLOB_MASK = 255,
	BLOB_BYTES_SHIFT = 12,
	SLACK_MASK = 0xffff,
	PLACE_MASK = 3,
	CALL_MASK = 7,
	ALIGN_MASK = 63,
	PAGES_KIND_SHIFT = 56,
	PAGES_USE_SHIFT = 60,
	NIBBLE_MASK = 15,
	RUN_USE_MASK = 15,
};

static const uint64_t address_mask = ((UINT64_C(1) << 44) - 1) << 4;
static const uint64_t pages_bytes_mask = (UINT64_C(1) << PAGES_KIND_SHIFT) - 1;

void raw_decoder_init(struct raw_decoder *decoder, uint64_t start_ticks,
		      const struct trace_dictionary *dictionary,
		      const struct raw_listener *listener)
{
	memset(decoder, 0, offsetof(struct raw_decoder, text));
	decoder->start_ticks = start_ticks;
	decoder->dictionary = dictionary;
	decoder->frame_count = dictionary != NULL ? (uint32_t)dictionary->frame_count :
						    UINT32_MAX;
	decoder->listener = listener;
}

void raw_decoder_finish(struct raw_decoder *decoder)
{
	sample_builder_finish(&decoder->sample);
}

static void time_set(struct raw_decoder *decoder, uint64_t ticks)
{
	uint64_t time = raw_units(ticks, decoder->start_ticks);

	if (time > decoder->time)
		decoder->time = time;
}

static void thread_set(struct raw_decoder *decoder, uint32_t thread)
{
	decoder->thread = decoder->dictionary != NULL ?
				  (uint32_t)dictionary_thread_rank(decoder->dictionary, thread) :
				  thread;
}

void raw_decoder_slot(struct raw_decoder *decoder, const struct raw_slot *slot, size_t bytes)
{
	decoder->words = (const uint64_t *)slot;
	decoder->next = sizeof(*slot) / sizeof(uint64_t);
	decoder->count = bytes / sizeof(uint64_t);
	decoder->is_told = false;
	decoder->damage = NULL;
	time_set(decoder, slot->ticks);
	thread_set(decoder, slot->thread);
}

/* Words of a record whose first words are at `words`; 0: no such operation. */
static inline size_t record_words(const uint64_t *words, size_t left)
{
	bool has_stack = left > 1 && words[1] >> RAW_STACK_SHIFT != 0;

	switch (words[0] & OPERATION_MASK) {
	case RAW_ALLOCATE:
		return has_stack ? 3 : 2;
	case RAW_FREE:
		return 1;
	case RAW_RESIZE:
		return has_stack ? 4 : 3;
	case RAW_FAIL:
	case RAW_TIME:
	case RAW_FRAME:
		return 2;
	case RAW_WIDE:
		return 3;
	case RAW_PAGES:
		return left > 1 && (words[1] >> PAGES_KIND_SHIFT & NIBBLE_MASK) ==
					   TRACE_PAGES_MOVE ? 3 : 2;
	case RAW_BLOB:
		return 1 + (size_t)(((words[0] >> BLOB_BYTES_SHIFT & UINT32_MAX) + 7) / 8);
	}
	return 0;
}

/* Sizes and stack of an ALLOCATE or RESIZE; `stack` is the word that may hold it. */
static inline bool sizes_take(struct raw_decoder *decoder, uint64_t sizes, const uint64_t *stack,
			      struct trace_record *out)
{
	uint32_t bytes = (uint32_t)sizes;

	if (unlikely(bytes == RAW_BYTES_WIDE && decoder->is_wide)) {
		out->bytes = decoder->wide_bytes;
		out->usable_bytes = decoder->wide_usable_bytes;
	} else {
		out->bytes = bytes;
		out->usable_bytes = bytes + (sizes >> RAW_SLACK_SHIFT & SLACK_MASK);
	}
	decoder->is_wide = false;
	out->place = sizes >> RAW_PLACE_SHIFT & PLACE_MASK;
	out->call = sizes >> RAW_CALL_SHIFT & CALL_MASK;
	out->align_log2 = sizes >> RAW_ALIGN_SHIFT & ALIGN_MASK;
	out->stack = 0;
	if (sizes >> RAW_STACK_SHIFT != 0 && *stack < decoder->frame_count)
		out->stack = (uint32_t)*stack;
	return out->call <= TRACE_INHERITED && out->usable_bytes >= out->bytes;
}

static bool pages_take(const uint64_t *words, struct trace_record *out)
{
	out->bytes = words[1] & pages_bytes_mask;
	out->place = words[1] >> PAGES_KIND_SHIFT & NIBBLE_MASK;
	out->call = words[1] >> PAGES_USE_SHIFT & NIBBLE_MASK;
	out->old_address = out->place == TRACE_PAGES_MOVE ? words[2] : 0;
	return out->place <= TRACE_PAGES_MOVE && out->call < TRACE_USES;
}

/* ---- blobs -------------------------------------------------------------------------------- */

static bool sample_take(struct raw_decoder *decoder, const void *payload, size_t bytes,
			bool *out_is_whole)
{
	const struct raw_sample *raw = payload;
	const struct raw_run *runs = (const void *)(raw + 1);
	struct sample_builder *builder = &decoder->sample;

	if (bytes < sizeof(*raw) || raw->run_count > (bytes - sizeof(*raw)) / sizeof(*runs))
		return false;
	sample_builder_begin(builder);
	struct trace_sample *sample = &builder->sample;
	sample->resident_bytes = raw->resident_bytes;
	sample->resident_bytes_peak = raw->resident_bytes_peak;
	sample->minor_faults = raw->minor_faults;
	sample->major_faults = raw->major_faults;
	sample->swapped_bytes = raw->swapped_bytes;
	sample->has_runs = raw->has_runs != 0;
	for (size_t i = 0; i < raw->run_count; i++) {
		struct trace_run run = {
			.address = runs[i].address,
			.bytes = runs[i].bytes_use & ~(uint64_t)RUN_USE_MASK,
			.use = runs[i].bytes_use & RUN_USE_MASK,
		};
		if (run.use >= TRACE_USES || !sample_builder_add(builder, &run))
			return false;
	}
	sample->runs = builder->runs;
	*out_is_whole = raw->is_more == 0;
	builder->is_open = !*out_is_whole;
	if (*out_is_whole)
		sample_builder_sort(builder);
	return true;
}

static bool module_take(struct raw_decoder *decoder, const void *payload, size_t bytes)
{
	const struct raw_module *module = payload;
	const char *path = (const char *)(module + 1);

	if (bytes <= sizeof(*module) || module->build_id_bytes > sizeof(module->build_id) ||
	    path[bytes - sizeof(*module) - 1] != '\0')
		return false;
	if (decoder->listener == NULL)
		return true;
	return decoder->listener->module(decoder->listener->user, decoder->time, module, path);
}

static bool thread_take(struct raw_decoder *decoder, const void *payload, size_t bytes)
{
	const struct raw_thread_name *name = payload;

	if (bytes < sizeof(*name) || name->name[sizeof(name->name) - 1] != '\0')
		return false;
	thread_set(decoder, name->thread);
	return decoder->listener == NULL ||
	       decoder->listener->thread(decoder->listener->user, name->thread, name->name);
}

/* A blob: true with *out_is_event, if it is one. False: damaged. */
static bool blob_take(struct raw_decoder *decoder, const uint64_t *words, struct trace_record *out,
		      bool *out_is_event)
{
	size_t bytes = words[0] >> BLOB_BYTES_SHIFT & UINT32_MAX;
	const void *payload = words + 1;

	*out_is_event = false;
	switch (words[0] >> BLOB_SHIFT & BLOB_MASK) {
	case RAW_BLOB_MODULE:
		return module_take(decoder, payload, bytes);
	case RAW_BLOB_SAMPLE:
		out->kind = TRACE_SAMPLE;
		record_payload_set(out, &decoder->sample.sample);
		return sample_take(decoder, payload, bytes, out_is_event);
	case RAW_BLOB_THREAD:
		return thread_take(decoder, payload, bytes);
	case RAW_BLOB_MARK:
		if (bytes >= sizeof(decoder->text))
			bytes = sizeof(decoder->text) - 1;
		memcpy(decoder->text, payload, bytes);
		decoder->text[bytes] = '\0';
		out->kind = TRACE_MARK;
		record_payload_set(out, decoder->text);
		*out_is_event = true;
		return true;
	}
	return false;
}

/* ---- records ------------------------------------------------------------------------------ */

/* What is no allocation and no free. True with *out_is_event, if it is one. False: damaged. */
static ALLOT_OUTLINE bool rare_take(struct raw_decoder *decoder, const uint64_t *words,
				    struct trace_record *out, bool *out_is_event)
{
	const struct raw_listener *listener = decoder->listener;

	*out_is_event = false;
	memset(out, 0, sizeof(*out));
	out->time = decoder->time;
	out->thread = decoder->thread;
	out->address = words[0] & address_mask;
	switch (words[0] & OPERATION_MASK) {
	case RAW_FAIL:
		*out_is_event = true;
		out->kind = TRACE_FAIL;
		out->bytes = words[1];
		return true;
	case RAW_TIME:
		time_set(decoder, words[1]);
		return true;
	case RAW_WIDE:
		decoder->wide_bytes = words[1];
		decoder->wide_usable_bytes = words[2];
		decoder->is_wide = true;
		return words[2] >= words[1];
	case RAW_PAGES:
		*out_is_event = true;
		out->kind = TRACE_PAGES;
		return pages_take(words, out);
	case RAW_FRAME:
		return listener == NULL ||
		       listener->frame(listener->user, words[0] >> FRAME_SHIFT & FRAME_MASK,
				       (uint32_t)(words[0] >> PARENT_SHIFT), words[1]);
	default:
		return blob_take(decoder, words, out, out_is_event);
	}
}

static inline bool has_time(uint64_t word)
{
	return (word & OPERATION_MASK) != RAW_FRAME;
}

/* One record. False: damaged. */
static inline bool record_take(struct raw_decoder *decoder, const uint64_t *words,
			       struct trace_record *out, bool *out_is_event)
{
	if (has_time(words[0]))
		decoder->time += words[0] >> TIME_SHIFT;
	*out_is_event = true;
	out->time = decoder->time;
	out->thread = decoder->thread;
	switch (words[0] & OPERATION_MASK) {
	case RAW_ALLOCATE:
		out->kind = TRACE_ALLOCATE;
		out->address = words[0] & address_mask;
		out->old_address = 0;
		return sizes_take(decoder, words[1], words + 2, out);
	case RAW_FREE:
		out->kind = TRACE_FREE;
		out->address = words[0] & address_mask;
		return true;
	case RAW_RESIZE:
		out->kind = TRACE_RESIZE;
		out->address = words[0] & address_mask;
		out->old_address = words[2] & address_mask;
		return sizes_take(decoder, words[1], words + 3, out);
	default:
		return rare_take(decoder, words, out, out_is_event);
	}
}

/* What is wrong with the record at `words`, or NULL. */
static inline const char *record_refuse(struct raw_decoder *decoder, const uint64_t *words,
					size_t left, size_t length, struct trace_record *out,
					bool *out_is_event)
{
	if (unlikely(length == 0))
		return "an unknown record";
	if (unlikely(length > left))
		return "a record that is cut off";
	if (unlikely(!record_take(decoder, words, out, out_is_event)))
		return "an impossible record";
	return NULL;
}

enum trace_status raw_decode(struct raw_decoder *decoder, struct trace_record *out,
			     size_t *out_count)
{
	size_t count = 0;

	while (count < TRACE_BATCH && decoder->next < decoder->count && decoder->damage == NULL) {
		const uint64_t *words = decoder->words + decoder->next;
		size_t left = decoder->count - decoder->next;
		bool is_event = false;
		if (words[0] == RAW_NONE)
			break;
		size_t length = record_words(words, left);
		decoder->damage = record_refuse(decoder, words, left, length, &out[count],
						&is_event);
		if (decoder->damage != NULL)
			break;
		decoder->next += length;
		if (!is_event)
			continue;
		if (out[count++].kind >= TRACE_SAMPLE)
			break;
	}
	*out_count = count;
	if (count > 0)
		return TRACE_OK;
	if (decoder->damage == NULL || decoder->is_told)
		return TRACE_END;
	decoder->is_told = true;
	return TRACE_DAMAGED;
}
