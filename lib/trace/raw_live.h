/* SPDX-License-Identifier: MIT */
/*
 * Raw live: a source of what a process writes at this moment.
 *
 * A look at the file (raw_live_step) notes the time, then which slots are in use, and gives them to
 * their streams in order. A stream reads its slots word by word as far as they are written; where
 * nothing more is there it says so, and that what comes will be later than the time noted: all that
 * was written before was there to be found. So the merge can go on up to that time.
 */
#ifndef TRACE_RAW_LIVE_H
#define TRACE_RAW_LIVE_H

#include "trace/raw_slots.h"
#include "trace/record.h"

/* NULL with a message. */
struct trace_source *raw_live_open(const char *path, bool is_reader, char *message,
				   size_t message_bytes);

/* Is `source` one of these? */
bool raw_live_is(const struct trace_source *source);

/* Look at the file; stream_count may be more afterwards. False: out of memory. */
bool raw_live_step(struct trace_source *source, bool is_end);

/* Was a look the last one? */
bool raw_live_is_ended(const struct trace_source *source);

/* Are events missing? */
bool raw_live_has_gaps(const struct trace_source *source);

struct trace_follow_state;
void raw_live_state(const struct trace_source *source, struct trace_follow_state *out);

#endif
