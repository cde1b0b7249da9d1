/* SPDX-License-Identifier: MIT */
/*
 * Raw decoding: the words of a slot as records. For readers of raw files and for the packer.
 *
 * A decoder goes through one stream's slots in their order and keeps what lasts beyond a slot: the
 * time, and a sample whose rest is still to come. What is no event (frames, modules, names) goes to
 * a listener, if there is one.
 */
#ifndef TRACE_RAW_DECODE_H
#define TRACE_RAW_DECODE_H

#include "trace/dictionary.h"
#include "trace/raw.h"
#include "trace/record.h"
#include "trace/sample.h"

/* Who wants what is no event. All return false to give up (out of memory). */
struct raw_listener {
	bool (*frame)(void *user, uint32_t frame, uint32_t parent, uint64_t address);
	bool (*module)(void *user, uint64_t time, const struct raw_module *module,
		       const char *path);
	bool (*thread)(void *user, uint32_t thread, const char *name);
	void *user;
};

struct raw_decoder {
	const uint64_t *words;
	size_t next, count; /* words of the slot */
	uint64_t start_ticks;
	uint64_t time;      /* of the last record, in units since the start */
	uint32_t frame_count; /* of stacks; others are taken for none */
	uint32_t thread;      /* who writes: its rank, with a dictionary */
	const struct trace_dictionary *dictionary; /* or NULL */
	const struct raw_listener *listener; /* or NULL */
	uint64_t wide_bytes, wide_usable_bytes;
	bool is_wide;
	struct sample_builder sample;
	const char *damage; /* what was wrong with the word at `next`, or NULL */
	bool is_told;
	char text[RAW_TEXT_BYTES];
};

/* Of a file whose dictionary is being made, or in use; one of them is NULL. */
void raw_decoder_init(struct raw_decoder *decoder, uint64_t start_ticks,
		      const struct trace_dictionary *dictionary,
		      const struct raw_listener *listener);
void raw_decoder_finish(struct raw_decoder *decoder);

/* Go on with a slot of `bytes` bytes, its head included. */
void raw_decoder_slot(struct raw_decoder *decoder, const struct raw_slot *slot, size_t bytes);

/*
 * At most TRACE_BATCH records. TRACE_END: the slot holds no more. TRACE_DAMAGED: the rest of it is
 * not used, decoder->damage says why. A batch ends with a record that has a payload, which is valid
 * until the next call.
 */
enum trace_status raw_decode(struct raw_decoder *decoder, struct trace_record *out,
			     size_t *out_count);

/*
 * Ticks as units since the unit of `start_ticks`: records count in whole units of the clock, so a
 * difference that is rounded only then would be one off for some slots.
 */
static inline uint64_t raw_units(uint64_t ticks, uint64_t start_ticks)
{
	return ticks > start_ticks ? (ticks >> RAW_TIME_SHIFT) - (start_ticks >> RAW_TIME_SHIFT)
				   : 0;
}

#endif
