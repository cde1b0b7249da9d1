/* SPDX-License-Identifier: MIT */
/*
 * Top: a heap while its program runs. What is known of one process, and what is asked for.
 *
 * Events come from the raw file that the process writes (trace_follow()), and are counted by the
 * modules of the report. What the heap's blocks come to is exact; what is resident is the kernel's
 * figure at the last sample the process took of itself. Memory grows with what is live and with
 * stacks.
 */
#ifndef ALLOT_TOOLS_TOP_H
#define ALLOT_TOOLS_TOP_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <allot/trace.h>
#include <allot/trace_file.h>

#include "report_count.h"
#include "stack_totals.h"
#include "symbols.h"

enum {
	TOP_SECONDS = 60,      /* that are shown */
	TOP_NOTE_BYTES = 256,
};

/* How things stood at the end of a second of the recording. */
struct top_second {
	uint64_t second;       /* since the start, and 1; 0: nothing is known */
	uint64_t requested_bytes, resident_bytes;
	uint64_t minor_faults, major_faults;
	bool has_resident;
};

/* What is counted per second between two looks. */
struct top_rates {
	double events, allocations, frees, minor_faults, major_faults;
};

struct top_functions;

/* One process. Start with zeros. */
struct top_process {
	char path[PATH_MAX];       /* of its raw file */
	enum trace_follow_how how;
	struct trace *trace;       /* NULL: not open */
	const struct trace_info *info;
	struct trace_follow_state state;
	struct report_count count;
	struct stack_totals stacks;
	struct symbols *symbols;
	struct top_functions *functions;
	bool is_counting;          /* `count` is begun */
	bool is_over;              /* nothing more will come */
	bool is_all_read;
	struct top_second seconds[TOP_SECONDS]; /* by second, the oldest overwritten */
	struct trace_run *runs;    /* of the last sample that was kept */
	size_t run_count, run_room;
	uint64_t runs_time;
	uint64_t damages;          /* places in the trace that could not be read */
	char damage[TOP_NOTE_BYTES];
	/* Rates: between two looks at the clock. */
	uint64_t looked_ns, looked_events, looked_allocations, looked_frees;
	uint64_t looked_minor, looked_major;
	uint64_t *thread_allocations; /* by thread, at the last look */
	size_t thread_room;
	double *thread_rates;
	struct top_rates rates;
};

/* Begin to follow the raw file at `path`. False with a message. */
bool top_process_open(struct top_process *process, const char *path, enum trace_follow_how how,
		      char *message, size_t message_bytes);
void top_process_close(struct top_process *process);

/*
 * Take what has been written since, for at most `limit_ns` of time. `is_end`: the process has
 * ended. How many events that were; is_all_read is set at the end.
 */
size_t top_process_step(struct top_process *process, bool is_end, uint64_t limit_ns);

/* Work the rates out anew. Now and then, at even distances. */
void top_process_rate(struct top_process *process);

/* The second that is `ago` before the last; NULL: nothing is known. */
const struct top_second *top_process_second(const struct top_process *process, unsigned ago);

/* The ledger: of the last sample, or without residency if there was none. False: neither. */
bool top_process_ledger(const struct top_process *process, struct report_point *out);

/* CLOCK_MONOTONIC. */
uint64_t top_clock_ns(void);

/* What to look at first when figures may be wrong; "" when they are right. */
const char *top_process_warning(const struct top_process *process, char *text, size_t bytes);

/* How exact figures of blocks are: "exact", or an estimate. */
const char *top_process_label(const struct top_process *process);

#endif
