/* SPDX-License-Identifier: MIT */
/*
 * What the fuzzer's bytes are read as: a file of traces, in whatever form they say.
 *
 * A packed file's sums are put right first, so that what is behind them is reached. A raw file is
 * given the header it would need, its first slot being the bytes.
 */
#include "input.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <stdio.h>
#include <unistd.h>

#include <allot/trace.h>

#include "trace/packed.h"
#include "trace/packed_write.h"
#include "trace/raw.h"

enum { BYTES_MAX = 1 << 16, EVENTS_MAX = 1 << 20, PATH_BYTES = 64, LINE_BYTES = 512 };

enum mode { AS_IT_IS, RAW_SLOT, PACKED_SUMS, PACKED_COLUMN, MODES };

static bool fail(const char **out_message, const char *message)
{
	*out_message = message;
	return false;
}

/* Read a trace to its end, twice; both times it must say the same. */
static bool trace_read(struct trace *trace, const char **out_message)
{
	size_t counts[2] = {0};

	for (size_t i = 0; i < 2; i++) {
		struct trace_event event;
		enum trace_status status;
		while ((status = trace_next(trace, &event)) != TRACE_END) {
			if (status == TRACE_FAILED)
				return fail(out_message, "reading failed");
			if (status == TRACE_DAMAGED && trace_message(trace)[0] == '\0')
				return fail(out_message, "damage is not named");
			if (status == TRACE_OK && event.thread >= trace_thread_count(trace))
				return fail(out_message, "a thread that is none");
			if (status == TRACE_OK && event.kind <= TRACE_FAIL &&
			    event.block.stack != 0 &&
			    event.block.stack >= trace_frame_count(trace))
				return fail(out_message, "a stack that is none");
			if (++counts[i] > EVENTS_MAX)
				return fail(out_message, "events without end");
		}
		trace_rewind(trace);
	}
	for (uint32_t i = 1; i < trace_frame_count(trace); i++)
		if (trace_frame_get(trace, i)->parent >= i)
			return fail(out_message, "a frame that is its own caller");
	return counts[0] == counts[1] || fail(out_message, "the second time it says otherwise");
}

static bool file_run(const uint8_t *bytes, size_t count, const char **out_message)
{
	char path[PATH_BYTES], message[LINE_BYTES] = "";
	int descriptor = memfd_create("fuzz", MFD_CLOEXEC);
	bool is_right = true;

	if (descriptor < 0 || write(descriptor, bytes, count) != (ssize_t)count) {
		close(descriptor);
		return true;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", descriptor);
	struct trace *trace = trace_open(path, message, sizeof(message));
	if (trace == NULL && message[0] == '\0')
		is_right = fail(out_message, "refused without a word");
	if (trace != NULL)
		is_right = trace_read(trace, out_message);
	trace_close(trace);
	close(descriptor);
	return is_right;
}

/* The bytes are a slot's. */
static bool raw_run(const uint8_t *bytes, size_t count, const char **out_message)
{
	static uint8_t file[RAW_HEADER_BYTES + RAW_SLOT_BYTES];
	struct raw_header *header = (struct raw_header *)(void *)file;

	if (count > RAW_SLOT_BYTES)
		return true;
	memset(file, 0, sizeof(file));
	header->magic = RAW_MAGIC;
	header->version = RAW_VERSION;
	header->slot_count = 1;
	memcpy(file + RAW_HEADER_BYTES, bytes, count);
	return file_run(file, sizeof(file), out_message);
}

/* A packed file: heads are given their sums, wherever one seems to begin. */
static bool packed_run(const uint8_t *bytes, size_t count, const char **out_message)
{
	static uint8_t file[BYTES_MAX];
	const uint32_t magic = PACKED_CHUNK_MAGIC;
	size_t at = sizeof(struct packed_head);

	memcpy(file, bytes, count);
	while (at + sizeof(struct packed_chunk) <= count) {
		struct packed_chunk chunk;
		memcpy(&chunk, file + at, sizeof(chunk));
		if (chunk.magic != magic)
			break;
		if (chunk.stored_bytes > count - at - sizeof(chunk))
			chunk.stored_bytes = (uint32_t)(count - at - sizeof(chunk));
		chunk.content_sum = packed_sum(file + at + sizeof(chunk), chunk.stored_bytes);
		chunk.head_sum = packed_sum(&chunk, offsetof(struct packed_chunk, head_sum));
		memcpy(file + at, &chunk, sizeof(chunk));
		at += sizeof(chunk) + chunk.stored_bytes;
	}
	return file_run(file, count, out_message);
}

/* The bytes are the columns of a chunk, each with a length before it. */
static bool columns_run(const uint8_t *bytes, size_t count, const char **out_message)
{
	static uint8_t file[2 * BYTES_MAX];
	struct packed_head head = {PACKED_MAGIC, PACKED_VERSION, sizeof(head)};
	struct packed_chunk chunk = {.magic = PACKED_CHUNK_MAGIC, .kind = PACKED_EVENTS};
	struct packed_column table[PACKED_COLUMNS];
	uint32_t columns = 0;
	size_t begin = sizeof(head) + sizeof(chunk), used = 0;
	static uint8_t data[BYTES_MAX];

	for (size_t at = 0; at + 2 < count && columns < PACKED_COLUMNS; columns++) {
		size_t length = bytes[at];
		at++;
		if (length > count - at)
			length = count - at;
		table[columns] = (struct packed_column){columns, (uint32_t)length,
							(uint32_t)length};
		memcpy(data + used, bytes + at, length);
		used += length;
		at += length;
	}
	chunk.event_count = columns > 0 ? table[0].plain_bytes : 0;
	memcpy(file + begin, &columns, sizeof(columns));
	memcpy(file + begin + sizeof(columns), table, columns * sizeof(table[0]));
	memcpy(file + begin + sizeof(columns) + columns * sizeof(table[0]), data, used);
	chunk.stored_bytes = (uint32_t)(sizeof(columns) + columns * sizeof(table[0]) + used);
	memcpy(file, &head, sizeof(head));
	memcpy(file + sizeof(head), &chunk, sizeof(chunk));
	return packed_run(file, begin + chunk.stored_bytes, out_message);
}

bool input_run(const uint8_t *bytes, size_t count, const char **out_message)
{
	if (count == 0 || count > BYTES_MAX / 2)
		return true;
	switch ((enum mode)(bytes[0] % MODES)) {
	case RAW_SLOT:
		return raw_run(bytes + 1, count - 1, out_message);
	case PACKED_SUMS:
		return packed_run(bytes + 1, count - 1, out_message);
	case PACKED_COLUMN:
		return columns_run(bytes + 1, count - 1, out_message);
	default:
		return file_run(bytes + 1, count - 1, out_message);
	}
}
