/* SPDX-License-Identifier: MIT */
/*
 * Thresholds: --fail-on 'peak_rss>200m', for those who watch a figure from build to build.
 *
 * The name is a metric's key. Operators are > >= < <=. A number may end in k, m or g (powers of
 * 1024) or in %; shares are compared as shares, so 20% and 0.2 are one threshold.
 */
#ifndef ALLOT_TOOLS_REPORT_FAIL_H
#define ALLOT_TOOLS_REPORT_FAIL_H

#include <stdbool.h>
#include <stddef.h>

#include "report.h"

enum {
	REPORT_FAIL_NAME_BYTES = 48,
	REPORT_FAILS = 32, /* thresholds on one command line */
};

enum report_fail_operator {
	REPORT_FAIL_MORE,
	REPORT_FAIL_AT_LEAST,
	REPORT_FAIL_LESS,
	REPORT_FAIL_AT_MOST,
};

/* It trips when the metric stands so to the value. */
struct report_fail {
	const char *text; /* as it was written */
	char name[REPORT_FAIL_NAME_BYTES];
	enum report_fail_operator operator;
	double value;
};

/* Read one threshold; `text` must outlive it. False with one line in `message`. */
bool report_fail_parse(struct report_fail *out, const char *text, char *message,
		       size_t message_bytes);

bool report_fail_trips(const struct report_fail *fail, double value);

/*
 * Hold the thresholds against a report, and write a line to standard error for each that trips.
 * STATUS_OK, STATUS_THRESHOLD, or STATUS_USAGE when a metric is not there or unknown.
 */
int report_fails_check(const struct report_fail *fails, size_t count, const struct report *report,
		       const char *command);

#endif
