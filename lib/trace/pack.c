/* SPDX-License-Identifier: MIT */
/*
 * Packing: records of one stream as columns. See pack.h, packed.h and model.h.
 *
 * The index finds the allocation of this chunk at an address: open addressing over sequences, with
 * a bit that says the block is gone. An address that is handed out again takes its old place.
 */
#include "trace/pack.h"

#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"

enum {
	INDEX_LOG2 = 17, /* twice the events of a chunk */
	INDEX_PLACES = 1 << INDEX_LOG2,
	ADDRESS_SHIFT = 4,
	OTHER_BYTES_FULL = 1 << 22, /* samples of a chunk, after which it ends */
};

static const uint32_t gone = UINT32_C(1) << 31;

_Static_assert(INDEX_PLACES >= 2 * PACKED_EVENTS_MAX, "half of the index stays empty");

/* Bytes an event can need at most of each column, but for OTHER. */
static const unsigned char event_bytes[PACKED_COLUMNS] = {
	[PACKED_SYMBOLS] = 2,
	[PACKED_TIMES] = 2 * VARINT_BYTES_MAX,
	[PACKED_REQUEST] = VARINT_BYTES_MAX,
	[PACKED_SHAPE] = 2,
	[PACKED_RESULT] = VARINT_BYTES_MAX,
	[PACKED_STACK] = VARINT_BYTES_MAX,
	[PACKED_ADDRESS] = VARINT_BYTES_MAX,
	[PACKED_FAR] = VARINT_BYTES_MAX,
	[PACKED_OLD] = VARINT_BYTES_MAX,
	[PACKED_OLD_SYMBOLS] = 1,
};

void pack_destroy(struct pack *pack)
{
	if (pack == NULL)
		return;
	model_destroy(pack->model);
	free(pack->index);
	for (size_t i = 0; i < PACKED_COLUMNS; i++)
		column_finish(&pack->columns[i]);
	free(pack);
}

struct pack *pack_create(void)
{
	struct pack *pack = calloc(1, sizeof(*pack));

	if (pack == NULL)
		return NULL;
	pack->model = model_create(PACKED_EVENTS_MAX);
	pack->index = calloc(INDEX_PLACES, sizeof(*pack->index));
	bool is_made = pack->model != NULL && pack->index != NULL;
	/* Pages that no event comes to are never touched. */
	for (size_t i = 0; i < PACKED_COLUMNS && is_made; i++)
		is_made = column_reserve(&pack->columns[i],
					 event_bytes[i] * (size_t)(PACKED_EVENTS_MAX + 2));
	if (!is_made) {
		pack_destroy(pack);
		return NULL;
	}
	return pack;
}

void pack_begin(struct pack *pack)
{
	if (pack->model->sequence > 0)
		memset(pack->index, 0, INDEX_PLACES * sizeof(*pack->index));
	model_reset(pack->model);
	for (size_t i = 0; i < PACKED_COLUMNS; i++)
		pack->columns[i].used = 0;
	pack->event_count = 0;
	pack->still_count = 0;
	pack->last_miss = 0;
}

bool pack_is_full(const struct pack *pack)
{
	return pack->event_count >= PACKED_EVENTS_MAX ||
	       pack->columns[PACKED_OTHER_COLUMN].used >= OTHER_BYTES_FULL;
}

size_t pack_plain_bytes(const struct pack *pack)
{
	size_t bytes = 0;

	for (size_t i = 0; i < PACKED_COLUMNS; i++)
		bytes += pack->columns[i].used;
	return bytes;
}

/* ---- the index ---------------------------------------------------------------------------- */

/* The place of `address`, or an empty one for it. A place holds the sequence plus 1. */
static inline uint32_t *place_of(struct pack *pack, uint64_t address)
{
	/* Neighbours in memory are neighbours here: see trace/live.h. */
	uint64_t line = (address >> 7) * UINT64_C(0x9e3779b97f4a7c15) >> (64 - INDEX_LOG2 + 3);
	size_t i = (size_t)(line << 3 | (address >> ADDRESS_SHIFT & 7));

	while (pack->index[i] != 0 &&
	       pack->model->addresses[(pack->index[i] & ~gone) - 1] != address)
		i = (i + 1) & (INDEX_PLACES - 1);
	return &pack->index[i];
}

/* ---- events ------------------------------------------------------------------------------- */

static inline void time_add(struct pack *pack, uint64_t time)
{
	if (pack->event_count == 0) {
		pack->first_time = time;
	} else if (time != pack->time) {
		column_varint(&pack->columns[PACKED_TIMES], pack->still_count);
		column_varint(&pack->columns[PACKED_TIMES], time - pack->time);
		pack->still_count = 0;
	} else {
		pack->still_count++;
	}
	pack->time = pack->last_time = time;
}

/* The symbol of the block at `address`, which goes; what it needs is written. */
static inline unsigned char old_add(struct pack *pack, uint64_t address)
{
	struct model *model = pack->model;
	uint32_t *place = place_of(pack, address);
	unsigned char symbol;

	if (*place == 0 || (*place & gone) != 0) {
		uint64_t step = address - model->last_old;
		symbol = step == model->last_old_step ? PACKED_FREE_STRIDE : PACKED_FREE_OLD;
		if (symbol == PACKED_FREE_OLD)
			column_varint(&pack->columns[PACKED_OLD],
				      zigzag((int64_t)step >> ADDRESS_SHIFT));
		model->last_old = address;
		model->last_old_step = step;
	} else {
		uint32_t sequence = *place - 1;
		uint32_t recent = model->sequence - 1 - sequence;
		int64_t near = (int64_t)sequence - model->last_freed;
		if (recent < PACKED_RECENT) {
			symbol = (unsigned char)(PACKED_FREE_RECENT + recent);
		} else if (near >= -PACKED_NEAR && near < PACKED_NEAR) {
			symbol = (unsigned char)(PACKED_FREE_NEAR + PACKED_NEAR + near);
		} else {
			symbol = PACKED_FREE_FAR;
			column_varint(&pack->columns[PACKED_FAR], zigzag(near));
		}
		model->last_freed = sequence;
		*place |= gone;
	}
	model_freed(model, address);
	return symbol;
}

/* The hits of a block's request, result and stack; what is none is written. */
static inline unsigned char sizes_add(struct pack *pack, const struct trace_record *record)
{
	struct model *model = pack->model;
	uint64_t request = request_of(record), result = result_of(record);
	uint64_t *place = model_request(model), *result_place = model_result(model, request);
	uint32_t *stack_place = model_stack(model, request);
	unsigned char hits = PACKED_HIT_REQUEST | PACKED_HIT_RESULT | PACKED_HIT_STACK;

	if (*place != request || record->bytes >> REQUEST_BYTES_BITS != 0) {
		hits &= (unsigned char)~PACKED_HIT_REQUEST;
		column_varint(&pack->columns[PACKED_REQUEST], record->bytes);
		column_varint(&pack->columns[PACKED_SHAPE],
			      record->call | (uint64_t)record->align_log2 << 3);
	}
	model_request_set(model, place, request);
	if (*result_place != result) {
		hits &= (unsigned char)~PACKED_HIT_RESULT;
		column_varint(&pack->columns[PACKED_RESULT], result);
		*result_place = result;
	}
	if (*stack_place != record->stack) {
		hits &= (unsigned char)~PACKED_HIT_STACK;
		column_varint(&pack->columns[PACKED_STACK],
			      zigzag((int64_t)record->stack - pack->last_miss));
		*stack_place = pack->last_miss = record->stack;
	}
	model->stack = record->stack;
	return hits;
}

/* The guess that was right of a block's address, which is written if none was. */
static inline unsigned char address_add(struct pack *pack, const struct trace_record *record)
{
	struct model *model = pack->model;
	struct model_class *class = model_class(model, record->usable_bytes);
	struct model_slab *slab = model_slab(model, class->last);
	enum model_guess guess = MODEL_NEITHER;

	if (model_first(model, class, slab) == record->address)
		guess = MODEL_FIRST;
	else if (class->frontier == record->address)
		guess = MODEL_FRONTIER;
	else
		column_varint(&pack->columns[PACKED_ADDRESS],
			      zigzag((int64_t)(record->address - class->last) >> ADDRESS_SHIFT));
	uint32_t *place = place_of(pack, record->address);
	model_allocated(model, class, slab, record->address, record->usable_bytes, guess);
	*place = model->sequence;
	return (unsigned char)guess;
}

/* ---- what is rare ------------------------------------------------------------------------- */

static bool sample_add(struct column *other, const struct trace_sample *sample)
{
	uint64_t end = 0;

	if (!column_reserve(other, (8 + 2 * sample->run_count) * VARINT_BYTES_MAX))
		return false;
	column_varint(other, sample->resident_bytes);
	column_varint(other, sample->resident_bytes_peak);
	column_varint(other, sample->minor_faults);
	column_varint(other, sample->major_faults);
	column_varint(other, sample->swapped_bytes);
	column_varint(other, sample->has_runs);
	column_varint(other, sample->run_count);
	for (size_t i = 0; i < sample->run_count; i++) {
		const struct trace_run *run = &sample->runs[i];
		column_varint(other, zigzag((int64_t)(run->address - end) >> ADDRESS_SHIFT));
		column_varint(other, (run->bytes >> ADDRESS_SHIFT) << 3 | run->use);
		end = run->address + run->bytes;
	}
	return true;
}

static ALLOT_OUTLINE bool other_add(struct pack *pack, const struct trace_record *record)
{
	struct column *other = &pack->columns[PACKED_OTHER_COLUMN];
	const char *text;

	if (!column_reserve(other, 5 * VARINT_BYTES_MAX))
		return false;
	column_byte(&pack->columns[PACKED_SYMBOLS], (unsigned char)(PACKED_OTHER + record->kind));
	switch (record->kind) {
	case TRACE_FAIL:
		column_varint(other, record->bytes);
		return true;
	case TRACE_PAGES:
		column_varint(other, record->place | (uint64_t)record->call << 2);
		column_varint(other, record->address >> ADDRESS_SHIFT);
		column_varint(other, record->bytes);
		column_varint(other, record->old_address);
		return true;
	case TRACE_SAMPLE:
		return sample_add(other, record_payload(record));
	default:
		text = record_payload(record);
		if (!column_reserve(other, strlen(text) + VARINT_BYTES_MAX))
			return false;
		column_varint(other, strlen(text));
		memcpy(other->bytes + other->used, text, strlen(text));
		other->used += strlen(text);
		return true;
	}
}

static ALLOT_COLD bool thread_add(struct pack *pack, uint32_t thread)
{
	struct column *other = &pack->columns[PACKED_OTHER_COLUMN];

	pack->thread = thread;
	if (pack->event_count == 0) {
		pack->first_thread = thread;
		return true;
	}
	if (!column_reserve(other, VARINT_BYTES_MAX))
		return false;
	column_byte(&pack->columns[PACKED_SYMBOLS], PACKED_THREAD);
	column_varint(other, thread);
	return true;
}

bool pack_add(struct pack *pack, const struct trace_record *record)
{
	struct column *symbols = &pack->columns[PACKED_SYMBOLS];

	if (unlikely(record->thread != pack->thread || pack->event_count == 0) &&
	    !thread_add(pack, record->thread))
		return false;
	time_add(pack, record->time);
	pack->event_count++;
	switch (record->kind) {
	case TRACE_ALLOCATE: {
		unsigned char hits = sizes_add(pack, record);
		column_byte(symbols, PACKED_ALLOCATE | hits | address_add(pack, record));
		return true;
	}
	case TRACE_FREE:
		column_byte(symbols, old_add(pack, record->address));
		return true;
	case TRACE_RESIZE: {
		column_byte(&pack->columns[PACKED_OLD_SYMBOLS],
			    old_add(pack, record->old_address));
		unsigned char hits = sizes_add(pack, record);
		column_byte(symbols, PACKED_RESIZE | hits | address_add(pack, record));
		return true;
	}
	default:
		return other_add(pack, record);
	}
}
