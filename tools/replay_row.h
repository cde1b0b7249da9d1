/* SPDX-License-Identifier: MIT */
/*
 * Replay, rows: a configuration, and what the replay on it came to.
 *
 * A row has no pointers, for a worker hands it over in shared memory as it is.
 */
#ifndef ALLOT_TOOLS_REPLAY_ROW_H
#define ALLOT_TOOLS_REPLAY_ROW_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "replay_form.h"

/* What a row has figures of. */
enum replay_column {
	REPLAY_PEAK_RSS,
	REPLAY_PEAK_RSS_AT_SAMPLES, /* where the recording was sampled: what compares with it */
	REPLAY_MEAN_RSS,
	REPLAY_U,
	REPLAY_REALIZED,
	REPLAY_INTERNAL_SHARE,
	REPLAY_PINNED_SHARE,
	REPLAY_MINOR_FAULTS,
	REPLAY_MAJOR_FAULTS,
	REPLAY_TLB_MISS_SHARE,
	REPLAY_OPERATIONS_PER_S,
	REPLAY_P99_NS,
	REPLAY_CPU_NS,
	REPLAY_COLUMNS,
};

enum replay_better { REPLAY_BETTER_NONE, REPLAY_BETTER_LESS, REPLAY_BETTER_MORE };

struct replay_column_text {
	const char *key, *name, *unit, *label;
	enum replay_better better;
	const char *meaning; /* with its formula: a sentence without a full stop */
};
extern const struct replay_column_text replay_columns[REPLAY_COLUMNS];

enum replay_row_kind {
	REPLAY_ROW_RECORDING, /* no replay: what the recording itself says */
	REPLAY_ROW_ALLOT,     /* liballot.so preloaded, with `conf` */
	REPLAY_ROW_LIBRARY,   /* `library` preloaded; the C library's when that is empty */
	REPLAY_ROW_MODEL,     /* a heap of `conf` on the memory machine */
	REPLAY_ROW_LOOP,      /* no allocator: what replaying itself takes */
};

struct replay_value {
	double value, spread; /* spread: half of what rounds lie apart */
	double low, high;     /* bounds, where has_bounds */
	bool is_known, has_spread, has_bounds;
};

enum {
	REPLAY_POINTS_MAX = 1000,
	REPLAY_TEXT_BYTES = 256,
};

struct replay_row {
	unsigned index;            /* among all of a run, shards or not */
	enum replay_row_kind kind;
	char name[REPLAY_TEXT_BYTES];
	char strategy[REPLAY_NAME_BYTES];
	char conf[REPLAY_CONF_BYTES];
	char library[PATH_MAX];
	bool is_recorded;          /* of the configuration the trace was recorded with */
	char status[REPLAY_TEXT_BYTES]; /* "ok", or what went wrong */
	struct replay_value values[REPLAY_COLUMNS];
	uint64_t by_reason[REPLAY_SPACES][REPLAY_REASONS_MAX]; /* model: faults */
	uint64_t pages_compared, pages_different, kernel_faults; /* model, against the kernel */
	bool is_live_exact;        /* live bytes were those of the trace at every moment */
	uint64_t moments;
	struct replay_lab lab;     /* model, when asked for */
	uint32_t point_count;
	uint64_t time_ns[REPLAY_POINTS_MAX];
	uint64_t rss_bytes[REPLAY_POINTS_MAX];
};

/* Everything of a run that is not in a row. */
struct replay_run {
	char trace[PATH_MAX];
	char command[REPLAY_CONF_BYTES];
	char format[REPLAY_NAME_BYTES];
	char strategy[REPLAY_NAME_BYTES]; /* recorded, or empty */
	uint64_t events, operations, live_bytes_peak, threads, samples, duration_ns, unknown_frees;
	char damaged[REPLAY_TEXT_BYTES]; /* empty when nothing is */
	char payload[REPLAY_NAME_BYTES];
	char tlb[REPLAY_NAME_BYTES];
	uint64_t rounds, jobs;
	double loop_ns_per_operation;    /* of the loop itself; 0: not measured */
	struct replay_row **rows;
	size_t row_count;
};

/* A row more, zeroed, at the end. NULL when there is no memory. */
struct replay_row *replay_run_add(struct replay_run *run);
void replay_run_finish(struct replay_run *run);

/* Was everything replayed? */
bool replay_row_is_ok(const struct replay_row *row);

#endif
