/* SPDX-License-Identifier: MIT */
/*
 * Traces as temporary files, and what differs between events.
 */
#ifndef SUPPORT_TRACE_FILE_H
#define SUPPORT_TRACE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include <allot/trace.h>

struct raw_trace;

enum { TRACE_PATH_BYTES = 128 };

/* A name for a file that is not there yet; the caller removes it. */
void trace_path_make(char out_path[TRACE_PATH_BYTES], const char *end);

/* The bytes of a file, for the caller to free; it is removed. Aborts where it cannot be read. */
unsigned char *trace_file_take(const char *path, size_t *out_count);

/* The trace of a file of these bytes, which is gone from the folder already; aborts without one. */
struct trace *trace_of_bytes(const void *bytes, size_t count);
struct trace *trace_of_raw(const struct raw_trace *raw);
/* The same, but NULL if it cannot be opened. */
struct trace *trace_try_bytes(const void *bytes, size_t count, char *message,
			      size_t message_bytes);

/*
 * What differs between an event and what raw_trace_draw() said it must be, in a trace of `streams`
 * streams; or NULL.
 */
const char *event_difference(const struct trace_event *event, const struct trace_event *drawn,
			     uint32_t streams);

/* What differs between two events that must be equal in everything; or NULL. */
const char *event_unequal(const struct trace_event *a, const struct trace_event *b);

#endif
