/* SPDX-License-Identifier: MIT */
/*
 * Packing: what was packed is read as what was recorded is; what is damaged or cut off is read as
 * far as it goes.
 */
#include <allot/trace.h>
#include <allot/trace_file.h>

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "random.h"
#include "raw_trace.h"
#include "trace/raw_decode.h"
#include "trace_file.h"

enum { MESSAGE_BYTES = 512 };

/* A packed file's bytes, the caller's to free. */
static unsigned char *packed_bytes(const struct raw_trace *raw, size_t *out_bytes,
				   struct trace_packed *out)
{
	char raw_path[TRACE_PATH_BYTES], path[TRACE_PATH_BYTES], message[MESSAGE_BYTES] = "";

	trace_path_make(raw_path, ".raw");
	trace_path_make(path, ".trace");
	cr_assert(raw_trace_write(raw, raw_path));
	cr_assert(trace_pack(raw_path, path, false, out, message, sizeof(message)), "%s", message);
	unlink(raw_path);
	return trace_file_take(path, out_bytes);
}

/* All that is known beside events is the same. */
static void same_dictionary(const struct trace *a, const struct trace *b)
{
	const struct trace_info *left = trace_info_get(a), *right = trace_info_get(b);

	cr_expect_str_eq(left->command, right->command);
	cr_expect_str_eq(left->strategy, right->strategy);
	cr_expect_eq(left->end_time, right->end_time);
	cr_expect_eq(left->event_count, right->event_count);
	cr_expect_eq(left->is_complete, right->is_complete);
	cr_expect_eq(left->tag_bytes, right->tag_bytes);
	cr_assert_eq(trace_frame_count(a), trace_frame_count(b));
	for (uint32_t i = 0; i < trace_frame_count(a); i++)
		cr_expect(memcmp(trace_frame_get(a, i), trace_frame_get(b, i),
				 sizeof(struct trace_frame)) == 0, "frame %u", i);
	cr_assert_eq(trace_module_count(a), trace_module_count(b));
	for (size_t i = 0; i < trace_module_count(a); i++) {
		const struct trace_module *m = trace_module_get(a, i), *n = trace_module_get(b, i);
		cr_expect_str_eq(m->path, n->path);
		cr_expect(m->begin == n->begin && m->end == n->end && m->bias == n->bias &&
			  m->time_begin == n->time_begin && m->time_end == n->time_end &&
			  m->build_id_bytes == n->build_id_bytes &&
			  memcmp(m->build_id, n->build_id, 32) == 0,
			  "module %zu: %llx at %llu to %llu, and %llx at %llu to %llu", i,
			  (unsigned long long)m->begin, (unsigned long long)m->time_begin,
			  (unsigned long long)m->time_end, (unsigned long long)n->begin,
			  (unsigned long long)n->time_begin, (unsigned long long)n->time_end);
	}
	cr_assert_eq(trace_thread_count(a), trace_thread_count(b));
	for (uint32_t i = 0; i < trace_thread_count(a); i++)
		cr_expect_str_eq(trace_thread_name(a, i), trace_thread_name(b, i));
}

static void same_events(struct trace *a, struct trace *b, uint64_t seed)
{
	struct trace_event left, right;

	for (size_t i = 0;; i++) {
		enum trace_status status = trace_next(a, &left), other = trace_next(b, &right);
		cr_assert_eq(status, other, "seed %llu, event %zu: status %d and %d: %s",
			     (unsigned long long)seed, i, status, other, trace_message(b));
		if (status != TRACE_OK)
			break;
		const char *unequal = event_unequal(&left, &right);
		cr_assert_null(unequal, "seed %llu, event %zu: %s", (unsigned long long)seed, i,
			       unequal);
	}
}

static void round_trip(struct raw_program program)
{
	struct trace_event *events;
	struct raw_trace *raw = raw_trace_draw(&program, &events);
	struct trace_packed packed;
	size_t bytes;
	unsigned char *content = packed_bytes(raw, &bytes, &packed);
	struct trace *a = trace_of_raw(raw), *b = trace_of_bytes(content, bytes);

	cr_expect_eq(packed.event_count, program.event_count);
	cr_expect_eq(packed.file_bytes, bytes);
	cr_expect_eq(packed.lost_events, 0, "%s", packed.lost_why);
	cr_expect_str_eq(trace_info_get(b)->format, "allot");
	same_dictionary(a, b);
	same_events(a, b, program.seed);
	trace_close(a);
	trace_close(b);
	free(content);
	raw_trace_destroy(raw);
	free(events);
}

Test(pack, what_is_packed_is_read_as_it_was_recorded)
{
	for (uint64_t seed = 1; seed <= 12; seed++)
		round_trip((struct raw_program){
			.seed = seed, .streams = 1 + (uint32_t)seed % 5, .event_count = 30000,
			.live_blocks = seed * 100, .frames = seed % 3 * 200,
			.has_rare = seed % 2 == 0, .coarseness = 1 + (uint32_t)seed % 4,
			.is_reused_late = seed % 4 == 0});
}

Test(pack, many_chunks_of_one_stream)
{
	round_trip((struct raw_program){.seed = 77, .streams = 1, .event_count = 300000,
					.live_blocks = 20000, .frames = 50, .coarseness = 20});
}

/* ---- what could not be written -------------------------------------------------------------- */

/* Files of this process may have so many bytes; 0: as many as they like. */
static void file_limit(size_t bytes)
{
	struct rlimit limit;

	cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes > 0 ? bytes : limit.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Of `b` all events are the first of `a`, up to the time it gives, and no more. How many. */
static size_t same_start(struct trace *a, struct trace *b)
{
	uint64_t end = trace_info_get(b)->lost_time;
	struct trace_event left, right;
	enum trace_status status;
	size_t count = 0;

	while ((status = trace_next(b, &right)) != TRACE_END) {
		if (status == TRACE_DAMAGED)
			continue;
		cr_assert_eq(status, TRACE_OK);
		cr_assert_eq(trace_next(a, &left), TRACE_OK);
		const char *unequal = event_unequal(&left, &right);
		cr_assert_null(unequal, "event %zu: %s", count, unequal);
		cr_assert_lt(right.time, end, "event %zu at %llu, not before %llu", count,
			     (unsigned long long)right.time, (unsigned long long)end);
		count++;
	}
	cr_expect_eq(trace_next(a, &left), TRACE_OK);
	cr_expect_geq(left.time, end, "at %llu already", (unsigned long long)left.time);
	cr_expect_leq(trace_info_get(b)->end_time, end);
	return count;
}

/* Some streams' last chunks are there, others' are not. */
Test(pack, where_the_disk_was_full_the_trace_ends)
{
	const struct raw_program program = {.seed = 5, .streams = 4, .event_count = 600000,
					    .live_blocks = 5000, .coarseness = 1};
	char raw_path[TRACE_PATH_BYTES], path[TRACE_PATH_BYTES], message[MESSAGE_BYTES] = "";
	struct trace_event *events;
	struct raw_trace *raw = raw_trace_draw(&program, &events);
	struct trace_packed packed;
	size_t bytes;

	free(packed_bytes(raw, &bytes, &packed));
	trace_path_make(raw_path, ".raw");
	trace_path_make(path, ".trace");
	cr_assert(raw_trace_write(raw, raw_path));
	file_limit(bytes * 3 / 4);
	cr_assert(trace_pack(raw_path, path, false, &packed, message, sizeof(message)), "%s",
		  message);
	file_limit(0);
	cr_expect_gt(packed.lost_events, 0);
	struct trace *a = trace_of_raw(raw);
	struct trace *b = trace_open(path, message, sizeof(message));
	cr_assert_not_null(b, "%s", message);
	cr_expect_eq(trace_info_get(b)->lost_events, packed.lost_events);
	size_t count = same_start(a, b);
	cr_expect_gt(count, program.event_count / 5);
	cr_expect_lt(count, packed.event_count, "%zu of %llu: nothing is left out", count,
		     (unsigned long long)packed.event_count);
	trace_close(a);
	trace_close(b);
	unlink(raw_path);
	unlink(path);
	raw_trace_destroy(raw);
	free(events);
}

/* The process had no room for what came later; what its other threads still wrote is not told. */
Test(pack, where_a_process_lost_events_the_trace_ends)
{
	const struct raw_program program = {.seed = 6, .streams = 3, .event_count = 30000,
					    .live_blocks = 1000, .coarseness = 1};
	struct trace_event *events;
	struct raw_trace *raw = raw_trace_draw(&program, &events);
	struct trace_packed packed;
	size_t bytes;
	struct trace *whole = trace_of_raw(raw);
	uint64_t ticks = raw_trace_header(raw)->last_ticks / 2;

	raw_trace_header(raw)->lost_units = ticks >> RAW_TIME_SHIFT;
	raw_trace_header(raw)->lost_events = 7;
	struct trace *a = trace_of_raw(raw);
	size_t count = same_start(whole, a);
	cr_expect_gt(count, program.event_count / 3);
	trace_rewind(a);
	unsigned char *content = packed_bytes(raw, &bytes, &packed);
	struct trace *b = trace_of_bytes(content, bytes);
	same_events(a, b, program.seed);
	cr_expect_eq(trace_info_get(b)->lost_time, trace_info_get(a)->lost_time);
	trace_close(whole);
	trace_close(a);
	trace_close(b);
	free(content);
	raw_trace_destroy(raw);
	free(events);
}

/* ---- a file that is followed -------------------------------------------------------------- */

/* A raw file as its process maps it. */
struct followed {
	char path[TRACE_PATH_BYTES], output[TRACE_PATH_BYTES];
	unsigned char *bytes;
	size_t count;
};

static void followed_begin(struct followed *followed, const struct raw_trace *raw)
{
	trace_path_make(followed->path, ".raw");
	trace_path_make(followed->output, ".trace");
	cr_assert(raw_trace_write(raw, followed->path));
	raw_trace_bytes(raw, &followed->count);
	FILE *file = fopen(followed->path, "r+b");
	cr_assert_not_null(file);
	followed->bytes = mmap(NULL, followed->count, PROT_READ | PROT_WRITE, MAP_SHARED,
			       fileno(file), 0);
	cr_assert(followed->bytes != MAP_FAILED);
	fclose(file);
}

static struct raw_slot *followed_slot(const struct followed *followed, size_t slot)
{
	return (struct raw_slot *)(void *)(followed->bytes + RAW_HEADER_BYTES +
					   slot * RAW_SLOT_BYTES);
}

static struct trace_packer *followed_pack(const struct followed *followed)
{
	char message[MESSAGE_BYTES] = "";
	struct trace_packer *packer = trace_packer_open(followed->path, followed->output, false,
							message, sizeof(message));

	cr_assert_not_null(packer, "%s", message);
	return packer;
}

static void followed_end(struct followed *followed)
{
	munmap(followed->bytes, followed->count);
	unlink(followed->path);
	unlink(followed->output);
}

/* The process has a slot that it fills: what is in it counts, and it is not taken away. */
static void pack_living(uint32_t process, bool is_living)
{
	struct raw_trace *raw = raw_trace_create();
	struct followed followed;
	struct trace_packed packed;

	for (uint64_t i = 1; i <= 10; i++)
		raw_trace_allocate(raw, 0, 64 * i, &(struct raw_block){.address = 64 * i});
	raw_trace_header(raw)->process = process;
	raw_trace_header(raw)->is_ended = 0;
	followed_begin(&followed, raw);
	followed_slot(&followed, 0)->state = RAW_SLOT_FILLING;
	struct raw_header *header = (struct raw_header *)(void *)followed.bytes;
	struct trace_packer *packer = followed_pack(&followed);
	trace_packer_finish(packer, &packed);
	cr_expect_eq(packed.event_count, 10);
	cr_expect_eq(packed.lost_events, is_living);
	cr_expect_eq(header->lost, is_living ? RAW_LOST_READER : RAW_LOST_NOTHING);
	cr_expect_eq(followed_slot(&followed, 0)->state, RAW_SLOT_FILLING);
	trace_packer_close(packer);
	cr_expect_eq(header->lost, RAW_LOST_READER, "it may write on for nobody");
	followed_end(&followed);
	raw_trace_destroy(raw);
}

Test(pack, a_process_that_outlives_its_reader_stops)
{
	pack_living((uint32_t)getpid(), true);
	pack_living(INT32_MAX, false);
}

Test(pack, slots_are_taken_in_their_order_wherever_they_are)
{
	enum { SLOTS = 1100 };
	struct raw_trace *raw = raw_trace_create();
	struct followed followed;
	struct trace_packed packed;
	struct trace_event event;
	uint64_t count = 0;

	for (uint64_t i = 1; i <= SLOTS; i++) {
		raw_trace_allocate(raw, 0, 64 * i, &(struct raw_block){.address = 64 * i});
		raw_trace_slot_end(raw, 0);
	}
	followed_begin(&followed, raw);
	for (size_t i = 0; i < SLOTS / 2; i++) {
		struct raw_slot *a = followed_slot(&followed, i), b = *a;
		struct raw_slot *other = followed_slot(&followed, SLOTS - 1 - i);
		uint64_t words[4], *of_a = (void *)(a + 1), *of_other = (void *)(other + 1);
		memcpy(words, of_a, sizeof(words));
		memcpy(of_a, of_other, sizeof(words));
		memcpy(of_other, words, sizeof(words));
		*a = *other;
		*other = b;
	}
	struct trace_packer *packer = followed_pack(&followed);
	trace_packer_step(packer);
	trace_packer_finish(packer, &packed);
	trace_packer_close(packer);
	struct trace *trace = trace_open(followed.output, NULL, 0);
	cr_assert_not_null(trace);
	for (; trace_next(trace, &event) == TRACE_OK; count++)
		cr_assert_eq(event.block.address, 64 * (count + 1));
	cr_expect_eq(count, SLOTS);
	trace_close(trace);
	followed_end(&followed);
	raw_trace_destroy(raw);
}

Test(pack, slots_count_time_as_their_records_do)
{
	cr_expect_eq(raw_units(64, 63), 1);
	cr_expect_eq(raw_units(127, 64), 0);
	cr_expect_eq(raw_units(63, 64), 0);
}
