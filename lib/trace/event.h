/* SPDX-License-Identifier: MIT */
/*
 * Events: what readers are told, made of a record and of the blocks there are.
 *
 * A record may contradict what is live: then nothing changes, and the caller (trace/merge.c) is
 * told what is missing.
 */
#ifndef TRACE_EVENT_H
#define TRACE_EVENT_H

#include "trace/live.h"
#include "trace/record.h"

struct events {
	struct live_table live;
	uint64_t ns_per_unit;   /* times 2^32 */
	uint64_t unit, unit_ns; /* the last time converted */
	uint64_t time;          /* of the last event, ns */
};

enum event_verdict {
	EVENT_HAPPENED,
	EVENT_INSERTED,   /* another one had to come first */
	EVENT_NOT_YET,    /* what it frees is not live */
	EVENT_IMPOSSIBLE, /* what it was handed out is live */
	EVENT_NO_MEMORY,
};

bool events_init(struct events *events, uint64_t ns_per_unit);
void events_finish(struct events *events);

/*
 * The event of `record`; out->thread is the caller's. Forced: what it frees need not be live.
 */
enum event_verdict event_make(struct events *events, const struct trace_record *record,
			      struct trace_event *out, bool is_forced);

/* The event that the live block at `address` was freed, which nobody recorded. */
void event_make_free(struct events *events, uint64_t address, struct trace_event *out);

#endif
