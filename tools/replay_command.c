/* SPDX-License-Identifier: MIT */
/*
 * `allot replay` in the table of commands: options, statuses, examples and words.
 */
#include <stddef.h>

#include "command.h"

static const struct command_option replay_options[] = {
	{ .name = "strategy", .value = "LIST",
	  .help = "rows, separated by commas: a strategy by itself (front:off), recorded, "
		  "default, glibc, or all for each strategy with each of its policies" },
	{ .name = "conf", .value = "KEY:VALUE,...",
	  .help = "a row more: allot with these keys of allot.conf(5); may be repeated" },
	{ .name = "with", .value = "NAME=LIB",
	  .help = "a row more: another allocator, a library to preload; may be repeated" },
	{ .name = "on", .value = "MACHINE",
	  .help = "memory (default): the real one; model: the memory machine, exactly" },
	{ .name = "payload", .value = "WHAT",
	  .help = "what the program wrote to its blocks: none, first (a byte each), all (every "
		  "page), recorded (as samples show, the default where there are any)" },
	{ .name = "tlb", .value = "NAME",
	  .help = "the TLB of the model, one of allot vm tlb (default: skylake)" },
	{ .name = "rounds", .value = "N",
	  .help = "how often each row is replayed on memory: 3; and twice more for its bounds" },
	{ .name = "jobs", .value = "N",
	  .help = "rows at a time: 1; more disturb each other's times, not their memory" },
	{ .name = "limit", .value = "SECONDS",
	  .help = "a round that takes longer is given up: 120" },
	{ .name = "shard", .value = "I/N",
	  .help = "only every N-th row, from the I-th on, for machines that share the work" },
	{ .name = "merge", .help = "join the JSON of shards, which are then the operands" },
	{ .name = "verify",
	  .help = "on the model: compare it with the kernel at every sample, and count faults" },
	{ .name = "vm",
	  .help = "on the model: analyse the accesses: faults by frames, policies, TLBs, working "
		  "sets; into the JSON as \"vm\", in short below the table; takes two or three "
		  "times as long, and up to 400 MiB" },
	{ .name = "json", .help = "write JSON; its \"schema\" member names and numbers the form" },
	{ .name = "markdown", .help = "write the table as markdown" },
	{ .name = "help", .help = "show this help" },
	{ .name = NULL },
};

static const struct command_note replay_statuses[] = {
	{ "0", "every row was replayed" },
	{ "1", "a row failed, was refused memory or took too long; or nothing can be replayed" },
	{ "2", "wrong usage" },
	{ "4", "the trace is damaged, and was replayed as far as it can be read" },
	{ NULL, NULL },
};

static const struct command_note replay_examples[] = {
	{ "allot replay server.allot", "how it was recorded, the default, each strategy, glibc" },
	{ "allot replay server.allot --with je=/usr/lib/x86_64-linux-gnu/libjemalloc.so.2",
	  "another allocator beside it" },
	{ "allot replay --on model --strategy all server.allot",
	  "faults, pages and TLB misses of every policy, exact, with bounds" },
	{ "allot replay --on model --vm --json server.allot > vm.json",
	  "what frames and TLBs make of it; allot report --replay vm.json shows it" },
	{ "allot replay --shard 2/8 --json server.allot > 2.json",
	  "an eighth of the rows; allot replay --merge *.json joins them" },
	{ NULL, NULL },
};

const struct command command_replay = {
	.name = "replay",
	.operands = "TRACE | --merge FILE...",
	.summary = "make the calls of a trace again, on every strategy and allocator",
	.paragraphs = (const char *const[]){
		"Each row is a process of its own, that makes the calls in the recorded order on a "
		"malloc preloaded as in a program, and is measured by the kernel. Threads take "
		"turns as recorded. Live bytes are compared with the trace's at every sample.",
		"On the model each strategy works on a heap of its own while every access to its "
		"words, and every system call for pages, is carried out on a memory machine as "
		"well: figures are exact for it, with bounds for nothing and everything of the "
		"payload written. Huge pages are off, as while a program is recorded, for whether "
		"a heap is given any depends on the moment; --conf huge_pages:on asks for them, on "
		"memory.",
		"What the program wrote to is known by the pages that samples show resident. Of "
		"pages that an earlier block had dirtied nobody can tell whether the next wrote to "
		"them as well: as large a share counts as written as of fresh pages under blocks "
		"of like size. So RSS and faults are estimates. Each row is replayed once more "
		"with nothing and once with every page of the payload written, and the figures of "
		"these are its bounds, lo..hi. Where there is no room to write all, hi is what "
		"was mapped. For a program that fills its blocks the estimate is good to some per "
		"cent; for one that leaves most of them untouched it may be far off, within the "
		"bounds.",
		"Threads take turns, so what an allocator does only where they meet (an arena "
		"more) is not seen: with dozens of them the peak may be missed by a tenth, which "
		"is how far it differs from run to run anyway, and a run may lie that far outside "
		"of the bounds.",
		"Calls that ask for no memory (malloc_trim, mallopt, madvise) are not in a trace "
		"and not made again: a program that trims often has less resident than its replay.",
		"Time is the CPU time of the calls with the loop that makes them. What the loop "
		"takes without them is said below the table.",
		NULL },
	.options = replay_options,
	.statuses = replay_statuses,
	.examples = replay_examples,
	.next = "allot report TRACE",
	.usage_status = STATUS_USAGE,
	.run = replay_main,
};
