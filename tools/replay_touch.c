/* SPDX-License-Identifier: MIT */
/*
 * Replay, the payload `recorded`: how much of each large block a program had written to.
 *
 * A block that came since the last sample has a record waiting in the buffer, right behind its
 * allocation; the next sample fills in how many of its pages are resident, even if it is freed by
 * then, for its pages stay in the heap. A block that was there before and has more resident pages
 * than it had gets another record, in front of the sample.
 *
 * Pages of a block that something else touched before or after it count as its own: a sample
 * cannot tell. Such pages are resident in the replay as well, whoever touches them.
 */
#include <stdlib.h>
#include <string.h>

#include "replay_compile.h"

static const size_t at_none = SIZE_MAX;

/* A record whose bytes are filled in later, so with room for large ones. */
static size_t touch_reserve(struct replay_compiler *compiler, uint32_t number)
{
	replay_record_write(compiler, REPLAY_WIDE, number, 0);
	replay_record_write(compiler, REPLAY_TOUCH, number, 0);
	return compiler->count - 1;
}

static void touch_fill(struct replay_compiler *compiler, struct replay_large *large,
		       uint64_t bytes)
{
	enum { WORD_BITS = 32 };

	compiler->records[large->at - 1].bytes = (uint32_t)(bytes >> WORD_BITS);
	compiler->records[large->at].bytes = (uint32_t)bytes;
	large->at = at_none;
	large->touched_bytes = bytes;
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
	if (compiler->large_count == compiler->large_capacity) {
		size_t capacity = 2 * compiler->large_capacity + 1024;
		struct replay_large *large =
			reallocarray(compiler->large, capacity, sizeof(*large));
		if (large == NULL) {
			compiler->is_stopped = true;
			return;
		}
		compiler->large = large;
		compiler->large_capacity = capacity;
	}
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
static bool runs_take(struct replay_compiler *compiler, const struct trace_sample *sample)
{
	if (sample->run_count > compiler->run_capacity) {
		struct trace_run *runs =
			reallocarray(compiler->runs, sample->run_count, sizeof(*runs));
		if (runs == NULL) {
			compiler->is_stopped = true;
			return false;
		}
		compiler->runs = runs;
		compiler->run_capacity = sample->run_count;
	}
	compiler->run_count = sample->run_count;
	if (sample->run_count > 0) {
		memcpy(compiler->runs, sample->runs, sample->run_count * sizeof(*sample->runs));
		qsort(compiler->runs, compiler->run_count, sizeof(*sample->runs), runs_compare);
	}
	return true;
}

/* Bytes of [begin, end) that are resident. */
static uint64_t resident_bytes(const struct replay_compiler *compiler, uint64_t begin, uint64_t end)
{
	size_t low = 0, high = compiler->run_count;
	uint64_t bytes = 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (compiler->runs[middle].address + compiler->runs[middle].bytes <= begin)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < compiler->run_count && compiler->runs[low].address < end; low++) {
		const struct trace_run *run = &compiler->runs[low];
		uint64_t from = run->address > begin ? run->address : begin;
		uint64_t to = run->address + run->bytes < end ? run->address + run->bytes : end;
		bytes += to - from;
	}
	return bytes;
}

/* How much of a block is taken to be written: its resident pages, as if they came first. */
static uint64_t written_bytes(const struct replay_compiler *compiler,
			      const struct replay_large *large)
{
	uint64_t page_mask = compiler->page_bytes - 1;
	uint64_t end = large->address + large->bytes;
	uint64_t first = large->address & ~page_mask;
	uint64_t resident = resident_bytes(compiler, first, (end + page_mask) & ~page_mask);

	if (first + resident <= large->address)
		return 0;
	return first + resident < end ? first + resident - large->address : large->bytes;
}

void replay_large_sample(struct replay_compiler *compiler, const struct trace_sample *sample)
{
	if (!runs_take(compiler, sample))
		return;
	/* What waits comes first: a record more can empty the buffer, and then nothing may wait. */
	for (size_t i = 0; i < compiler->large_count;) {
		struct replay_large *large = &compiler->large[i];

		if (large->at != at_none)
			touch_fill(compiler, large, written_bytes(compiler, large));
		if (large->is_gone)
			large_remove(compiler, i);
		else
			i++;
	}
	for (size_t i = 0; i < compiler->large_count; i++) {
		struct replay_large *large = &compiler->large[i];
		uint64_t bytes = written_bytes(compiler, large);

		if (bytes <= large->touched_bytes)
			continue;
		large->touched_bytes = bytes;
		replay_record_write(compiler, REPLAY_TOUCH, large->number, bytes);
	}
}

void replay_large_settle(struct replay_compiler *compiler)
{
	for (size_t i = 0; i < compiler->large_count;) {
		struct replay_large *large = &compiler->large[i];

		if (large->at != at_none) {
			touch_fill(compiler, large, large->bytes);
			compiler->unresolved++;
		}
		if (large->is_gone)
			large_remove(compiler, i);
		else
			i++;
	}
}
