/* SPDX-License-Identifier: MIT */
/*
 * Replay, the payload `recorded`: what of each large block a program had written to.
 *
 * A block that came since the last sample has a record waiting in the buffer, right behind its
 * allocation; the next sample fills in which of its pages it wrote, even if it is freed by then,
 * for its pages stay in the heap. If these are not its first ones it becomes several records,
 * which are kept aside until the buffer is given out. A block that was there before and has more
 * resident pages than it had gets records in front of the sample.
 *
 * With the right number of pages, but always the first, memory grew that the program had used again
 * and again: each block found other pages resident than the one before it had written to. Which
 * pages count as its own is decided in replay_share.c.
 */
#include <stdlib.h>
#include <string.h>

#include "replay_compile.h"
#include "room.h"

static const size_t at_none = SIZE_MAX;

/* A record whose bytes are filled in later, so with room for large ones. */
static size_t touch_reserve(struct replay_compiler *compiler, uint32_t number)
{
	replay_record_write(compiler, REPLAY_WIDE, number, 0);
	replay_record_write(compiler, REPLAY_TOUCH, number, 0);
	return compiler->count - 1;
}

/* The record that waits: up to there. */
static void touch_fill(struct replay_compiler *compiler, struct replay_large *large, uint64_t end)
{
	enum { WORD_BITS = 32 };

	compiler->records[large->at - 1].bytes = (uint32_t)(end >> WORD_BITS);
	compiler->records[large->at].bytes = (uint32_t)end;
	large->at = at_none;
}

static void large_remove(struct replay_compiler *compiler, size_t index)
{
	struct replay_large *large = &compiler->large[index];

	*large = compiler->large[--compiler->large_count];
	if (index < compiler->large_count && !large->is_gone)
		compiler->large_of[large->number] = (uint32_t)index + 1;
}

/* A number of 0 to 1 for each event, without order, the same for every row. */
static float draw_make(uint64_t event_index)
{
	uint64_t mixed = (event_index + 1) * UINT64_C(0x9e3779b97f4a7c15);

	mixed = (mixed ^ mixed >> 32) * UINT64_C(0xd6e8feb86659fd93);
	return (float)(mixed >> 40) / (float)(1 << 24);
}

void replay_large_allocate(struct replay_compiler *compiler, const struct trace_event *event,
			   uint64_t touched_bytes)
{
	compiler->large = room_grow(compiler->large, &compiler->large_capacity,
				    compiler->large_count + 1, sizeof(*compiler->large));
	compiler->large[compiler->large_count++] = (struct replay_large){
		.address = event->block.address,
		.bytes = event->block.bytes,
		.touched_bytes = touched_bytes < event->block.bytes ? touched_bytes
								     : event->block.bytes,
		.at = touch_reserve(compiler, event->number),
		.number = event->number,
		.draw = draw_make(compiler->event_index),
	};
	compiler->large_of[event->number] = (uint32_t)compiler->large_count;
}

uint64_t replay_large_free(struct replay_compiler *compiler, uint32_t number)
{
	uint32_t index = compiler->large_of[number];

	if (index == 0)
		return 0;
	struct replay_large *large = &compiler->large[index - 1];
	uint64_t touched_bytes = large->touched_bytes;
	compiler->large_of[number] = 0;
	large->is_gone = true;
	if (large->at == at_none)
		large_remove(compiler, index - 1);
	return touched_bytes;
}

/* How much a block wrote, and whether that is from its start on. */
struct residence {
	uint64_t bytes;
	bool is_simple;
};

/* Parts of a block beyond so many are not kept apart. */
enum { PARTS_MAX = 256 };

static struct residence residence_of(const struct replay_share *share)
{
	struct residence residence = {
		.is_simple = share->part_count == 0 || share->part_count > PARTS_MAX ||
			     (share->part_count == 1 && share->parts[0].from == 0),
	};

	for (size_t i = 0; i < share->part_count; i++)
		residence.bytes += share->parts[i].to - share->parts[i].from;
	return residence;
}

/* ---- pieces ---- */

static void piece_add(struct replay_compiler *compiler, enum replay_operation operation,
		      uint32_t number, uint64_t bytes)
{
	compiler->pieces = room_grow(compiler->pieces, &compiler->piece_capacity,
				     compiler->piece_count + 2, sizeof(*compiler->pieces));
	compiler->piece_count += replay_record_split(&compiler->pieces[compiler->piece_count],
						     operation, number, bytes);
}

/* The record at `at` becomes one for each part of the block. */
static void written_add(struct replay_compiler *compiler, const struct replay_large *large,
			size_t at)
{
	const struct replay_share *share = &compiler->share;
	size_t first = compiler->piece_count;

	for (size_t i = 0; i < share->part_count; i++) {
		piece_add(compiler, REPLAY_FROM, large->number, share->parts[i].from);
		piece_add(compiler, REPLAY_TOUCH, large->number, share->parts[i].to);
	}
	compiler->written = room_grow(compiler->written, &compiler->written_capacity,
				      compiler->written_count + 1, sizeof(*compiler->written));
	compiler->written[compiler->written_count++] =
		(struct replay_written){ at, first, compiler->piece_count - first };
}

static int written_compare(const void *a, const void *b)
{
	const struct replay_written *left = a, *right = b;

	return left->at < right->at ? -1 : left->at > right->at;
}

static void records_take(struct replay_compiler *compiler, const struct replay_record *records,
			 size_t count)
{
	if (!compiler->is_stopped && count > 0 &&
	    !compiler->take(compiler->context, records, count))
		compiler->is_stopped = true;
}

void replay_written_take(struct replay_compiler *compiler)
{
	size_t from = 0;

	if (compiler->written_count > 1)
		qsort(compiler->written, compiler->written_count, sizeof(*compiler->written),
		      written_compare);
	for (size_t i = 0; i < compiler->written_count; i++) {
		const struct replay_written *written = &compiler->written[i];

		records_take(compiler, &compiler->records[from], written->at - 1 - from);
		records_take(compiler, &compiler->pieces[written->first], written->count);
		from = written->at + 1;
	}
	records_take(compiler, &compiler->records[from], compiler->count - from);
	compiler->written_count = compiler->piece_count = 0;
}

/* ---- samples ---- */

/* A block that waits wrote to what was found: its record is filled in. */
static void large_fill(struct replay_compiler *compiler, struct replay_large *large)
{
	struct residence residence = residence_of(&compiler->share);
	large->touched_bytes = residence.bytes;
	if (!residence.is_simple)
		written_add(compiler, large, large->at);
	touch_fill(compiler, large, residence.bytes);
}

/* A block was there at the last sample. */
static void large_grow(struct replay_compiler *compiler, struct replay_large *large)
{
	const struct replay_share *share = &compiler->share;

	replay_share_old(&compiler->share, large);
	for (size_t i = 0; i < share->part_count; i++) {
		large->touched_bytes += share->parts[i].to - share->parts[i].from;
		replay_record_write(compiler, REPLAY_FROM, large->number, share->parts[i].from);
		replay_record_write(compiler, REPLAY_TOUCH, large->number, share->parts[i].to);
	}
}

void replay_large_sample(struct replay_compiler *compiler, const struct trace_sample *sample)
{
	replay_share_begin(&compiler->share, sample, compiler->large, compiler->large_count);
	/* What waits comes first: a record more can empty the buffer, and then nothing may wait. */
	for (size_t i = 0; i < compiler->large_count;) {
		struct replay_large *large = &compiler->large[i];

		if (large->at != at_none) {
			replay_share_new(&compiler->share, large);
			large_fill(compiler, large);
		}
		if (large->is_gone)
			large_remove(compiler, i);
		else
			i++;
	}
	for (size_t i = 0; i < compiler->large_count; i++)
		if (compiler->large[i].is_old)
			large_grow(compiler, &compiler->large[i]);
		else
			compiler->large[i].is_old = true;
	replay_share_end(&compiler->share);
}

void replay_large_settle(struct replay_compiler *compiler)
{
	for (size_t i = 0; i < compiler->large_count;) {
		struct replay_large *large = &compiler->large[i];

		if (large->at != at_none) {
			replay_share_unseen(&compiler->share, large);
			large_fill(compiler, large);
			compiler->unresolved++;
		}
		if (large->is_gone)
			large_remove(compiler, i);
		else
			i++;
	}
}
