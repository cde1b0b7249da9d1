/* SPDX-License-Identifier: MIT */
/*
 * Comparing: two reports, term by term and stack by stack, B less A.
 *
 * Addresses and numbers of frames differ between runs and builds; stacks are the same when the
 * names of all their functions are.
 */
#ifndef ALLOT_TOOLS_REPORT_COMPARE_H
#define ALLOT_TOOLS_REPORT_COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report.h"

/* Live bytes of the stacks of one name, at the moment shown of each report. */
struct report_stack_pair {
	char *name; /* "inner < caller < ..." */
	uint64_t a, b;
	uint32_t frame; /* of A with that name; 0: A has none */
};

struct report_comparison {
	struct report_stack_pair *stacks; /* the largest difference first */
	size_t stack_count;
	size_t change_count;              /* of them, the first: those that differ */
};

/* False: no memory. Finish with report_compare_free() in either case. */
bool report_compare(struct report_comparison *out, const struct report *a, const struct report *b);
void report_compare_free(struct report_comparison *comparison);

/* The ledger's term, or with REPORT_TERMS the resident bytes, at the moment shown. */
uint64_t report_compare_term(const struct report *report, int term);

/* b less a, of a metric that both know. False: one does not. */
bool report_compare_metric(const struct report *a, const struct report *b, size_t index,
			   double *out_difference);

#endif
