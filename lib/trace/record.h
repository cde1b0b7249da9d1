/* SPDX-License-Identifier: MIT */
/*
 * Records: what every form of trace file is decoded to, and the sources they come from.
 *
 * A source is an open file of some form. It has streams, each written by one thread at a time,
 * whose records come in their order, in batches; trace/merge.h makes one stream of them. Times are
 * in units of the source (`ns_per_unit`), and never go back within a stream.
 *
 * Everything a reader may trust about records is made sure where they are decoded: kinds, places
 * and calls are within their enums, stacks are frames the dictionary has.
 */
#ifndef TRACE_RECORD_H
#define TRACE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <allot/trace.h>

enum {
	TRACE_LINE_BYTES = 512, /* room for a line about damage */
	TRACE_BATCH = 256,      /* records decoded at a time: 14 KiB, which the first cache holds */
};

/* What happened. */
struct trace_record {
	uint64_t time;        /* in units of the source */
	uint64_t address;
	uint64_t old_address; /* RESIZE, and PAGES that move; SAMPLE and MARK: a pointer */
	uint64_t bytes;
	uint64_t usable_bytes;
	uint32_t stack;
	uint32_t thread;      /* as readers are told */
	uint8_t kind;         /* enum trace_kind */
	uint8_t place;        /* PAGES: enum trace_pages_kind */
	uint8_t call;         /* PAGES: enum trace_use */
	uint8_t align_log2;
};

/* The payload of a record, of a SAMPLE (struct trace_sample) or MARK (char). */
static inline const void *record_payload(const struct trace_record *record)
{
	return (const void *)(uintptr_t)record->old_address;
}

static inline void record_payload_set(struct trace_record *record, const void *payload)
{
	record->old_address = (uintptr_t)payload;
}

/* Records in their order. What follows it is the source's own. */
struct trace_stream {
	struct trace_source *source;
};

struct trace_source {
	const struct trace_source_form *form;
	struct trace_dictionary *dictionary;
	size_t stream_count;
	/* Nanoseconds a unit of time takes, times 2^32. */
	uint64_t ns_per_unit;
	uint64_t horizon; /* of a source that grows: the time it was last looked at */
	char message[TRACE_LINE_BYTES]; /* of the last damage */
};

struct trace_source_form {
	/* No record of stream `index` is earlier than this. */
	uint64_t (*stream_start)(const struct trace_source *source, size_t index);
	/* Begin to read stream `index`, from its first record. NULL: out of memory. */
	struct trace_stream *(*stream_open)(struct trace_source *source, size_t index);
	/*
	 * The next records, at most TRACE_BATCH, at least one with TRACE_OK. Payloads are valid
	 * until the next call. TRACE_DAMAGED: none, and the source's message says what was skipped.
	 * TRACE_WAIT: none are there yet, and none that come are earlier than source->horizon.
	 */
	enum trace_status (*stream_read)(struct trace_stream *stream, struct trace_record *out,
					 size_t *out_count);
	void (*stream_close)(struct trace_stream *stream);
	void (*close)(struct trace_source *source);
};

#endif
