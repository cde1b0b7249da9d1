/* SPDX-License-Identifier: MIT */
/*
 * Unpacking: the columns of a chunk as records. See unpack.h.
 */
#include "trace/unpack.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/compiler.h"

enum {
	ADDRESS_SHIFT = 4,
	SHAPE_CALL_MASK = 7,
	SHAPE_ALIGN_SHIFT = 3,
	SHAPE_MAX = 1 << 9,
	PLACE_MASK = 3,
	RUN_USE_MASK = 7,
	PAGES_MAX = TRACE_PAGES_MOVE | TRACE_USES << 2,
};

struct unpack *unpack_create(const struct trace_dictionary *dictionary)
{
	struct unpack *unpack = calloc(1, sizeof(*unpack));

	if (unpack == NULL)
		return NULL;
	unpack->dictionary = dictionary;
	unpack->model = model_create(PACKED_EVENTS_MAX);
	unpack->zstd = ZSTD_createDCtx();
	if (unpack->model == NULL || unpack->zstd == NULL) {
		unpack_destroy(unpack);
		return NULL;
	}
	return unpack;
}

void unpack_destroy(struct unpack *unpack)
{
	if (unpack == NULL)
		return;
	model_destroy(unpack->model);
	ZSTD_freeDCtx(unpack->zstd);
	column_finish(&unpack->plain);
	column_finish(&unpack->text);
	sample_builder_finish(&unpack->sample);
	free(unpack);
}

/* A thread's chunk may be lost: then another's number has to do. */
static uint32_t thread_rank(const struct unpack *unpack, uint64_t thread)
{
	size_t rank = dictionary_thread_rank(unpack->dictionary, (uint32_t)thread);
	return rank < unpack->dictionary->thread_count ? (uint32_t)rank : 0;
}

/* ---- columns ------------------------------------------------------------------------------ */

/* Append a column to `plain`. False: it is not what it says. */
static bool column_unpack(struct unpack *unpack, const struct packed_column *column,
			  const unsigned char *stored)
{
	struct column *plain = &unpack->plain;

	if (column->stored_bytes == column->plain_bytes) {
		memcpy(plain->bytes + plain->used, stored, column->plain_bytes);
	} else {
		size_t bytes = ZSTD_decompressDCtx(unpack->zstd, plain->bytes + plain->used,
						   column->plain_bytes, stored,
						   column->stored_bytes);
		if (bytes != column->plain_bytes)
			return false;
	}
	plain->used += column->plain_bytes;
	return true;
}

/* The columns' table, and what all of them come to; NULL if that is more than a chunk has. */
static const struct packed_column *columns_check(const unsigned char *content, size_t bytes,
						 uint32_t *out_count, size_t *out_plain)
{
	uint64_t plain = 0, stored = sizeof(uint32_t);

	if (bytes < sizeof(uint32_t))
		return NULL;
	memcpy(out_count, content, sizeof(uint32_t));
	if (*out_count > (bytes - sizeof(uint32_t)) / sizeof(struct packed_column))
		return NULL;
	const struct packed_column *table = (const void *)(content + sizeof(uint32_t));
	stored += *out_count * sizeof(*table);
	for (uint32_t i = 0; i < *out_count; i++) {
		plain += table[i].plain_bytes;
		stored += table[i].stored_bytes;
	}
	*out_plain = (size_t)plain;
	return stored == bytes && plain <= PACKED_CONTENT_BYTES_MAX ? table : NULL;
}

/* What is wrong with the columns, or NULL. */
static const char *columns_unpack(struct unpack *unpack, const unsigned char *content,
				  size_t bytes)
{
	uint32_t count;
	size_t plain;
	const struct packed_column *table = columns_check(content, bytes, &count, &plain);

	memset(unpack->columns, 0, sizeof(unpack->columns));
	unpack->plain.used = 0;
	if (table == NULL)
		return "columns that do not fit";
	if (!column_reserve(&unpack->plain, plain + 1))
		return "more than there is memory for";
	const unsigned char *stored = (const unsigned char *)(table + count);
	for (uint32_t i = 0; i < count; i++) {
		unsigned char *from = unpack->plain.bytes + unpack->plain.used;
		if (!column_unpack(unpack, &table[i], stored))
			return "a column that cannot be decompressed";
		if (table[i].column < PACKED_COLUMNS)
			unpack->columns[table[i].column] = (struct column_reader){
				.next = from,
				.end = from + table[i].plain_bytes,
			};
		stored += table[i].stored_bytes;
	}
	return NULL;
}

void unpack_begin(struct unpack *unpack, const struct packed_chunk *chunk,
		  const unsigned char *content)
{
	struct column_reader *times = &unpack->columns[PACKED_TIMES];

	unpack->is_told = false;
	unpack->left_count = chunk->event_count;
	unpack->thread = thread_rank(unpack, chunk->thread);
	unpack->time = chunk->first_time > unpack->time ? chunk->first_time : unpack->time;
	unpack->last_miss = 0;
	unpack->damage = columns_unpack(unpack, content, chunk->stored_bytes);
	model_reset(unpack->model);
	if (unpack->damage != NULL || chunk->event_count > PACKED_EVENTS_MAX) {
		unpack->left_count = 0;
		return;
	}
	/* The first event has the chunk's time. */
	bool is_still = times->next == times->end;
	unpack->still_count = is_still ? UINT64_MAX : column_read(times) + 1;
	unpack->later = is_still ? 0 : column_read(times);
}

/* ---- events ------------------------------------------------------------------------------- */

static inline uint64_t time_read(struct unpack *unpack)
{
	struct column_reader *times = &unpack->columns[PACKED_TIMES];

	if (unpack->still_count > 0) {
		unpack->still_count--;
		return unpack->time;
	}
	if (unpack->time + unpack->later >= unpack->time)
		unpack->time += unpack->later;
	bool is_still = times->next == times->end;
	unpack->still_count = is_still ? UINT64_MAX : column_read(times);
	unpack->later = is_still ? 0 : column_read(times);
	return unpack->time;
}

/* The address of the block that goes, by its symbol. False: there is no such block. */
static inline bool old_read(struct unpack *unpack, unsigned symbol, uint64_t *out_address)
{
	struct model *model = unpack->model;
	int64_t sequence;

	if (likely(symbol < PACKED_FREE_NEAR)) {
		sequence = (int64_t)model->sequence - 1 - (symbol - PACKED_FREE_RECENT);
	} else if (symbol < PACKED_FREE_FAR) {
		sequence = (int64_t)model->last_freed + (int)symbol - PACKED_FREE_NEAR -
			   PACKED_NEAR;
	} else if (symbol == PACKED_FREE_FAR) {
		sequence = (int64_t)(model->last_freed +
				     (uint64_t)unzigzag(column_read(&unpack->columns[PACKED_FAR])));
	} else {
		if (symbol == PACKED_FREE_OLD)
			model->last_old_step =
				(uint64_t)unzigzag(column_read(&unpack->columns[PACKED_OLD]))
				<< ADDRESS_SHIFT;
		model->last_old += model->last_old_step;
		*out_address = model->last_old &= MODEL_ADDRESS_MASK;
		model_freed(model, *out_address);
		return true;
	}
	if (unlikely(sequence < 0 || sequence >= model->sequence))
		return false;
	model->last_freed = (uint32_t)sequence;
	*out_address = model->addresses[sequence];
	model_freed(model, *out_address);
	return true;
}

static ALLOT_OUTLINE uint64_t request_read(struct unpack *unpack, struct trace_record *out)
{
	uint64_t bytes = column_read(&unpack->columns[PACKED_REQUEST]);
	uint64_t shape = column_read(&unpack->columns[PACKED_SHAPE]);

	out->bytes = bytes;
	out->call = shape & SHAPE_CALL_MASK;
	out->align_log2 = (uint8_t)(shape >> SHAPE_ALIGN_SHIFT);
	if (shape >= SHAPE_MAX || out->call > TRACE_INHERITED)
		unpack->columns[PACKED_SHAPE].is_short = true;
	return request_of(out);
}

static inline void sizes_read(struct unpack *unpack, unsigned symbol, struct trace_record *out)
{
	struct model *model = unpack->model;
	uint64_t *place = model_request(model), request = *place;

	if (likely(symbol & PACKED_HIT_REQUEST)) {
		out->bytes = request >> REQUEST_BYTES_SHIFT;
		out->call = request >> REQUEST_CALL_SHIFT & SHAPE_CALL_MASK;
		out->align_log2 = request & REQUEST_ALIGN_MASK;
	} else {
		request = request_read(unpack, out);
	}
	uint64_t *result = model_result(model, request);
	uint32_t *stack = model_stack(model, request);
	model_request_set(model, place, request);
	if (unlikely(!(symbol & PACKED_HIT_RESULT)))
		*result = column_read(&unpack->columns[PACKED_RESULT]);
	out->usable_bytes = out->bytes + (*result >> 2);
	out->place = *result & PLACE_MASK;
	if (unlikely(!(symbol & PACKED_HIT_STACK)))
		*stack = unpack->last_miss +=
			(uint32_t)unzigzag(column_read(&unpack->columns[PACKED_STACK]));
	model->stack = *stack;
	out->stack = *stack < unpack->dictionary->frame_count ? *stack : 0;
}

static inline void address_read(struct unpack *unpack, unsigned symbol, struct trace_record *out)
{
	struct model *model = unpack->model;
	struct model_class *class = model_class(model, out->usable_bytes);
	struct model_slab *slab = model_slab(model, class->last);
	enum model_guess guess = symbol & PACKED_GUESS_MASK;

	if (likely(guess == MODEL_FIRST))
		out->address = model_first(model, class, slab);
	else if (guess == MODEL_FRONTIER)
		out->address = class->frontier;
	else
		out->address = (class->last + ((uint64_t)unzigzag(column_read(
						       &unpack->columns[PACKED_ADDRESS]))
					       << ADDRESS_SHIFT)) & MODEL_ADDRESS_MASK;
	model_allocated(model, class, slab, out->address, out->usable_bytes, guess);
}

/* ---- what is rare ------------------------------------------------------------------------- */

static bool sample_read(struct unpack *unpack, struct column_reader *other)
{
	struct sample_builder *builder = &unpack->sample;
	uint64_t end = 0;

	builder->is_open = false;
	sample_builder_begin(builder);
	struct trace_sample *sample = &builder->sample;
	sample->resident_bytes = column_read(other);
	sample->resident_bytes_peak = column_read(other);
	sample->minor_faults = column_read(other);
	sample->major_faults = column_read(other);
	sample->swapped_bytes = column_read(other);
	sample->has_runs = column_read(other) != 0;
	uint64_t count = column_read(other);
	for (uint64_t i = 0; i < count && !other->is_short; i++) {
		struct trace_run run = {
			.address = end + ((uint64_t)unzigzag(column_read(other)) << ADDRESS_SHIFT),
		};
		uint64_t bytes_use = column_read(other);
		run.use = bytes_use & RUN_USE_MASK;
		run.bytes = (bytes_use >> 3) << ADDRESS_SHIFT;
		end = run.address + run.bytes;
		if (run.use >= TRACE_USES || !sample_builder_add(builder, &run))
			return false;
	}
	sample->runs = builder->runs;
	return true;
}

static bool text_read(struct unpack *unpack, struct column_reader *other)
{
	uint64_t bytes = column_read(other);
	const unsigned char *from = column_read_bytes(other, bytes);

	unpack->text.used = 0;
	if (from == NULL || !column_reserve(&unpack->text, bytes + 1))
		return false;
	memcpy(unpack->text.bytes, from, bytes);
	unpack->text.bytes[bytes] = '\0';
	return true;
}

static bool pages_read(struct column_reader *other, struct trace_record *out)
{
	uint64_t what = column_read(other);

	out->place = what & PLACE_MASK;
	out->call = (uint8_t)(what >> 2);
	out->address = column_read(other) << ADDRESS_SHIFT;
	out->bytes = column_read(other);
	out->old_address = column_read(other);
	return what < PAGES_MAX && out->call < TRACE_USES;
}

/* An event of another kind. False: it cannot be. */
static ALLOT_OUTLINE bool other_read(struct unpack *unpack, unsigned symbol,
				     struct trace_record *out)
{
	struct column_reader *other = &unpack->columns[PACKED_OTHER_COLUMN];

	memset(out, 0, sizeof(*out));
	out->kind = (uint8_t)(symbol - PACKED_OTHER);
	switch (out->kind) {
	case TRACE_FAIL:
		out->bytes = column_read(other);
		return true;
	case TRACE_PAGES:
		return pages_read(other, out);
	case TRACE_SAMPLE:
		record_payload_set(out, &unpack->sample.sample);
		return sample_read(unpack, other);
	case TRACE_MARK:
		if (!text_read(unpack, other))
			return false;
		record_payload_set(out, unpack->text.bytes);
		return true;
	default:
		return false;
	}
}

static ALLOT_COLD void thread_read(struct unpack *unpack)
{
	unpack->thread = thread_rank(unpack, column_read(&unpack->columns[PACKED_OTHER_COLUMN]));
}

static inline bool resize_read(struct unpack *unpack, unsigned symbol, struct trace_record *out)
{
	unsigned old = column_read_byte(&unpack->columns[PACKED_OLD_SYMBOLS]);

	out->kind = TRACE_RESIZE;
	if (old < PACKED_FREE_RECENT || old > PACKED_FREE_STRIDE ||
	    !old_read(unpack, old, &out->old_address))
		return false;
	sizes_read(unpack, symbol, out);
	address_read(unpack, symbol, out);
	return true;
}

/* The event of `symbol`. False: it cannot be. */
static inline bool event_read(struct unpack *unpack, unsigned symbol, struct trace_record *out)
{
	if (symbol < PACKED_RESIZE) {
		out->kind = TRACE_ALLOCATE;
		out->old_address = 0;
		sizes_read(unpack, symbol, out);
		address_read(unpack, symbol, out);
	} else if (symbol >= PACKED_FREE_RECENT && symbol <= PACKED_FREE_STRIDE) {
		out->kind = TRACE_FREE;
		if (unlikely(!old_read(unpack, symbol, &out->address)))
			return false;
	} else if (symbol < PACKED_FREE_RECENT) {
		if (!resize_read(unpack, symbol, out))
			return false;
	} else if (!other_read(unpack, symbol, out)) {
		return false;
	}
	out->time = time_read(unpack);
	out->thread = unpack->thread;
	return true;
}

static bool is_any_short(const struct unpack *unpack)
{
	bool is_short = false;

	for (size_t i = 0; i < PACKED_COLUMNS; i++)
		is_short |= unpack->columns[i].is_short;
	return is_short;
}

enum trace_status unpack_read(struct unpack *unpack, struct trace_record *out, size_t *out_count)
{
	struct column_reader *symbols = &unpack->columns[PACKED_SYMBOLS];
	size_t count = 0;

	while (count < TRACE_BATCH && unpack->left_count > 0 && unpack->damage == NULL) {
		unsigned symbol = column_read_byte(symbols);
		if (unlikely(symbol == PACKED_THREAD) && !symbols->is_short) {
			thread_read(unpack);
			continue;
		}
		if (unlikely(!event_read(unpack, symbol, &out[count]))) {
			unpack->damage = "an impossible event";
			break;
		}
		unpack->left_count--;
		if (out[count++].kind >= TRACE_SAMPLE)
			break;
	}
	/* A batch in which a column came to its end is not used. */
	if (unlikely(is_any_short(unpack)) && unpack->damage == NULL) {
		unpack->damage = "a column that is too short";
		count = 0;
	}
	*out_count = count;
	if (count > 0)
		return TRACE_OK;
	if (unpack->damage == NULL || unpack->is_told)
		return TRACE_END;
	unpack->is_told = true;
	return TRACE_DAMAGED;
}
