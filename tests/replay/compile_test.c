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
	expect_record(2, REPLAY_TOUCH, 0, 3 * PAGE - PAGE / 2 + 1);
	expect_record(3, REPLAY_MALLOC, 1, 100);
	/* One that was freed before the sample was written to all the same. */
	expect_record(6, REPLAY_TOUCH, 2, 2 * PAGE - PAGE / 2 + 1);
	expect_record(7, REPLAY_FREE, 2, 0);
	/* Only what is new, and as many pages wherever the block lies. */
	expect_record(8, REPLAY_FROM, 0, 3 * PAGE + PAGE / 2);
	expect_record(9, REPLAY_TOUCH, 0, 5 * PAGE - PAGE / 2 + 1);
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
	expect_record(2, REPLAY_TOUCH, 0, 1);
	expect_record(3, REPLAY_FROM, 0, 3 * PAGE - 0x10 + PAGE / 2);
	expect_record(4, REPLAY_TOUCH, 0, 5 * PAGE - 0x10 - PAGE / 2 + 1);
	expect_record(5, REPLAY_FROM, 0, 9 * PAGE - 0x10 + PAGE / 2);
	expect_record(6, REPLAY_TOUCH, 0, 10 * PAGE);
	expect_record(7, REPLAY_MALLOC, 1, 100);
	expect_record(8, REPLAY_FROM, 0, PAGE - 0x10 + PAGE / 2);
	expect_record(9, REPLAY_TOUCH, 0, 3 * PAGE - 0x10 - PAGE / 2 + 1);
	expect_record(10, REPLAY_FROM, 0, 5 * PAGE - 0x10 + PAGE / 2);
	expect_record(11, REPLAY_TOUCH, 0, 9 * PAGE - 0x10 - PAGE / 2 + 1);
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

/*
 * Blocks that are written to a quarter, each on pages of its own; then as many, again and again, in
 * a stretch of addresses that is all resident, before the next sample or the end. How much of these
 * is taken to be written?
 */
static double share_of_reused(uint64_t resident_pages, bool is_given_back, bool is_seen)
{
	enum { BLOCKS = 20, PAGES = 16, REUSED = 0x9000000 };
	struct replay_survey survey = { .events = 0 };
	struct replay_compiler compiler;
	struct trace_run runs[BLOCKS + 1];
	struct trace_sample first, second;
	struct trace_event events[2 * BLOCKS + 4] = { 0 };
	uint64_t bytes = 0, from = 0;
	size_t count = 0;

	for (uint32_t i = 0; i < BLOCKS; i++) {
		uint64_t address = 0x1000000 + i * UINT64_C(0x100000);
		runs[i] = (struct trace_run){ address, resident_pages * PAGE, 0 };
		events[count++] = allocate(i, address, PAGES * PAGE, TRACE_MALLOC);
	}
	runs[BLOCKS] = (struct trace_run){ REUSED, BLOCKS * PAGES * PAGE, 0 };
	events[count++] = sample(&first, runs, BLOCKS + 1);
	if (is_given_back)
		events[count++] = (struct trace_event){ .kind = TRACE_PAGES,
			.pages = TRACE_PAGES_RELEASE, .address = REUSED,
			.bytes = BLOCKS * PAGES * PAGE };
	for (uint32_t i = 0; i < BLOCKS; i++)
		events[count++] = allocate(BLOCKS + i, REUSED + i * PAGES * PAGE, PAGES * PAGE,
					   TRACE_MALLOC);
	if (is_seen)
		events[count++] = sample(&second, runs, BLOCKS + 1);
	compile(events, count, REPLAY_PAYLOAD_RECORDED, &survey, &compiler);
	for (size_t i = 0; i < record_count; i++) {
		if (replay_record_number(records[i]) < BLOCKS)
			continue;
		if (replay_record_operation(records[i]) == REPLAY_FROM)
			from = records[i].bytes;
		if (replay_record_operation(records[i]) != REPLAY_TOUCH)
			continue;
		bytes += (records[i].bytes - from + PAGE - 1) / PAGE * PAGE;
		from = 0;
	}
	finish(&survey, &compiler);
	return (double)bytes / (BLOCKS * PAGES * PAGE);
}

Test(replay_compile, of_pages_that_were_dirty_the_share_is_written_that_others_wrote)
{
	/* The page a block begins in is always written. */
	cr_expect_float_eq(share_of_reused(4, false, true), 0.25, 1e-9);
	cr_expect_float_eq(share_of_reused(16, false, true), 1, 1e-9);
	cr_expect_float_eq(share_of_reused(1, false, true), 1.0 / 16, 1e-9);
	/* So it is of blocks that no sample tells of. */
	cr_expect_float_eq(share_of_reused(4, false, false), 0.25, 1e-9);
	/* What was given back and is resident again was written since. */
	cr_expect_float_eq(share_of_reused(4, true, true), 1, 1e-9);
}

/* Blocks of a kind that is written to a quarter: where all is resident, some of them wrote. */
Test(replay_compile, what_is_resident_was_written_by_one_of_those_that_lay_there)
{
	enum { BLOCKS = 20, PAGES = 16, SAME = 0x9000000 };
	struct replay_survey survey = { .events = 0 };
	struct replay_compiler compiler;
	struct trace_run runs[BLOCKS + 1];
	struct trace_sample first, second;
	struct trace_event events[BLOCKS + 7];
	bool is_written[PAGES] = { false };
	uint64_t from = 0, written = 0;
	size_t count = 0;

	for (uint32_t i = 0; i < BLOCKS; i++) {
		uint64_t address = 0x1000000 + i * UINT64_C(0x100000);
		runs[i] = (struct trace_run){ address, PAGES / 4 * PAGE, 0 };
		events[count++] = allocate(i, address, PAGES * PAGE, TRACE_MALLOC);
	}
	runs[BLOCKS] = (struct trace_run){ SAME, PAGES * PAGE, 0 };
	events[count++] = sample(&first, runs, BLOCKS);
	for (uint32_t i = BLOCKS; i < BLOCKS + 2; i++) {
		events[count++] = allocate(i, SAME, PAGES * PAGE, TRACE_MALLOC);
		events[count++] = release(allocate(i, SAME, PAGES * PAGE, TRACE_MALLOC));
	}
	events[count++] = allocate(BLOCKS + 2, SAME, PAGES * PAGE, TRACE_MALLOC);
	events[count++] = sample(&second, runs, BLOCKS + 1);
	compile(events, count, REPLAY_PAYLOAD_RECORDED, &survey, &compiler);
	for (size_t i = 0; i < record_count; i++) {
		if (replay_record_number(records[i]) < BLOCKS)
			continue;
		if (replay_record_operation(records[i]) == REPLAY_FROM)
			from = records[i].bytes;
		if (replay_record_operation(records[i]) != REPLAY_TOUCH)
			continue;
		for (uint64_t at = from / PAGE; at * PAGE < records[i].bytes; at++, written++)
			is_written[at] = true;
		from = 0;
	}
	for (size_t i = 0; i < PAGES; i++)
		cr_expect(is_written[i], "page %zu", i);
	cr_expect_lt(written, 2 * PAGES, "%d pages by three blocks", (int)written);
	finish(&survey, &compiler);
}
