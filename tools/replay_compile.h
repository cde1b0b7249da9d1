/* SPDX-License-Identifier: MIT */
/*
 * Replay, compiling: from a trace's events to the records that helpers replay.
 *
 * Twice through the trace. The first pass (replay_survey) tells how many blocks live at once, when
 * most is live and when each thread makes its last call; the second (replay_compiler) writes
 * records, in batches, to whoever takes them. Memory grows with what is live, not with the trace.
 *
 * What a recorded program wrote to its blocks is not in a trace, but each sample says which pages
 * were resident. For the payload `recorded` records are held back until the next sample has told
 * which pages of each large block were: what of them it wrote (replay_share.h) is written in the
 * replay as soon as the block is there.
 */
#ifndef ALLOT_TOOLS_REPLAY_COMPILE_H
#define ALLOT_TOOLS_REPLAY_COMPILE_H

#include <stdbool.h>

#include <allot/trace.h>

#include "replay_form.h"
#include "replay_share.h"

#define REPLAY_UNKNOWN UINT64_MAX

/* What a first pass tells. */
struct replay_survey {
	uint64_t events;           /* of all kinds */
	uint64_t operations;       /* calls that are replayed */
	uint64_t unknown_frees;    /* of blocks older than the recording: left out */
	uint64_t slot_count;       /* numbers are below */
	uint64_t live_bytes, live_bytes_peak;
	uint64_t live_peak_event;  /* the first after which that much is live, from 0 on */
	uint64_t samples;          /* of the recording */
	uint64_t samples_with_runs;
	uint64_t heap_bytes_peak;  /* resident bytes of the heap, the most at a sample with runs */
	uint64_t heap_peak_live_bytes; /* requested when it was at its peak */
	uint64_t time_end;
	uint64_t heap_time, heap_bytes; /* of the last sample with runs */
	uint64_t heap_time_first;
	double heap_area;          /* bytes times nanoseconds between these */
	/* Of each thread: its last event with a call. */
	uint64_t *thread_last;
	uint32_t thread_count, thread_capacity;
	bool is_out_of_memory;
};

void replay_survey_event(struct replay_survey *survey, const struct trace_event *event);
/* Resident bytes of the heap over time, by the samples with runs. */
double replay_survey_heap_mean(const struct replay_survey *survey);
void replay_survey_finish(struct replay_survey *survey);

/* A moment at which a helper looks at what is resident. */
struct replay_moment {
	uint64_t time_ns;
	uint64_t live_bytes;           /* requested */
	uint64_t heap_resident_bytes;  /* what the recording says, or REPLAY_UNKNOWN */
};

/* What a record that waited became, where that is more than one. */
struct replay_written {
	size_t at;               /* of the record, after its REPLAY_WIDE */
	size_t first, count;     /* in `pieces` */
};

/* Takes records; false: it takes no more, and compiling stops. */
typedef bool replay_take(void *context, const struct replay_record *records, size_t count);

struct replay_compiler {
	const struct replay_survey *survey; /* the caller's */
	enum replay_payload payload;
	uint64_t page_bytes;
	replay_take *take;
	void *context;
	uint64_t event_index;
	uint64_t stride;           /* a moment each so many events, beside those of the recording */
	uint64_t live_bytes;
	uint64_t clock_ms;         /* of the last REPLAY_CLOCK */
	uint32_t thread;
	struct replay_record *records;
	size_t count;
	struct replay_moment *moments;
	size_t moment_count, moment_capacity;
	/* For the payload `recorded`. */
	struct replay_large *large;
	size_t large_count, large_capacity;
	uint32_t *large_of;        /* by number: index in `large` + 1; 0: none */
	struct replay_share share;
	struct replay_written *written;
	size_t written_count, written_capacity;
	struct replay_record *pieces;
	size_t piece_count, piece_capacity;
	uint64_t unresolved;       /* blocks that no sample tells of */
	bool is_stopped;           /* `take` had enough */
};

/* False when there is no memory. */
bool replay_compiler_init(struct replay_compiler *compiler, const struct replay_survey *survey,
			  enum replay_payload payload, uint64_t page_bytes, replay_take *take,
			  void *context);
/* Moments there can be at most: what a helper must have room for. */
uint64_t replay_compiler_moments_max(const struct replay_compiler *compiler);
/* Compile the next event. False: it stopped. */
bool replay_compiler_event(struct replay_compiler *compiler, const struct trace_event *event);
/* Give out what is held back, with a last moment. False: it stopped. */
bool replay_compiler_end(struct replay_compiler *compiler);
void replay_compiler_finish(struct replay_compiler *compiler);

/* For the payload `recorded`, in replay_touch.c. The block's record was just written. */
void replay_large_allocate(struct replay_compiler *compiler, const struct trace_event *event,
			   uint64_t touched_bytes);
/* The block goes. Returns how much of it has been touched. */
uint64_t replay_large_free(struct replay_compiler *compiler, uint32_t number);
/* A sample says what is resident. */
void replay_large_sample(struct replay_compiler *compiler, const struct trace_sample *sample);
/* No sample will say: blocks that wait are taken to be written as others were. */
void replay_large_settle(struct replay_compiler *compiler);
/* Give out all records, those in `pieces` in the place of what they became of. */
void replay_written_take(struct replay_compiler *compiler);
/* Write a record. */
void replay_record_write(struct replay_compiler *compiler, enum replay_operation operation,
			 uint32_t number, uint64_t bytes);

#endif
