/* SPDX-License-Identifier: MIT */
/*
 * Replay on memory: what the helper's loop and its threads share. See replay_memory.c.
 */
#ifndef ALLOT_TOOLS_REPLAY_MEMORY_H
#define ALLOT_TOOLS_REPLAY_MEMORY_H

#include <stdbool.h>
#include <time.h>

#include "replay_form.h"

/* A block by its number. */
struct slot {
	void *block;  /* NULL: none */
	size_t bytes; /* requested */
};

/* Changed only by the thread whose turn it is. */
struct replayer {
	struct replay_head head;
	struct slot *slots;
	struct replay_sample *samples;
	uint64_t sample_count;
	uint64_t live_bytes;
	size_t page_bytes;
	/* Records that were read and not looked at yet. */
	struct replay_record *batch;
	const struct replay_record *at, *end;
	uint64_t upper;            /* of the next record's bytes */
	size_t align;
	size_t touch_from;         /* where the next REPLAY_TOUCH begins */
	bool is_peak;              /* the sample is of the most live bytes */
	bool has_peak;             /* the kernel has begun its high-water mark anew */
	int statm;                 /* /proc/self/statm */
	uint64_t resident_before, mapped_before;
	/* Of ours, resident since, and then part of resident_before: stacks. */
	uint64_t own_later_bytes, own_later_bytes_peak, own_later_faults;
	uint64_t cpu_start_ns, wall_start_ns;
	uint32_t turn_next;        /* thread that shall go on, */
	uint32_t thread_ended;     /* or that shall end; UINT32_MAX: none */
	struct replay_outcome outcome;
};

/* clock_gettime(2), the kernel's; and what the allocator is shown of its monotonic clocks. */
int replay_clock_real(clockid_t clock, struct timespec *out);
void replay_clock_set(uint32_t ms);

/* Make the calls of the batch. False: it stopped for another thread, see turn_next. */
bool replay_batch(struct replayer *r);

/* Read the next batch; false at the end. */
bool replay_refill(struct replayer *r);

/* Replay all of it with as many threads as the head says. */
void baton_replay(struct replayer *r);

#endif
