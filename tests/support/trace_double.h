/* SPDX-License-Identifier: MIT */
/*
 * A trace that is no file: events, frames and samples put together by a test.
 *
 * Who links it has the functions of allot/trace.h on these events instead of the reader's.
 * trace_open() takes the double that was set, whatever the path.
 */
#ifndef SUPPORT_TRACE_DOUBLE_H
#define SUPPORT_TRACE_DOUBLE_H

#include <allot/trace.h>

/* Make an empty trace that trace_open() gives until the next call; pages of 4096 bytes. */
struct trace *trace_double_begin(void);

/* What is said of it; to be changed as a test likes. */
struct trace_info *trace_double_info(struct trace *trace);

/* Add an event as it is; samples and their runs are copied. */
void trace_double_add(struct trace *trace, const struct trace_event *event);
/* What was read until here is followed by TRACE_DAMAGED with that text. */
void trace_double_damage(struct trace *trace, const char *text);
/* A frame called `name` (copied) with that caller; returns its number. */
uint32_t trace_double_frame(struct trace *trace, uint32_t parent, const char *name);

/* Short forms. */
void trace_double_allocate(struct trace *trace, uint64_t time, uint32_t number,
			   struct trace_block block);
void trace_double_free(struct trace *trace, uint64_t time, uint32_t number, uint32_t thread,
		       struct trace_block block);
void trace_double_map(struct trace *trace, uint64_t time, uint64_t address, uint64_t bytes,
		      enum trace_use use);
/* The sums of `sample` by use are made from its runs. */
void trace_double_sample(struct trace *trace, uint64_t time, struct trace_sample sample);

#endif
