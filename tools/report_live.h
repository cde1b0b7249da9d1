/* SPDX-License-Identifier: MIT */
/*
 * Live blocks: all of them at one moment, by number while events go by, by address when asked.
 */
#ifndef ALLOT_TOOLS_REPORT_LIVE_H
#define ALLOT_TOOLS_REPORT_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <allot/trace.h>

struct report_live_slot {
	struct trace_block block;
	bool is_live;
};

/* Start with zeros. */
struct report_live {
	struct report_live_slot *slots; /* index: the number of events */
	size_t slot_count, count;
	bool is_short;                  /* no memory: blocks are missing */
};

/* A live block in the order of addresses. */
struct report_live_entry {
	uint64_t begin, end;
	const struct trace_block *block;
};

void report_live_take(struct report_live *live, const struct trace_event *event);
void report_live_free(struct report_live *live);

/*
 * All live blocks by the address they begin at, in an array of live->count the caller frees; valid
 * until the next event. NULL: no memory.
 */
struct report_live_entry *report_live_sorted(const struct report_live *live, uint64_t tag_bytes,
					     uint64_t page_bytes);

#endif
