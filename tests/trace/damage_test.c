/* SPDX-License-Identifier: MIT */
/*
 * Damage: whatever is cut off or changed, reading ends, says so, and uses the rest.
 */
#include <allot/trace.h>
#include <allot/trace_file.h>

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "random.h"
#include "raw_trace.h"
#include "trace_file.h"

enum { MESSAGE_BYTES = 512, EVENTS = 3000, DAMAGED_MAX = 100 };

/* A small program, and its files. */
struct files {
	struct raw_trace *raw;
	struct trace_event *events;
	const unsigned char *raw_bytes;
	unsigned char *packed;
	size_t raw_count, packed_count;
};

static struct files files_make(uint32_t streams, size_t events)
{
	struct raw_program program = {.seed = 3, .streams = streams, .event_count = events,
				      .live_blocks = 200, .frames = 20, .has_rare = true,
				      .coarseness = 1};
	char raw_path[TRACE_PATH_BYTES], path[TRACE_PATH_BYTES], message[MESSAGE_BYTES] = "";
	struct trace_packed packed;
	struct files files = {.raw = raw_trace_draw(&program, &files.events)};

	files.raw_bytes = raw_trace_bytes(files.raw, &files.raw_count);
	trace_path_make(raw_path, ".raw");
	trace_path_make(path, ".trace");
	cr_assert(raw_trace_write(files.raw, raw_path));
	cr_assert(trace_pack(raw_path, path, false, &packed, message, sizeof(message)), "%s",
		  message);
	unlink(raw_path);
	files.packed = trace_file_take(path, &files.packed_count);
	return files;
}

static void files_free(struct files *files)
{
	raw_trace_destroy(files->raw);
	free(files->events);
	free(files->packed);
}

/* Read all of it; how many events there were, and whether anything was said. */
static size_t read_all(const void *bytes, size_t count, bool *out_is_damaged)
{
	char message[MESSAGE_BYTES] = "";
	struct trace *trace = trace_try_bytes(bytes, count, message, sizeof(message));
	struct trace_event event;
	enum trace_status status;
	size_t events = 0, damaged = 0;

	*out_is_damaged = trace == NULL;
	if (trace == NULL) {
		cr_expect_str_not_empty(message);
		return 0;
	}
	while ((status = trace_next(trace, &event)) != TRACE_END) {
		cr_assert_neq(status, TRACE_FAILED, "%s", trace_message(trace));
		if (status == TRACE_DAMAGED) {
			cr_assert_str_not_empty(trace_message(trace));
			cr_assert(++damaged < DAMAGED_MAX, "damage without end");
			continue;
		}
		cr_assert_lt(event.thread, trace_thread_count(trace));
		events++;
	}
	*out_is_damaged |= damaged > 0;
	trace_close(trace);
	return events;
}

Test(damage, a_packed_file_cut_off_anywhere_is_read_up_to_there)
{
	struct files files = files_make(3, 250);
	size_t before = 0;
	bool is_damaged;

	for (size_t i = 0; i <= files.packed_count; i++) {
		size_t events = read_all(files.packed, i, &is_damaged);
		cr_expect_eq(is_damaged, i < files.packed_count, "%zu bytes", i);
		cr_expect(events >= before, "%zu bytes: %zu events, one less had %zu", i, events,
			  before);
		before = events;
	}
	cr_expect(before >= 250);
	files_free(&files);
}

Test(damage, a_changed_byte_costs_a_chunk_at_most)
{
	struct files files = files_make(4, EVENTS);
	struct random_source random = {5};
	bool is_damaged;
	size_t found = 0;

	for (size_t i = 0; i < 400; i++) {
		size_t at = random_below(&random, files.packed_count);
		unsigned char bit = (unsigned char)(1u << random_below(&random, 8));
		files.packed[at] ^= bit;
		size_t events = read_all(files.packed, files.packed_count, &is_damaged);
		/* One of four streams' only chunk. Frees whose block was lost are events too. */
		cr_expect(events > EVENTS / 2 || at < 16, "byte %zu: %zu events", at, events);
		found += is_damaged;
		files.packed[at] ^= bit;
	}
	/* What is changed in a head may be had from the index, and the other way round. */
	cr_expect(found > 300, "%zu found", found);
	files_free(&files);
}

Test(damage, changed_raw_files_are_read)
{
	struct files files = files_make(2, EVENTS);
	unsigned char *bytes = malloc(files.raw_count);
	struct random_source random = {7};
	bool is_damaged;

	for (size_t i = 0; i < 300; i++) {
		memcpy(bytes, files.raw_bytes, files.raw_count);
		size_t count = files.raw_count;
		for (size_t changes = random_between(&random, 1, 8); changes > 0; changes--)
			bytes[random_below(&random, 2) * RAW_HEADER_BYTES +
			      random_below(&random, 8192)] = (unsigned char)random_next(&random);
		if (random_below(&random, 4) == 0)
			count = random_below(&random, count);
		read_all(bytes, count, &is_damaged);
	}
	free(bytes);
	files_free(&files);
}

Test(damage, a_raw_file_cut_off_is_read_up_to_there)
{
	struct files files = files_make(1, EVENTS);
	size_t before = 0;
	bool is_damaged;

	for (size_t i = RAW_HEADER_BYTES; i < files.raw_count; i += 997) {
		size_t events = read_all(files.raw_bytes, i, &is_damaged);
		cr_expect(is_damaged, "%zu bytes", i);
		cr_expect(events >= before);
		before = events;
	}
	cr_expect(before > EVENTS / 2);
	files_free(&files);
}

Test(damage, what_comes_from_elsewhere_is_named)
{
	char message[MESSAGE_BYTES] = "";
	struct files files = files_make(1, 100);
	uint32_t version = 2;
	bool is_damaged;

	cr_expect_null(trace_try_bytes("", 0, message, sizeof(message)));
	cr_expect(strstr(message, "empty") != NULL, "%s", message);
	cr_expect_null(trace_try_bytes("\177ELF..", 7, message, sizeof(message)));
	cr_expect(strstr(message, "no trace") != NULL, "%s", message);
	cr_expect_null(trace_open("/nowhere", message, sizeof(message)));
	cr_expect(strstr(message, "No such file") != NULL, "%s", message);
	cr_expect_null(trace_open("/", message, sizeof(message)));
	memcpy(files.packed + 8, &version, sizeof(version));
	cr_expect(read_all(files.packed, files.packed_count, &is_damaged) >= 100);
	cr_expect(is_damaged, "a future version is told");
	files_free(&files);
}
