/* SPDX-License-Identifier: MIT */
/*
 * Merge: one stream of events of the streams of a source, and the blocks they are about.
 *
 * Records are taken by time, and by the number of the stream where times are equal. But clocks are
 * coarse and are read beside the act, so times alone may say what cannot have been:
 *
 *   - an address cannot be handed out while it is live: the stream whose record says so waits until
 *     another gives that address back;
 *   - nothing is freed that was not handed out: such a stream waits until another was handed it,
 *     though not for long, for the block may be older than the recording.
 *
 * A waiting stream keeps its own order, and takes no memory but its batch. It waits for a bounded
 * time of the recording, or until no other can go on. Then what must have happened is put in:
 * the free of a block whose address is handed out again. Events so ordered or made are counted.
 */
#ifndef TRACE_MERGE_H
#define TRACE_MERGE_H

#include "trace/event.h"
#include "trace/record.h"

struct merge_lane;

struct merge {
	struct trace_source *source;
	struct events events;
	struct merge_lane *lanes; /* one a stream */
	size_t lane_count;
	uint32_t *ready;          /* lanes not waiting: a heap, the next one first */
	size_t ready_count;
	uint32_t *waiting;
	size_t waiting_count;
	uint64_t deadline;        /* the earliest of those waiting */
	struct merge_lane *current; /* taken off the heap, or NULL */
	uint64_t limit_time;      /* how far it may go, */
	uint32_t limit_lane;      /* for this is the next */
	uint64_t repaired;
	bool is_hasty;            /* events are missing, so nobody waits for one */
};

/* Begin with the first record of `source`, which stays the caller's. False: out of memory. */
bool merge_init(struct merge *merge, struct trace_source *source);
void merge_finish(struct merge *merge);

/* The source has more streams, or knows its clock better. False: out of memory. */
bool merge_grow(struct merge *merge);

/* As trace_next(). */
enum trace_status merge_next(struct merge *merge, struct trace_event *out);

#endif
