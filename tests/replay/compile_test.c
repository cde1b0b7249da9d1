/* SPDX-License-Identifier: MIT */
/*
 * Compiling: which records events become, and how much of a large block is written in a replay.
 */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "replay_compile.h"

enum { RECORDS_MAX = 1024, PAGE = 4096 };

static struct replay_record records[RECORDS_MAX];
static size_t record_count;

static bool take(void *context, const struct replay_record *from, size_t count)
{
	(void)context;
	cr_assert(record_count + count <= RECORDS_MAX);
	memcpy(records + record_count, from, count * sizeof(*from));
	record_count += count;
	return true;
}

/* Compile the events; the moments stay in the compiler. */
static void compile(const struct trace_event *events, size_t count, enum replay_payload payload,
		    struct replay_survey *survey, struct replay_compiler *compiler)
{
	record_count = 0;
	for (size_t i = 0; i < count; i++)
		replay_survey_event(survey, &events[i]);
	cr_assert(replay_compiler_init(compiler, survey, payload, PAGE, take, NULL));
	for (size_t i = 0; i < count; i++)
		cr_assert(replay_compiler_event(compiler, &events[i]));
	cr_assert(replay_compiler_end(compiler));
	cr_expect(compiler->moment_count <= replay_compiler_moments_max(compiler));
}

static void finish(struct replay_survey *survey, struct replay_compiler *compiler)
{
	replay_compiler_finish(compiler);
	replay_survey_finish(survey);
}

static void expect_record(size_t index, enum replay_operation operation, uint32_t number,
			  uint32_t bytes)
{
	cr_assert(index < record_count);
	struct replay_record record = records[index];
	cr_expect(replay_record_operation(record) == operation &&
			  replay_record_number(record) == number && record.bytes == bytes,
		  "record %zu: operation %d of block %u with %u bytes", index,
		  (int)replay_record_operation(record), replay_record_number(record),
		  record.bytes);
}

/* What is left of the records without the moments. */
static void samples_drop(void)
{
	size_t kept = 0;

	for (size_t i = 0; i < record_count; i++)
		if (replay_record_operation(records[i]) != REPLAY_SAMPLE)
			records[kept++] = records[i];
	record_count = kept;
}

static struct trace_event allocate(uint32_t number, uint64_t address, uint64_t bytes, uint8_t call)
{
	return (struct trace_event){
		.kind = TRACE_ALLOCATE,
		.number = number,
		.block = { .address = address, .bytes = bytes, .call = call, .align_log2 = 4 },
	};
}

static struct trace_event release(struct trace_event of)
{
	of.kind = TRACE_FREE;
	return of;
}

Test(replay_compile, every_call_becomes_its_record)
{
	struct replay_survey survey = { .events = 0 };
	struct replay_compiler compiler;
	struct trace_event events[6] = {
		allocate(0, 0x10000, 100, TRACE_MALLOC),
		allocate(1, 0x20000, 200, TRACE_CALLOC),
		allocate(2, 0x30000, UINT64_C(5) << 32, TRACE_MALLOC),
		allocate(3, 0x40000, 300, TRACE_ALIGNED),
	};
	events[3].block.align_log2 = 12;
	events[4] = allocate(1, 0x50000, 400, TRACE_REALLOC);
	events[4].kind = TRACE_RESIZE;
	events[4].old.bytes = 200;
	events[5] = release(events[0]);
	compile(events, 6, REPLAY_PAYLOAD_ALL, &survey, &compiler);
	samples_drop();
	cr_expect_eq(record_count, 8);
	expect_record(0, REPLAY_MALLOC, 0, 100);
	expect_record(1, REPLAY_CALLOC, 1, 200);
	expect_record(2, REPLAY_WIDE, 2, 5);
	expect_record(3, REPLAY_MALLOC, 2, 0);
	expect_record(4, REPLAY_ALIGN, 3, 4096);
	expect_record(5, REPLAY_ALIGNED, 3, 300);
	expect_record(6, REPLAY_REALLOC, 1, 400);
	expect_record(7, REPLAY_FREE, 0, 0);
	cr_expect_eq(survey.live_bytes_peak, (UINT64_C(5) << 32) + 800);
	cr_expect_eq(survey.live_peak_event, 4);
	cr_expect_eq(survey.slot_count, 4);
	cr_expect_eq(compiler.live_bytes, (UINT64_C(5) << 32) + 700);
	finish(&survey, &compiler);
}

Test(replay_compile, a_block_older_than_the_recording_is_left_out)
{
	struct replay_survey survey = { .events = 0 };
	struct replay_compiler compiler;
	struct trace_event events[1] = { release(allocate(7, 0x10000, 0, TRACE_MALLOC)) };

	events[0].is_unknown = true;
	compile(events, 1, REPLAY_PAYLOAD_ALL, &survey, &compiler);
	samples_drop();
	cr_expect_eq(record_count, 0);
	cr_expect_eq(survey.unknown_frees, 1);
	finish(&survey, &compiler);
}

Test(replay_compile, threads_take_turns_and_end_after_their_last_call)
{
	struct replay_survey survey = { .events = 0 };
	struct replay_compiler compiler;
	struct trace_event events[3] = {
		allocate(0, 0x10000, 16, TRACE_MALLOC),
		allocate(1, 0x20000, 16, TRACE_MALLOC),
		release(allocate(0, 0x10000, 16, TRACE_MALLOC)),
	};
	events[1].thread = 1;
	compile(events, 3, REPLAY_PAYLOAD_ALL, &survey, &compiler);
	samples_drop();
	expect_record(1, REPLAY_THREAD, 1, 0);
	expect_record(3, REPLAY_THREAD, 0, 0);
	expect_record(4, REPLAY_THREAD_END, 1, 0);
	expect_record(5, REPLAY_FREE, 0, 0);
	finish(&survey, &compiler);
}

/* A sample with these runs. */
static struct trace_event sample(struct trace_sample *storage, const struct trace_run *runs,
				 size_t count)
{
	*storage = (struct trace_sample){ .runs = runs, .run_count = count, .has_runs = true };
	return (struct trace_event){ .kind = TRACE_SAMPLE, .sample = storage };
}

Test(replay_compile, of_large_blocks_what_a_sample_shows_resident_is_written)
{
	struct replay_survey survey = { .events = 0 };
	struct replay_compiler compiler;
	struct trace_sample first, second;
	/* Out of order, as they may come. */
	const struct trace_run early[] = { { 0x900000, 2 * PAGE, 0 }, { 0x100000, 3 * PAGE, 0 } };
	const struct trace_run late[] = { { 0x100000, 5 * PAGE, 0 } };
	struct trace_event events[] = {
		allocate(0, 0x100000, 10 * PAGE, TRACE_MALLOC),
		allocate(1, 0x200000, 100, TRACE_MALLOC),
		allocate(2, 0x900000, 4 * PAGE, TRACE_MALLOC),
		release(allocate(2, 0x900000, 4 * PAGE, TRACE_MALLOC)),
		sample(&first, early, 2),
		sample(&second, late, 1),
	};
	compile(events, 6, REPLAY_PAYLOAD_RECORDED, &survey, &compiler);
	samples_drop();
	expect_record(2, REPLAY_TOUCH, 0, 3 * PAGE);
	expect_record(3, REPLAY_MALLOC, 1, 100);
	/* One that was freed before the sample was written to all the same. */
	expect_record(6, REPLAY_TOUCH, 2, 2 * PAGE);
	expect_record(7, REPLAY_FREE, 2, 0);
	expect_record(8, REPLAY_TOUCH, 0, 5 * PAGE);
	cr_expect_eq(compiler.unresolved, 0);
	finish(&survey, &compiler);
}

Test(replay_compile, of_a_large_block_the_pages_are_written_that_were)
{
	struct replay_survey survey = { .events = 0 };
	struct replay_compiler compiler;
	struct trace_sample first, second;
	/* A page before it as well, and two runs that touch. */
	const struct trace_run early[] = {
		{ 0x0ff000, 2 * PAGE, 0 }, { 0x103000, PAGE, 0 }, { 0x104000, PAGE, 0 },
		{ 0x109000, 4 * PAGE, 0 },
	};
	const struct trace_run late[] = { { 0x101000, 2 * PAGE, 0 }, { 0x105000, 5 * PAGE, 0 } };
	struct trace_event events[] = {
		allocate(0, 0x100010, 10 * PAGE, TRACE_MALLOC),
		allocate(1, 0x200000, 100, TRACE_MALLOC),
		sample(&first, early, 4),
		sample(&second, late, 2),
	};
	compile(events, 4, REPLAY_PAYLOAD_RECORDED, &survey, &compiler);
	samples_drop();
	expect_record(1, REPLAY_FROM, 0, 0);
	expect_record(2, REPLAY_TOUCH, 0, PAGE - 0x10);
	expect_record(3, REPLAY_FROM, 0, 3 * PAGE - 0x10);
	expect_record(4, REPLAY_TOUCH, 0, 5 * PAGE - 0x10);
	expect_record(5, REPLAY_FROM, 0, 9 * PAGE - 0x10);
	expect_record(6, REPLAY_TOUCH, 0, 10 * PAGE);
	expect_record(7, REPLAY_MALLOC, 1, 100);
	expect_record(8, REPLAY_FROM, 0, PAGE - 0x10);
	expect_record(9, REPLAY_TOUCH, 0, 3 * PAGE - 0x10);
	expect_record(10, REPLAY_FROM, 0, 5 * PAGE - 0x10);
	expect_record(11, REPLAY_TOUCH, 0, 10 * PAGE - 0x10);
	finish(&survey, &compiler);
}

Test(replay_compile, without_another_sample_a_large_block_is_written_whole)
{
	struct replay_survey survey = { .events = 0 };
	struct replay_compiler compiler;
	struct trace_event events[] = { allocate(0, 0x100000, 10 * PAGE, TRACE_MALLOC) };

	compile(events, 1, REPLAY_PAYLOAD_RECORDED, &survey, &compiler);
	samples_drop();
	expect_record(2, REPLAY_TOUCH, 0, 10 * PAGE);
	cr_expect_eq(compiler.unresolved, 1);
	finish(&survey, &compiler);
}
