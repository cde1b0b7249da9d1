/* SPDX-License-Identifier: MIT */
/*
 * The commands that report on traces: options, statuses, examples and words.
 */
#include <stddef.h>

#include "command.h"

#define AT_OPTION \
	{ .name = "at", .value = "MOMENT", \
	  .help = "the moment whose pages are looked into: peak (default), worst, end, or " \
		  "seconds since the start" }
#define REPLAY_OPTION \
	{ .name = "replay", .value = "FILE", \
	  .help = "what `allot replay --json` wrote of the same trace: the what-if table, and " \
		  "with --vm what frames and TLBs make of it" }
#define FAIL_OPTION(what) \
	{ .name = "fail-on", .value = "METRIC>VALUE", .help = what }
#define PLAIN_OPTION \
	{ .name = "plain", .help = "no colours, and bars in ASCII" }
#define JSON_OPTION \
	{ .name = "json", \
	  .help = "write JSON; its \"schema\" member names and numbers the form" }

static const struct command_option report_options[] = {
	REPLAY_OPTION,
	{ .name = "compare", .value = "TRACE",
	  .help = "another trace, B, to set beside this one: terms, figures and stacks, B less A; "
		  "for --html and --json (allot diff shows it on a terminal)" },
	AT_OPTION,
	JSON_OPTION,
	{ .name = "html", .value = "FILE",
	  .help = "write everything as one page for a browser, which needs no network" },
	{ .name = "force", .letter = 'f', .help = "overwrite the file of --html" },
	FAIL_OPTION("end with status 3 when the metric stands so; operators are > >= < <=, numbers "
		    "may end in k, m, g or %; may be repeated"),
	{ .name = "top", .value = "COUNT", .help = "rows of who pins pages: 5 unless given" },
	PLAIN_OPTION,
	{ .name = "help", .help = "show this help" },
	{ .name = NULL },
};

static const struct command_note report_statuses[] = {
	{ "0", "done" },
	{ "1", "failed: the trace cannot be read at all, or a file not be written" },
	{ "2", "wrong usage, a metric that is not there or not known among it" },
	{ "3", "a threshold of --fail-on tripped" },
	{ "4", "the trace is damaged: what is readable was used, the rest is named" },
	{ NULL, NULL },
};

static const struct command_note report_examples[] = {
	{ "allot report app.allot", "one screen: where the resident memory went" },
	{ "allot report --html report.html app.allot", "everything, to look into" },
	{ "allot report --compare after.allot --html report.html before.allot",
	  "the same with another run beside it, and stacks coloured by the difference" },
	{ "allot report --fail-on 'peak_rss>200m' app.allot", "a build that grew too fat fails" },
	{ NULL, NULL },
};

const struct command command_report = {
	.name = "report",
	.operands = "TRACE",
	.summary = "say where the resident memory of a recorded program went",
	.paragraphs = (const char *const[]){
		"TRACE is what `allot record` or the option trace wrote, or another program's: "
		"CSAPP's .rep, mtrace, heaptrack. Resident is the kernel's figure for the heap's "
		"pages; the ledger's terms sum to it: requested + rounding + tags + pinned free + "
		"reclaimable + metadata + recorder - untouched. Pinned are free bytes on pages "
		"that hold a live byte; reclaimable are resident pages without one.",
		"Of each stack the report says what its blocks pin, and what freeing all of them "
		"returns: the pages on which no other stack has a live byte.",
		"Every figure is labelled: exact, measured, an estimate with its method, or n/a. "
		"The trace is read twice; memory grows with what is live.",
		NULL },
	.options = report_options,
	.statuses = report_statuses,
	.examples = report_examples,
	.next = "allot report TRACE",
	.usage_status = STATUS_USAGE,
	.run = report_main,
};

static const struct command_option diff_options[] = {
	AT_OPTION,
	JSON_OPTION,
	FAIL_OPTION("end with status 3 when the metric's change from A to B stands so: "
		    "'peak_rss>5m' is 5 MiB more"),
	{ .name = "top", .value = "COUNT", .help = "rows of stacks: 10 unless given" },
	PLAIN_OPTION,
	{ .name = "help", .help = "show this help" },
	{ .name = NULL },
};

static const struct command_note diff_examples[] = {
	{ "allot diff before.allot after.allot", "what grew, and which code holds it" },
	{ "allot diff --fail-on 'peak_requested>1m' a.allot b.allot",
	  "fail when a change costs a MiB" },
	{ NULL, NULL },
};

const struct command command_diff = {
	.name = "diff",
	.operands = "A B",
	.summary = "compare two traces: the ledger, metrics and stacks, with signs",
	.paragraphs = (const char *const[]){
		"Everything is B less A, at the same moment of each (its peak, unless --at says "
		"otherwise). Stacks are matched by the names of their functions, so two builds of "
		"a program can be compared.",
		NULL },
	.options = diff_options,
	.statuses = report_statuses,
	.examples = diff_examples,
	.next = "allot diff A B",
	.usage_status = STATUS_USAGE,
	.run = diff_main,
};

static const struct command_option advise_options[] = {
	REPLAY_OPTION,
	JSON_OPTION,
	{ .name = "help", .help = "show this help" },
	{ .name = NULL },
};

static const struct command_note advise_examples[] = {
	{ "allot advise --replay replay.json app.allot",
	  "a line of ALLOT_CONF, and what it brought in a replay" },
	{ NULL, NULL },
};

const struct command command_advise = {
	.name = "advise",
	.operands = "TRACE",
	.summary = "say what to change, and what the change brought in a replay",
	.paragraphs = (const char *const[]){
		"With --replay, the first line on standard output is ready for a shell: "
		"ALLOT_CONF=..., the configuration that was replayed with the least peak RSS, when "
		"that is less than the recorded one's by more than both spread, and for certain: "
		"whatever the program writes to its blocks. Without a replay nothing is promised.",
		NULL },
	.options = advise_options,
	.statuses = report_statuses,
	.examples = advise_examples,
	.next = "allot advise --replay FILE TRACE",
	.usage_status = STATUS_USAGE,
	.run = advise_main,
};
