/* SPDX-License-Identifier: MIT */
/*
 * A report: all that is made out about a trace, before it is shown as text, JSON or HTML.
 *
 * It is made in two readings of the trace: report_count.h, then report_look.h at the moments that
 * turned out to matter. What residency was not recorded for is labelled n/a or an estimate.
 */
#ifndef ALLOT_TOOLS_REPORT_H
#define ALLOT_TOOLS_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <allot/trace.h>

#include "report_count.h"
#include "report_look.h"

enum {
	REPORT_METRICS = 48,
	REPORT_ADVICE = 7,
	REPORT_DAMAGES = 16, /* kept of what was damaged; more are counted */
	REPORT_POINTS_SHOWN = 1000,
	REPORT_SENTENCE_BYTES = 512,
	REPORT_TEXT_BYTES = 320,
};

/* One figure. */
struct report_metric {
	const char *key, *name;
	const char *unit;    /* "bytes", "ratio", "share", "count", "ns"; "points" of shares */
	const char *label;   /* "exact", "measured", ... */
	const char *formula;
	const char *source;  /* whose definition it is */
	double value;
	bool is_known;
};

struct report_advice {
	const char *title;
	char observation[REPORT_TEXT_BYTES];
	const char *view;
	char action[REPORT_TEXT_BYTES];
	char conf[REPORT_TEXT_BYTES]; /* "" : none */
	const char *risk;
	/* Only what a replay came to. */
	bool has_effect;
	const char *effect_metric, *effect_unit, *effect_label;
	double before, after;
	bool has_bounds;              /* of `after`, by what the program writes to its blocks */
	double after_low, after_high;
	bool is_uncertain;            /* they do not tell whether it is better */
	double weight;                /* bytes it is about: the order */
};

struct report_names;
struct report_what_if;
struct report_comparison;

/* Start with zeros. */
struct report {
	const char *path;
	struct trace *trace;
	const struct trace_info *info;
	struct report_count count;
	struct report_look look;
	struct report_series *series;          /* of `count`, the one with residency if any has */
	bool has_residency;
	bool has_stacks;
	size_t peak_index, worst_index, end_index; /* in `series` */
	struct report_moment moments[REPORT_MOMENTS];
	size_t moment_count;
	struct report_moment *shown;           /* whose pins and pages are shown */
	struct report_metric metrics[REPORT_METRICS];
	size_t metric_count;
	struct report_advice advice[REPORT_ADVICE];
	size_t advice_count;
	char sentence[REPORT_SENTENCE_BYTES];
	char *damages[REPORT_DAMAGES];
	size_t damage_count;                   /* of all */
	struct report_names *names;            /* of functions */
	struct report_what_if *what_if;        /* NULL: no replay was given */
	/* NULL: compared with nothing. The report's user makes and frees these. */
	const struct report *other;
	const struct report_comparison *comparison;
};

struct report_options {
	const char *trace_path;
	const char *replay_path; /* or NULL */
	const char *at;          /* "peak", "worst", "end" or seconds; NULL: peak */
};

/*
 * Read and analyse. False with one line in `message` when there is nothing to report. The report is
 * finished with report_free() in either case; `options` must outlive it.
 */
bool report_make(struct report *report, const struct report_options *options, char *message,
		 size_t message_bytes);
void report_free(struct report *report);

/* STATUS_OK, or STATUS_DAMAGED when not all of the trace could be read. */
int report_exit_status(const struct report *report);

/* The schema allot.report/1. False: it could not all be written. */
bool report_write_json(FILE *out, const struct report *report);

/* One screen. `top` rows of pins; plain: without colours, bars in ASCII. */
void report_write_text(const struct report *report, size_t top, bool is_plain);

/* The metric with that key, or NULL. */
const struct report_metric *report_metric_find(const struct report *report, const char *key);

/* The value with its unit, "12.3 MB", "41.2 %"; n/a when unknown. Returns `text`. */
const char *report_value_text(char *text, size_t bytes, double value, const char *unit);
/* Replace what a terminal would obey by '?': names and commands are the recorded program's. */
char *report_printable(char *text);
const char *report_metric_text(char *text, size_t bytes, const struct report_metric *metric);

/* In report_metric.c and report_advice.c: parts of report_make(). */
void report_metrics_make(struct report *report);
/* Does the trace lack events, so that nothing counted from it is exact? */
bool report_has_gaps(const struct report *report);
void report_advice_make(struct report *report);

#endif
