/* SPDX-License-Identifier: MIT */
/*
 * Raw live, inside: what looking at the file (raw_live.c) and reading it (raw_live_read.c) share.
 *
 * Looking gives slots to streams; reading takes them from there, and back to the process.
 */
#ifndef TRACE_RAW_LIVE_INSIDE_H
#define TRACE_RAW_LIVE_INSIDE_H

#include "trace/raw_decode.h"
#include "trace/raw_live.h"

enum { LIVE_THREADS_MAX = 1 << 20 };

/* A slot that a stream has not read to its end. */
struct live_slot {
	uint64_t order;
	uint32_t index;
};

struct live_stream {
	struct trace_stream stream; /* what the merge has */
	struct live_slot *slots;    /* in order; those before `next` are done */
	size_t next, count, capacity;
	uint64_t first_units;       /* time of the first slot */
	struct raw_decoder decoder;
	uint64_t *words;            /* the slot being read; NULL: none */
	bool is_begun, is_last_copy; /* the slot was full when it was copied */
	uint64_t looked;            /* source->horizon when nothing was found */
};

struct raw_live {
	struct trace_source source;
	struct raw_slots slots;
	struct raw_listener listener;
	struct live_stream **streams; /* by number */
	size_t stream_capacity;
	uint64_t *known;              /* by slot: its order and 1, of what was found there last */
	size_t known_count;
	uint32_t settled;             /* without a reader: slots before it are full and known */
	uint64_t waiting_slots;
	uint64_t found_slots, order_end, order_first;
	uint64_t skipped_events, spoilt_slots;
	uint64_t heard_frames;
	bool is_behind, is_end, is_filled;
};

static inline struct raw_live *raw_live_of(const struct trace_source *source)
{
	return (struct raw_live *)(uintptr_t)source;
}

/* Numbers of frames that are believed: a damaged one must not cost memory. */
static inline uint64_t raw_live_frame_limit(const struct raw_live *live)
{
	/* Threads may name frames that another's records, not read yet, make known. */
	enum { FRAMES_AHEAD = 1 << 20 };

	return live->heard_frames * 2 + FRAMES_AHEAD;
}

/* Read of a stream, as trace_source_form.stream_read. */
enum trace_status raw_live_read(struct trace_stream *of, struct trace_record *out,
				size_t *out_count);

#endif
