/* SPDX-License-Identifier: MIT */
/*
 * Exports: a trace in the form another program reads.
 *
 * A form is a function that reads the events it wants, as often as it wants, and writes them. What
 * all have in common is here: the trace, its symbols, which moment is meant, and what was damaged.
 */
#ifndef ALLOT_TOOLS_EXPORT_H
#define ALLOT_TOOLS_EXPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <allot/trace.h>

#include "stack_totals.h"
#include "symbols.h"

struct export {
	const char *command;
	const char *path;         /* of the trace */
	struct trace *trace;
	struct symbols *symbols;
	FILE *out;
	enum stack_moment moment; /* of what is live */
	uint64_t moment_time;
	const char *metric;       /* of enum stack_metric's names; never NULL */
	const char *pins_label;   /* how far pins are to be trusted; NULL: there are none */
	bool is_damaged;          /* something of the trace was lost, and was said to be */
	bool is_told;             /* further passes need not say it again */
};

/* Give every event of the trace to `take`, from the first on; false when it cannot be read. */
bool export_pass(struct export *export,
		 void (*take)(void *context, const struct trace_event *event), void *context);

/*
 * Totals of all stacks at the moment that is meant; finish them with stack_totals_finish(). False,
 * and said why, when there are none. With `has_pins`, rows of pins are among them, if the trace
 * tells where blocks lie: `pins_label` is set then.
 */
bool export_totals(struct export *export, bool has_pins, struct stack_totals *out_totals);

struct report_count;

/* Begin the ledger of the trace (report_count.h); it wants every event. False, and said: no
 * memory. */
bool export_ledger_init(const struct export *export, struct report_count *out_ledger);

/* What is counted of a stack; names are those of pprof's sample types. */
enum stack_metric {
	METRIC_ALLOC_OBJECTS,
	METRIC_ALLOC_SPACE,
	METRIC_INUSE_OBJECTS,
	METRIC_INUSE_SPACE,
	METRIC_SLACK_SPACE,
	METRIC_PINNED_SPACE,    /* free bytes on pages that its live blocks keep, its share */
	METRIC_EXCLUSIVE_PAGES, /* pages that its live blocks alone keep */
	METRIC_COUNT,
};

struct stack_metric_name {
	const char *name;
	const char *unit; /* "count" or "bytes" */
};
extern const struct stack_metric_name stack_metrics[METRIC_COUNT];

uint64_t stack_metric_value(const struct stack_row *row, enum stack_metric metric);

/* The one that `export->metric` names. */
enum stack_metric export_metric(const struct export *export);

/* A thread's name, or "thread 3" in `buffer`. */
enum { EXPORT_THREAD_BYTES = 32 };
const char *export_thread(const struct export *export, uint32_t thread,
			  char buffer[EXPORT_THREAD_BYTES]);

bool export_pprof(struct export *export);
bool export_folded(struct export *export);
bool export_massif(struct export *export);
bool export_heaptrack(struct export *export);
bool export_chrome(struct export *export);
bool export_openmetrics(struct export *export);
bool export_csv(struct export *export);
bool export_csv_ledger(struct export *export);
bool export_csv_stacks(struct export *export);
bool export_rep(struct export *export);
bool export_dhat(struct export *export);

/*
 * Serve the metrics of the trace at `path` over HTTP until interrupted. `address` is "PORT" or
 * "ADDRESS:PORT". A status to exit with.
 */
int export_serve(const char *command, const char *path, const char *address);

#endif
