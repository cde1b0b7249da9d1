/* SPDX-License-Identifier: MIT */
/*
 * Looking: the second time the events go by, now that it is known which moments matter.
 *
 * At moments all live blocks are laid out by address: pins and inspected pages. At columns, more of
 * them, only what the pages' counters and bits tell: the map and free space.
 */
#ifndef ALLOT_TOOLS_REPORT_LOOK_H
#define ALLOT_TOOLS_REPORT_LOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <allot/trace.h>

#include "report_gap.h"
#include "report_inspect.h"
#include "report_live.h"
#include "report_map.h"
#include "report_pin.h"
#include "report_point.h"

enum {
	REPORT_MOMENTS = 4,
};

struct report_moment {
	const char *key, *name;
	uint64_t ordinal;           /* of the event after which it is */
	struct report_point point;  /* the ledger then */
	struct report_pins pins;
	struct report_inspected inspected;
	struct report_gaps gaps;
	bool is_inspected;          /* wanted: `inspected` */
	bool is_made;
};

/* Start with report_look_init(), then set moments and columns, by ordinal. */
struct report_look {
	struct report_moment *moments;
	size_t moment_count;
	uint64_t columns[REPORT_MAP_COLUMNS];
	size_t column_count;
	struct report_gaps gaps[REPORT_MAP_COLUMNS];
	struct report_map map;
	/* As the events go by. */
	struct report_live live;
	struct report_pages pages;
	struct report_ranges ranges;
	uint64_t ordinal, tag_bytes;
	size_t moment, column; /* the next */
	size_t stack_count;
	bool is_short;
};

/* `seen` are the pages of the first time, which the map is laid over. False: no memory. */
bool report_look_init(struct report_look *look, const struct trace_info *info,
		      const struct report_pages *seen, size_t stack_count);
void report_look_free(struct report_look *look);
void report_look_take(struct report_look *look, const struct trace_event *event);
void report_moment_free(struct report_moment *moment);

#endif
