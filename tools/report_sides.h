/* SPDX-License-Identifier: MIT */
/*
 * A report, or two that are compared: from the traces on the command line to the exit status, for
 * the commands that show them. Also the options these commands share.
 */
#ifndef ALLOT_TOOLS_REPORT_SIDES_H
#define ALLOT_TOOLS_REPORT_SIDES_H

#include "argument.h"
#include "report.h"
#include "report_compare.h"
#include "report_fail.h"

struct report_sides {
	struct report a, b;
	struct report_comparison comparison;
	bool has_b; /* else a alone */
};

/* Thresholds, as they come with --fail-on. */
struct report_fails {
	struct report_fail all[REPORT_FAILS];
	size_t count;
};

/*
 * Make the report, and that of `b` with the comparison unless `b` is NULL. What is damaged is said
 * on standard error under the command's name. NULL: it cannot be, which was said as well. The
 * caller frees it with report_sides_free(), which takes NULL.
 */
struct report_sides *report_sides_make(const struct report_options *a,
				       const struct report_options *b, const char *command);
void report_sides_free(struct report_sides *sides);

/* The worse of `status` and what the traces come to: see report_exit_status(). */
int report_sides_exit_status(const struct report_sides *sides, int status);

/* The numbers of --top, up to `most`, and the threshold of --fail-on. False: refused. */
bool report_take_top(struct argument_scan *scan, size_t most, size_t *out);
bool report_take_fail(struct argument_scan *scan, struct report_fails *fails);

#endif
