/* SPDX-License-Identifier: MIT */
/*
 * Following: what a process has written comes out as it is there, and nothing is invented where it
 * is not there yet.
 */
#include <allot/trace.h>
#include <allot/trace_file.h>

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "raw_trace.h"
#include "trace_file.h"

enum { LINE_BYTES = 512, PATH_BYTES = 128 };

/* A raw file that is being written: the whole content, and what is in the file so far. */
struct written {
	char path[PATH_BYTES];
	const unsigned char *whole;
	unsigned char *now; /* shared with the file */
	size_t bytes;
};

static void written_begin(struct written *written, const struct raw_trace *raw, bool is_whole)
{
	written->whole = raw_trace_bytes(raw, &written->bytes);
	snprintf(written->path, sizeof(written->path), "/tmp/follow-XXXXXX");
	int file = mkstemp(written->path);
	cr_assert(file >= 0 && ftruncate(file, (off_t)written->bytes) == 0);
	written->now = mmap(NULL, written->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	cr_assert(written->now != MAP_FAILED);
	close(file);
	memcpy(written->now, written->whole, is_whole ? written->bytes : RAW_HEADER_BYTES);
}

static void written_end(struct written *written)
{
	munmap(written->now, written->bytes);
	unlink(written->path);
}

static struct trace *follow(const struct written *written, enum trace_follow_how how)
{
	char message[LINE_BYTES] = "";
	struct trace *trace = trace_follow(written->path, how, message, sizeof(message));

	cr_assert_not_null(trace, "%s", message);
	return trace;
}

/* Take what is there; how many events, each of which must be the next one of `whole`. */
static size_t take(struct trace *trace, struct trace *whole, enum trace_status expected)
{
	struct trace_event event, other;
	enum trace_status status;
	size_t count = 0;

	for (; (status = trace_next(trace, &event)) == TRACE_OK; count++) {
		cr_assert_eq(trace_next(whole, &other), TRACE_OK);
		/* Times are told by another clock. */
		other.time = event.time;
		other.block.time = event.block.time;
		other.old.time = event.old.time;
		const char *difference = event_unequal(&event, &other);
		cr_assert_null(difference, "event %zu: %s", count, difference);
	}
	cr_assert_eq(status, expected, "status %d after %zu events", status, count);
	return count;
}

Test(follow, all_streams_come_out_in_the_order_of_time)
{
	const enum trace_follow_how hows[] = {TRACE_FOLLOW_WATCH, TRACE_FOLLOW_EMPTY};

	for (size_t i = 0; i < 2; i++) {
		struct raw_program program = {.seed = 3 + i, .streams = 4, .event_count = 30000,
					      .live_blocks = 300, .frames = 50,
					      .coarseness = 1};
		struct trace_event *events;
		struct written written;
		struct raw_trace *raw = raw_trace_draw(&program, &events);
		written_begin(&written, raw, true);
		struct trace *trace = follow(&written, hows[i]), *whole = trace_of_raw(raw);
		size_t count = take(trace, whole, TRACE_WAIT);
		trace_follow_step(trace, true);
		count += take(trace, whole, TRACE_END);
		cr_expect_eq(count, program.event_count);
		/* Who empties the file leaves nothing in it; who watches, everything. */
		bool is_empty = true;
		for (size_t at = RAW_HEADER_BYTES; at < written.bytes; at++)
			is_empty = is_empty && written.now[at] == 0;
		cr_expect_eq(is_empty, hows[i] == TRACE_FOLLOW_EMPTY);
		trace_close(trace);
		trace_close(whole);
		written_end(&written);
		raw_trace_destroy(raw);
		free(events);
	}
}

Test(follow, before_its_first_record_a_trace_waits)
{
	struct trace_event event;
	struct written written;
	struct raw_trace *raw = raw_trace_create();

	written_begin(&written, raw, true);
	struct trace *trace = follow(&written, TRACE_FOLLOW_WATCH);
	cr_expect_eq(trace_next(trace, &event), TRACE_WAIT);
	trace_follow_step(trace, false);
	cr_expect_eq(trace_next(trace, &event), TRACE_WAIT);
	trace_follow_step(trace, true);
	cr_expect_eq(trace_next(trace, &event), TRACE_END);
	trace_close(trace);
	written_end(&written);
	raw_trace_destroy(raw);
}

/* How many events there are now, all of them allocations in the order of their addresses. */
static void take_allocations(struct trace *trace, size_t *count)
{
	struct trace_event event;

	while (trace_next(trace, &event) == TRACE_OK) {
		cr_assert_eq(event.kind, TRACE_ALLOCATE);
		cr_assert_eq(event.block.address, 64 * (*count + 1));
		++*count;
	}
}

Test(follow, a_thread_is_followed_into_the_slot_it_fills)
{
	enum { BLOCKS = 10000, RECORD_BYTES = 16, STEP = 700 * RECORD_BYTES };
	struct written written;
	struct raw_trace *raw = raw_trace_create();
	size_t count = 0, expected = 0;

	for (size_t i = 1; i <= BLOCKS; i++)
		raw_trace_allocate(raw, 0, 64 * i,
				   &(struct raw_block){.address = 64 * i, .bytes = 9});
	written_begin(&written, raw, false);
	struct trace *trace = follow(&written, TRACE_FOLLOW_WATCH);
	for (size_t slot = RAW_HEADER_BYTES; slot < written.bytes; slot += RAW_SLOT_BYTES) {
		size_t at = slot + sizeof(struct raw_slot), end = slot + RAW_SLOT_BYTES;
		struct raw_slot *head = (struct raw_slot *)(void *)(written.now + slot);
		memcpy(head, written.whole + slot, sizeof(*head));
		uint32_t state = head->state;
		head->state = RAW_SLOT_FILLING;
		for (; at + RECORD_BYTES <= end; at += STEP) {
			size_t bytes = at + STEP < end ? STEP : (end - at) & ~(size_t)15;
			/* The last record has its second word, but not yet its first. */
			memcpy(written.now + at, written.whole + at, bytes - RECORD_BYTES);
			memcpy(written.now + at + bytes - 8, written.whole + at + bytes - 8, 8);
			trace_follow_step(trace, false);
			take_allocations(trace, &count);
			size_t records = bytes / RECORD_BYTES;
			cr_assert(count <= expected + records - 1, "what is not there came");
			/* A slot's last places may be empty. */
			cr_assert(count == expected + records - 1 || at + STEP >= end ||
				  count == BLOCKS,
				  "%zu events, not %zu", count, expected + records - 1);
			memcpy(written.now + at, written.whole + at, bytes);
			trace_follow_step(trace, false);
			take_allocations(trace, &count);
			expected = count;
		}
		head->state = state;
	}
	trace_follow_step(trace, true);
	take_allocations(trace, &count);
	cr_expect_eq(count, BLOCKS);
	trace_close(trace);
	written_end(&written);
	raw_trace_destroy(raw);
}

Test(follow, who_falls_behind_counts_what_is_left_out)
{
	struct raw_program program = {.seed = 9, .streams = 1, .event_count = 2000000,
				      .live_blocks = 300, .coarseness = 1};
	struct trace_event *events, event;
	struct trace_follow_state state;
	struct written written;
	struct raw_trace *raw = raw_trace_draw(&program, &events);
	uint64_t count = 0;

	written_begin(&written, raw, true);
	struct trace *trace = follow(&written, TRACE_FOLLOW_EMPTY);
	while (trace_next(trace, &event) == TRACE_OK)
		count += event.kind <= TRACE_RESIZE;
	trace_follow_step(trace, true);
	trace_follow_state_get(trace, &state);
	cr_expect(state.skipped_events > 0, "nothing was left out");
	cr_expect_eq(count + state.skipped_events, program.event_count);
	trace_close(trace);
	written_end(&written);
	raw_trace_destroy(raw);
	free(events);
}

Test(follow, a_file_has_one_reader)
{
	char message[LINE_BYTES] = "";
	struct written written;
	struct raw_trace *raw = raw_trace_create();

	raw_trace_free(raw, 0, 0, 0x1000);
	raw_trace_header(raw)->reader_process = 1;
	written_begin(&written, raw, true);
	cr_expect_null(trace_follow(written.path, TRACE_FOLLOW_EMPTY, message, sizeof(message)));
	cr_expect_not_null(strstr(message, "process 1 reads it already"), "%s", message);
	struct trace *trace = follow(&written, TRACE_FOLLOW_WATCH);
	struct trace_follow_state state;
	trace_follow_state_get(trace, &state);
	cr_expect_eq(state.reader, 1);
	trace_close(trace);
	cr_expect_null(trace_follow("/dev/null", TRACE_FOLLOW_WATCH, message, sizeof(message)));
	written_end(&written);
	raw_trace_destroy(raw);
}
