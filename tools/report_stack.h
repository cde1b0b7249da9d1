/* SPDX-License-Identifier: MIT */
/*
 * Stacks of a report: what each comes to, in all the ways it can be weighed.
 */
#ifndef ALLOT_TOOLS_REPORT_STACK_H
#define ALLOT_TOOLS_REPORT_STACK_H

#include <stddef.h>
#include <stdint.h>

#include "report.h"

enum report_stack_metric {
	REPORT_STACK_LIVE,        /* requested bytes at the moment shown */
	REPORT_STACK_TOTAL,       /* of all allocations */
	REPORT_STACK_ALLOCATIONS,
	REPORT_STACK_TEMPORARY,
	REPORT_STACK_ROUNDING,    /* at the moment shown */
	REPORT_STACK_PINNED,      /* at the moment shown */
	REPORT_STACK_PEAK,        /* the stack's own */
	REPORT_STACK_END,
	REPORT_STACK_METRICS,
};

struct report_stack_text {
	const char *key, *name;
	bool is_of_moment;
};
extern const struct report_stack_text report_stack_texts[REPORT_STACK_METRICS];

struct report_stack_row {
	uint32_t frame; /* the trace's number */
	uint64_t values[REPORT_STACK_METRICS];
};

enum {
	REPORT_STACKS_SHOWN = 3000,
};

/*
 * The heaviest stacks, the others counted for their callers; in an array the caller frees. NULL: no
 * memory.
 */
struct report_stack_row *report_stacks_make(const struct report *report, size_t *out_count);

#endif
