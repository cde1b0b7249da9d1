/* SPDX-License-Identifier: MIT */
/*
 * Replay, the payload `recorded`: what of each large block a program had written to.
 *
 * A block that came since the last sample has a record waiting in the buffer, right behind its
 * allocation; the next sample fills in which of its pages are resident, even if it is freed by
 * then, for its pages stay in the heap. If these are not its first ones it becomes several records,
 * which are kept aside until the buffer is given out. A block that was there before and has more
 * resident pages than it had gets records in front of the sample.
 *
 * With the right number of pages, but always the first, memory grew that the program had used again
 * and again: each block found other pages resident than the one before it had written to.
 *
 * Pages of a block that something else touched before or after it count as its own: a sample
 * cannot tell. Such pages are resident in the replay as well, whoever touches them.
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

static int runs_compare(const void *a, const void *b)
{
	const struct trace_run *left = a, *right = b;

	return left->address < right->address ? -1 : left->address > right->address;
}

/* Have the runs of a sample in order, whatever order they come in. */
static void runs_take(struct replay_compiler *compiler, const struct trace_sample *sample)
{
	compiler->run_count = sample->run_count;
	if (sample->run_count == 0)
		return;
	compiler->runs = room_grow(compiler->runs, &compiler->run_capacity, sample->run_count,
				   sizeof(*compiler->runs));
	memcpy(compiler->runs, sample->runs, sample->run_count * sizeof(*sample->runs));
	qsort(compiler->runs, compiler->run_count, sizeof(*sample->runs), runs_compare);
}

/* The first run of which something lies beyond `begin`. */
static size_t run_find(const struct replay_compiler *compiler, uint64_t begin)
{
	size_t low = 0, high = compiler->run_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (compiler->runs[middle].address + compiler->runs[middle].bytes <= begin)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/*
 * The next resident part of a block, from run `*at` on, as offsets in it; runs that touch are one.
 * False: there is no more.
 */
static bool part_next(const struct replay_compiler *compiler, const struct replay_large *large,
		      size_t *at, uint64_t *out_from, uint64_t *out_to)
{
	uint64_t begin = large->address, end = large->address + large->bytes;
	const struct trace_run *runs = compiler->runs;

	if (*at == compiler->run_count || runs[*at].address >= end)
		return false;
	uint64_t from = runs[*at].address, to = from;
	for (; *at < compiler->run_count && runs[*at].address == to && to < end; ++*at)
		to += runs[*at].bytes;
	*out_from = from > begin ? from - begin : 0;
	*out_to = (to < end ? to : end) - begin;
	return true;
}

/* What of a block is resident. */
struct residence {
	uint64_t bytes;
	uint64_t first_bytes; /* from its start on */
	size_t parts;
};

static struct residence residence_of(const struct replay_compiler *compiler,
				     const struct replay_large *large)
{
	struct residence residence = { 0 };
	size_t at = run_find(compiler, large->address);
	uint64_t from, to;

	while (part_next(compiler, large, &at, &from, &to)) {
		residence.bytes += to - from;
		residence.parts++;
		if (from == 0)
			residence.first_bytes = to;
	}
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
	size_t first = compiler->piece_count, run = run_find(compiler, large->address);
	uint64_t from, to;

	while (part_next(compiler, large, &run, &from, &to)) {
		piece_add(compiler, REPLAY_FROM, large->number, from);
		piece_add(compiler, REPLAY_TOUCH, large->number, to);
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

/* Parts of a block beyond so many are not kept apart. */
enum { PARTS_MAX = 256 };

static bool is_simple(const struct residence *residence)
{
	return residence->first_bytes == residence->bytes || residence->parts > PARTS_MAX;
}

/* A block came since the last sample: its record is filled in. */
static void large_resolve(struct replay_compiler *compiler, struct replay_large *large)
{
	struct residence residence = residence_of(compiler, large);

	large->touched_bytes = residence.bytes;
	if (!is_simple(&residence))
		written_add(compiler, large, large->at);
	touch_fill(compiler, large, residence.bytes);
}

/* A block was there at the last sample. */
static void large_grow(struct replay_compiler *compiler, struct replay_large *large)
{
	struct residence residence = residence_of(compiler, large);
	size_t run = run_find(compiler, large->address);
	uint64_t from, to;

	if (residence.bytes <= large->touched_bytes)
		return;
	large->touched_bytes = residence.bytes;
	if (is_simple(&residence)) {
		replay_record_write(compiler, REPLAY_TOUCH, large->number, residence.bytes);
		return;
	}
	while (part_next(compiler, large, &run, &from, &to)) {
		replay_record_write(compiler, REPLAY_FROM, large->number, from);
		replay_record_write(compiler, REPLAY_TOUCH, large->number, to);
	}
}

void replay_large_sample(struct replay_compiler *compiler, const struct trace_sample *sample)
{
	runs_take(compiler, sample);
	/* What waits comes first: a record more can empty the buffer, and then nothing may wait. */
	for (size_t i = 0; i < compiler->large_count;) {
		struct replay_large *large = &compiler->large[i];

		if (large->at != at_none)
			large_resolve(compiler, large);
		if (large->is_gone)
			large_remove(compiler, i);
		else
			i++;
	}
	for (size_t i = 0; i < compiler->large_count; i++)
		large_grow(compiler, &compiler->large[i]);
}

void replay_large_settle(struct replay_compiler *compiler)
{
	for (size_t i = 0; i < compiler->large_count;) {
		struct replay_large *large = &compiler->large[i];

		if (large->at != at_none) {
			touch_fill(compiler, large, large->bytes);
			large->touched_bytes = large->bytes;
			compiler->unresolved++;
		}
		if (large->is_gone)
			large_remove(compiler, i);
		else
			i++;
	}
}
