/* SPDX-License-Identifier: MIT */
/*
 * Raw traces made by hand. See raw_trace.h.
 */
#include "raw_trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SLOT_WORDS = RAW_SLOT_BYTES / 8,
	HEAD_WORDS = sizeof(struct raw_slot) / 8,
	STREAMS_MAX = 256,
	TIME_SHIFT = 48,
	TIME_MAX = (1 << 16) - 1, /* units that fit into a record */
	ALIGN_DEFAULT = 4,
	RUNS_A_PIECE = 1000,
	BLOB_WORDS_MAX = 4096,
	WORDS_BEFORE = 2 + 3, /* that may stand before a record: TIME and WIDE */
};

/* Where a stream writes. */
struct writer {
	size_t slot; /* plus 1; 0: none */
	size_t next; /* word */
	uint64_t units;
	uint32_t thread;
	bool is_begun;
};

struct raw_trace {
	unsigned char *bytes;
	size_t slot_count, slot_capacity;
	struct writer writers[STREAMS_MAX];
	uint64_t last_ticks;
};

static void *memory_or_abort(void *memory)
{
	if (memory == NULL)
		abort();
	return memory;
}

struct raw_header *raw_trace_header(struct raw_trace *raw)
{
	return (struct raw_header *)(void *)raw->bytes;
}

struct raw_trace *raw_trace_create(void)
{
	struct raw_trace *raw = memory_or_abort(calloc(1, sizeof(*raw)));

	raw->bytes = memory_or_abort(calloc(1, RAW_HEADER_BYTES));
	struct raw_header *header = raw_trace_header(raw);
	header->magic = RAW_MAGIC;
	header->version = RAW_VERSION;
	header->page_bytes = 4096;
	header->process = 4711;
	header->start_unix_ns = UINT64_C(1700000000000000000);
	header->is_ended = 1;
	header->depth = 32;
	header->tag_bytes = 8;
	header->has_front = 1;
	strcpy(header->strategy, "segregated");
	strcpy(header->library_version, "1.0.0");
	memcpy(header->command, "program\0with\0words", sizeof("program\0with\0words"));
	strcpy(header->conf, "strategy:segregated");
	return raw;
}

void raw_trace_destroy(struct raw_trace *raw)
{
	free(raw->bytes);
	free(raw);
}

/* ---- slots -------------------------------------------------------------------------------- */

static struct raw_slot *slot_at(const struct raw_trace *raw, size_t slot)
{
	return (struct raw_slot *)(void *)(raw->bytes + RAW_HEADER_BYTES + slot * RAW_SLOT_BYTES);
}

static void slot_take(struct raw_trace *raw, uint32_t stream)
{
	struct writer *writer = &raw->writers[stream];
	size_t index = raw->slot_count++;

	if (raw->slot_count > raw->slot_capacity) {
		raw->slot_capacity = raw->slot_count * 2;
		raw->bytes = memory_or_abort(realloc(
			raw->bytes, RAW_HEADER_BYTES + raw->slot_capacity * RAW_SLOT_BYTES));
	}
	struct raw_slot *slot = slot_at(raw, index);
	memset(slot, 0, RAW_SLOT_BYTES);
	slot->state = RAW_SLOT_FILLING;
	slot->stream = stream;
	slot->order = index;
	slot->ticks = writer->units << RAW_TIME_SHIFT;
	slot->thread = writer->thread;
	raw_trace_header(raw)->slot_count = (uint32_t)raw->slot_count;
	raw_trace_header(raw)->slot_order = raw->slot_count;
	writer->slot = index + 1;
	writer->next = HEAD_WORDS;
}

void raw_trace_slot_end(struct raw_trace *raw, uint32_t stream)
{
	struct writer *writer = &raw->writers[stream];

	if (writer->slot != 0)
		slot_at(raw, writer->slot - 1)->state = RAW_SLOT_FULL;
	writer->slot = 0;
}

static struct writer *writer_of(struct raw_trace *raw, uint32_t stream)
{
	struct writer *writer = &raw->writers[stream];

	if (stream >= STREAMS_MAX)
		abort();
	if (!writer->is_begun)
		writer->thread = stream;
	writer->is_begun = true;
	return writer;
}

void raw_trace_words(struct raw_trace *raw, uint32_t stream, const uint64_t *words, size_t count)
{
	struct writer *writer = writer_of(raw, stream);

	if (writer->slot == 0 || writer->next + count > SLOT_WORDS) {
		raw_trace_slot_end(raw, stream);
		slot_take(raw, stream);
	}
	uint64_t *to = (uint64_t *)slot_at(raw, writer->slot - 1);
	memcpy(to + writer->next, words, count * sizeof(*words));
	writer->next += count;
}

/*
 * The first word of a record at `ticks`, which may need a record of its own to say when. Times
 * count from the start of the slot, so the record of `count` words and what stands before it go
 * into one.
 */
static uint64_t word_at(struct raw_trace *raw, uint32_t stream, uint64_t ticks, uint64_t word,
			size_t count)
{
	struct writer *writer = writer_of(raw, stream);

	if (writer->slot != 0 && writer->next + count + WORDS_BEFORE > SLOT_WORDS)
		raw_trace_slot_end(raw, stream);
	if (writer->slot == 0)
		slot_take(raw, stream);
	uint64_t units = ticks >> RAW_TIME_SHIFT;
	uint64_t passed = units > writer->units ? units - writer->units : 0;

	if (ticks > raw->last_ticks) {
		raw->last_ticks = ticks;
		raw_trace_header(raw)->last_ticks = raw_trace_header(raw)->last_ns = ticks;
	}
	if (passed > TIME_MAX) {
		raw_trace_words(raw, stream, (uint64_t[]){RAW_TIME, ticks}, 2);
		passed = 0;
	}
	if (units > writer->units)
		writer->units = units;
	return word | passed << TIME_SHIFT;
}

/* ---- records ------------------------------------------------------------------------------ */

/* The word of sizes, after a record of them if they do not fit. */
static uint64_t sizes_word(struct raw_trace *raw, uint32_t stream, const struct raw_block *block)
{
	uint64_t usable = block->usable_bytes > block->bytes ? block->usable_bytes : block->bytes;
	uint64_t slack = usable - block->bytes, bytes = block->bytes;
	uint64_t align = block->align_log2 != 0 ? block->align_log2 : ALIGN_DEFAULT;

	if (bytes >= RAW_BYTES_WIDE || slack > UINT16_MAX) {
		raw_trace_words(raw, stream, (uint64_t[]){RAW_WIDE, bytes, usable}, 3);
		bytes = RAW_BYTES_WIDE;
		slack = 0;
	}
	return bytes | slack << RAW_SLACK_SHIFT | (uint64_t)block->place << RAW_PLACE_SHIFT |
	       (uint64_t)block->call << RAW_CALL_SHIFT | align << RAW_ALIGN_SHIFT |
	       (uint64_t)(block->stack != 0) << RAW_STACK_SHIFT;
}

void raw_trace_allocate(struct raw_trace *raw, uint32_t stream, uint64_t ticks,
			const struct raw_block *block)
{
	uint64_t first = word_at(raw, stream, ticks, RAW_ALLOCATE | block->address, 3);
	uint64_t sizes = sizes_word(raw, stream, block);
	raw_trace_words(raw, stream, (uint64_t[]){first, sizes, block->stack},
			block->stack != 0 ? 3 : 2);
}

void raw_trace_resize(struct raw_trace *raw, uint32_t stream, uint64_t ticks, uint64_t old_address,
		      const struct raw_block *block)
{
	uint64_t first = word_at(raw, stream, ticks, RAW_RESIZE | block->address, 4);
	uint64_t sizes = sizes_word(raw, stream, block);
	raw_trace_words(raw, stream, (uint64_t[]){first, sizes, old_address, block->stack},
			block->stack != 0 ? 4 : 3);
}

void raw_trace_free(struct raw_trace *raw, uint32_t stream, uint64_t ticks, uint64_t address)
{
	uint64_t word = word_at(raw, stream, ticks, RAW_FREE | address, 1);
	raw_trace_words(raw, stream, &word, 1);
}

void raw_trace_fail(struct raw_trace *raw, uint32_t stream, uint64_t ticks, uint64_t bytes)
{
	uint64_t word = word_at(raw, stream, ticks, RAW_FAIL, 2);
	raw_trace_words(raw, stream, (uint64_t[]){word, bytes}, 2);
}

void raw_trace_pages(struct raw_trace *raw, uint32_t stream, uint64_t ticks,
		     enum trace_pages_kind kind, enum trace_use use, uint64_t address,
		     uint64_t bytes, uint64_t old_address)
{
	uint64_t word = word_at(raw, stream, ticks, RAW_PAGES | address, 3);
	raw_trace_words(raw, stream,
			(uint64_t[]){word, bytes | (uint64_t)kind << 56 | (uint64_t)use << 60,
				     old_address},
			kind == TRACE_PAGES_MOVE ? 3 : 2);
}

void raw_trace_frame(struct raw_trace *raw, uint32_t stream, uint32_t frame, uint32_t parent,
		     uint64_t address)
{
	raw_trace_words(raw, stream,
			(uint64_t[]){RAW_FRAME | (uint64_t)frame << 4 | (uint64_t)parent << 34,
				     address}, 2);
}

static void blob_put(struct raw_trace *raw, uint32_t stream, uint64_t ticks, enum raw_blob kind,
		     const void *head, size_t head_bytes, const void *body, size_t body_bytes)
{
	uint64_t words[BLOB_WORDS_MAX] = {0};
	size_t bytes = head_bytes + body_bytes, count = 1 + (bytes + 7) / 8;

	if (count > BLOB_WORDS_MAX)
		abort();
	words[0] = word_at(raw, stream, ticks, RAW_BLOB | (uint64_t)kind << 4 |
						       (uint64_t)bytes << 12, count);
	if (head_bytes > 0)
		memcpy(words + 1, head, head_bytes);
	if (body_bytes > 0)
		memcpy((char *)(words + 1) + head_bytes, body, body_bytes);
	raw_trace_words(raw, stream, words, count);
}

void raw_trace_module(struct raw_trace *raw, uint32_t stream, uint64_t ticks,
		      const struct raw_module *module, const char *path)
{
	blob_put(raw, stream, ticks, RAW_BLOB_MODULE, module, sizeof(*module), path,
		 strlen(path) + 1);
}

void raw_trace_thread(struct raw_trace *raw, uint32_t stream, uint64_t ticks, uint32_t thread,
		      const char *name)
{
	struct raw_thread_name named = {.thread = thread};

	snprintf(named.name, sizeof(named.name), "%s", name);
	blob_put(raw, stream, ticks, RAW_BLOB_THREAD, &named, sizeof(named), NULL, 0);
	raw->writers[stream].thread = thread;
}

void raw_trace_mark(struct raw_trace *raw, uint32_t stream, uint64_t ticks, const char *text)
{
	blob_put(raw, stream, ticks, RAW_BLOB_MARK, NULL, 0, text, strlen(text) + 1);
}

void raw_trace_sample(struct raw_trace *raw, uint32_t stream, uint64_t ticks,
		      const struct trace_sample *sample)
{
	struct raw_run runs[RUNS_A_PIECE];
	size_t done = 0;

	do {
		size_t count = sample->run_count - done;
		struct raw_sample piece = {
			.resident_bytes = sample->resident_bytes,
			.resident_bytes_peak = sample->resident_bytes_peak,
			.minor_faults = sample->minor_faults,
			.major_faults = sample->major_faults,
			.swapped_bytes = sample->swapped_bytes,
			.has_runs = sample->has_runs,
			.is_more = count > RUNS_A_PIECE,
			.run_count = count > RUNS_A_PIECE ? RUNS_A_PIECE : count,
		};
		for (size_t i = 0; i < piece.run_count; i++, done++)
			runs[i] = (struct raw_run){
				.address = sample->runs[done].address,
				.bytes_use = sample->runs[done].bytes | sample->runs[done].use,
			};
		blob_put(raw, stream, ticks, RAW_BLOB_SAMPLE, &piece, sizeof(piece), runs,
			 piece.run_count * sizeof(*runs));
	} while (done < sample->run_count);
}

/* ---- the file ----------------------------------------------------------------------------- */

const void *raw_trace_bytes(const struct raw_trace *raw, size_t *out_bytes)
{
	*out_bytes = RAW_HEADER_BYTES + raw->slot_count * RAW_SLOT_BYTES;
	return raw->bytes;
}

bool raw_trace_write(const struct raw_trace *raw, const char *path)
{
	FILE *file = fopen(path, "wb");
	size_t bytes;
	const void *content = raw_trace_bytes(raw, &bytes);

	if (file == NULL)
		return false;
	bool is_written = fwrite(content, 1, bytes, file) == bytes;
	return fclose(file) == 0 && is_written;
}
