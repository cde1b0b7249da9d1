/* SPDX-License-Identifier: MIT */
/*
 * What is said of `allot top`: its options, help and examples (command.h).
 */
#include "command.h"

static const struct command_option top_options[] = {
	{ .name = "interval", .letter = 'i', .value = "SECONDS",
	  .help = "from one look to the next; default 1" },
	{ .name = "view", .value = "NAME",
	  .help = "begin with stacks (default), classes, pages, threads or faults" },
	{ .name = "sort", .value = "NAME", .help = "by total (default), own or allocations" },
	{ .name = "filter", .value = "TEXT", .help = "only functions and files with TEXT in them" },
	{ .name = "once", .help = "write one look as text, after one interval, and end" },
	{ .name = "batch", .letter = 'b', .value = "N",
	  .help = "write N looks as text; 0: until the program ends" },
	{ .name = "json", .help = "with --once or --batch: a line of JSON for each look" },
	{ .name = "log", .value = "FILE", .help = "the file COMMAND's output goes to" },
	{ .name = "force", .letter = 'f', .help = "overwrite the file of --log" },
	{ .name = "ascii", .help = "draw with ASCII alone, as where the locale is not UTF-8" },
	{ .name = "depth", .value = "COUNT", .conf_key = "trace_depth",
	  .help = "frames that are recorded of a stack; 0: no stacks" },
	{ .name = "sample", .value = "BYTES", .conf_key = "trace_sample",
	  .help = "record a stack once in so many allocated bytes; 0: every time" },
	{ .name = "strategy", .value = "NAME", .conf_key = "strategy",
	  .help = "the strategy that finds, splits and merges free blocks" },
	{ .name = "conf", .value = "KEY:VALUE,...",
	  .help = "any keys of allot.conf(5); may be repeated" },
	{ .name = "help", .help = "show this help" },
	{ .name = NULL },
};

static const struct command_note top_statuses[] = {
	{ "0", "PID was shown" },
	{ "1", "PID does not exist, or is not recorded" },
	{ "125", "a failure of allot itself, or wrong options" },
	{ "126, 127", "COMMAND cannot be executed, was not found" },
	{ "otherwise", "COMMAND's own, 128+N when signal N ended it" },
	{ NULL, NULL },
};

static const struct command_note top_examples[] = {
	{ "allot top -- python3 app.py", "start a program and watch its heap" },
	{ "allot top $(pidof server)", "watch one that was started with trace:FILE" },
	{ "allot top --batch 0 --json -- ./app > looks.json", "a line of JSON a second" },
	{ "allot top --once --view pages 4711", "one look at where live blocks lie" },
	{ NULL, NULL },
};

const struct command command_top = {
	.name = "top",
	.operands = "PID | -- COMMAND [ARGUMENT...]",
	.summary = "watch a program's heap while it runs",
	.paragraphs = (const char *const[]){
		"Shows what resident memory is made of, the functions that hold it, size classes, "
		"a map of pages, threads and page faults, once a second. Press ? for the keys.",
		"PID must have been started with trace:FILE in ALLOT_CONF, by allot run --conf or "
		"allot record; it is neither stopped nor slowed down. Where allot record reads its "
		"recording too, some of it is not seen here, and the screen says so. COMMAND is "
		"started with a recording that is thrown away as it is read, with its children: p "
		"goes from one to the next.",
		"While the screen is ours COMMAND's output is dropped, or goes to the file of "
		"--log, and its input is empty; with --once or --batch its output goes to standard "
		"error. Quitting ends it by SIGTERM.",
		"What was requested is exact; what is resident is the kernel's figure at the last "
		"sample the program took. Should we fall behind the program, most events are only "
		"counted so as not to hold it up, and the screen says how many.",
		NULL },
	.options = top_options,
	.statuses = top_statuses,
	.examples = top_examples,
	.next = "allot record -- COMMAND",
	.usage_status = STATUS_WRAPPER,
	.is_wrapper = true,
	.run = top_main,
};
