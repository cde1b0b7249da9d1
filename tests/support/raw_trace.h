/* SPDX-License-Identifier: MIT */
/*
 * Raw traces made by hand, as lib/trace/raw.h describes them: record by record, or a whole program
 * drawn at random together with what its trace must say.
 *
 *	struct raw_trace *raw = raw_trace_create();
 *	raw_trace_allocate(raw, 0, 1000, &(struct raw_block){.address = 0x10000, .bytes = 24});
 *	raw_trace_free(raw, 0, 2000, 0x10000);
 *	raw_trace_write(raw, path);
 *	raw_trace_destroy(raw);
 *
 * Ticks are nanoseconds, from 0 on, and kept in units of 64. Wherever there is not enough memory
 * the program aborts: this is for tests.
 */
#ifndef SUPPORT_RAW_TRACE_H
#define SUPPORT_RAW_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <allot/trace.h>

#include "trace/raw.h"

struct raw_trace;

/* What is allocated. Zero: nothing of it; usable_bytes is never less than bytes. */
struct raw_block {
	uint64_t address, bytes, usable_bytes;
	uint32_t stack;
	uint8_t place, call, align_log2;
};

/* A trace of nothing. Its header may be changed until it is written. */
struct raw_trace *raw_trace_create(void);
void raw_trace_destroy(struct raw_trace *raw);
struct raw_header *raw_trace_header(struct raw_trace *raw);

/*
 * Records of `stream`, whose ticks never go back; its thread is the one of its number. A record
 * that does not fit goes into a new slot.
 */
void raw_trace_allocate(struct raw_trace *raw, uint32_t stream, uint64_t ticks,
			const struct raw_block *block);
void raw_trace_resize(struct raw_trace *raw, uint32_t stream, uint64_t ticks, uint64_t old_address,
		      const struct raw_block *block);
void raw_trace_free(struct raw_trace *raw, uint32_t stream, uint64_t ticks, uint64_t address);
void raw_trace_fail(struct raw_trace *raw, uint32_t stream, uint64_t ticks, uint64_t bytes);
void raw_trace_pages(struct raw_trace *raw, uint32_t stream, uint64_t ticks,
		     enum trace_pages_kind kind, enum trace_use use, uint64_t address,
		     uint64_t bytes, uint64_t old_address);
void raw_trace_frame(struct raw_trace *raw, uint32_t stream, uint32_t frame, uint32_t parent,
		     uint64_t address);
void raw_trace_module(struct raw_trace *raw, uint32_t stream, uint64_t ticks,
		      const struct raw_module *module, const char *path);
/* From here on the stream is of another thread. */
void raw_trace_thread(struct raw_trace *raw, uint32_t stream, uint64_t ticks, uint32_t thread,
		      const char *name);
void raw_trace_mark(struct raw_trace *raw, uint32_t stream, uint64_t ticks, const char *text);
/* In as many pieces as its runs need. */
void raw_trace_sample(struct raw_trace *raw, uint32_t stream, uint64_t ticks,
		      const struct trace_sample *sample);
/* A record in words, for what none of these makes. */
void raw_trace_words(struct raw_trace *raw, uint32_t stream, const uint64_t *words, size_t count);

/* End the slot of `stream`: it is FULL, and the next record begins another. */
void raw_trace_slot_end(struct raw_trace *raw, uint32_t stream);

/* The file's content; valid until the trace is changed. */
const void *raw_trace_bytes(const struct raw_trace *raw, size_t *out_bytes);
bool raw_trace_write(const struct raw_trace *raw, const char *path);

/* ---- programs drawn at random ------------------------------------------------------------- */

struct raw_program {
	uint64_t seed;
	uint32_t streams;      /* at least 1 */
	size_t event_count;
	size_t live_blocks;    /* about so many */
	uint32_t frames;       /* of stacks; 0: none */
	bool has_rare;         /* samples, marks, modules, pages, failures, wide sizes, threads */
	/* Clocks are read only so often: in turns of 1 to this many records; 1: each time. */
	uint32_t coarseness;
	bool is_oldest_freed; /* else any block */
	bool is_reused_late;  /* addresses; else those that came back last are handed out first */
};

/*
 * A trace of it. `*out_events`, the caller's to free, is what happened, in this order: kind,
 * thread, the block's address, bytes, usable_bytes and stack; of a resize, the old address; nothing
 * else.
 */
struct raw_trace *raw_trace_draw(const struct raw_program *program,
				 struct trace_event **out_events);

#endif
