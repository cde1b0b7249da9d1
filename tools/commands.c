/* SPDX-License-Identifier: MIT */
/*
 * The table of commands: names, options, statuses, examples, and the words of their help.
 *
 * Words that the library can give (strategies, keys, values, defaults) are not repeated here; the
 * readers of the table ask allot_options() for them.
 */
#include "command.h"

#include <string.h>

#include "word.h"

static const struct command_option allot_options_own[] = {
	{ .name = "help", .help = "show the commands, or the help of the command that follows" },
	{ .name = "version", .help = "show the version" },
	{ .name = NULL },
};

static const struct command_note allot_statuses[] = {
	{ "0", "done" },
	{ "1", "failed" },
	{ "2", "wrong usage" },
	{ "125 to 127", "see allot-run(1)" },
	{ NULL, NULL },
};

static const struct command_note allot_examples[] = {
	{ "allot run -- python3 app.py", "run a program on the default heap" },
	{ "allot run --strategy buddy --stats -- ls -l", "run one on another, with its figures" },
	{ "allot doctor python3 app.py", "see whether allot really serves it" },
	{ NULL, NULL },
};

const struct command command_allot = {
	.operands = "COMMAND [ARGUMENT...]",
	.summary = "choose the heap of a program and look into it",
	.paragraphs = (const char *const[]){
		"allot serves the malloc family of any dynamically linked program with a strategy "
		"chosen when the program starts: nothing is compiled or linked again.",
		NULL },
	.options = allot_options_own,
	.statuses = allot_statuses,
	.examples = allot_examples,
	.next = "allot run -- COMMAND",
	.usage_status = STATUS_USAGE,
};

static const struct command_option run_options[] = {
	{ .name = "strategy", .value = "NAME", .conf_key = "strategy",
	  .help = "the strategy that finds, splits and merges free blocks" },
	{ .name = "fit", .value = "POLICY", .conf_key = "fit",
	  .help = "which free block to take, where the strategy has a choice" },
	{ .name = "order", .value = "POLICY", .conf_key = "order",
	  .help = "how a list of free blocks is kept" },
	{ .name = "coalesce", .value = "POLICY", .conf_key = "coalesce",
	  .help = "when free neighbours become one" },
	{ .name = "source", .value = "NAME", .conf_key = "source",
	  .help = "where the heap takes its pages from" },
	{ .name = "conf", .value = "KEY:VALUE,...",
	  .help = "any keys of allot.conf(5); may be repeated" },
	{ .name = "stats", .value = "FILE", .is_value_optional = true,
	  .conf_key = "stats", .conf_value = "stderr",
	  .help = "write the heap's figures when the program ends, to standard error or to FILE" },
	{ .name = "json", .conf_key = "stats_format", .conf_value = "json",
	  .help = "write those figures as JSON" },
	{ .name = "help", .help = "show this help" },
	{ .name = NULL },
};

static const struct command_note run_statuses[] = {
	{ "125", "a failure of allot itself, or wrong options" },
	{ "126", "the program was found but cannot be executed" },
	{ "127", "the program was not found" },
	{ "otherwise", "the program's own; a shell shows 128+N when signal N ended it" },
	{ NULL, NULL },
};

static const struct command_note run_examples[] = {
	{ "allot run -- python3 app.py", "the default heap, tuned for production" },
	{ "allot run --strategy explicit --fit best --conf front:off -- ls",
	  "the textbook's explicit list with best fit, every size going straight to it" },
	{ "allot run --stats=heap.json --json -- sort words",
	  "keep the heap's figures in a file, for another program to read" },
	{ NULL, NULL },
};

const struct command command_run = {
	.name = "run",
	.operands = "[--] COMMAND [ARGUMENT...]",
	.summary = "run a program with its heap served by allot",
	.paragraphs = (const char *const[]){
		"The process becomes COMMAND, with liballot.so first in LD_PRELOAD and the options "
		"in ALLOT_CONF, so signals, standard streams and the exit status are COMMAND's "
		"own. Programs it starts inherit both.",
		"What LD_PRELOAD held before is kept after the library. ALLOT_CONF is what the "
		"environment holds, then --conf, then the other options; the last word wins.",
		"A program that is statically linked, or runs with more rights than its caller "
		"(setuid, setgid, file capabilities), ignores preloaded libraries: a line on "
		"standard error says so and the program runs without allot.",
		NULL },
	.options = run_options,
	.statuses = run_statuses,
	.examples = run_examples,
	.next = "allot doctor COMMAND",
	.usage_status = STATUS_WRAPPER,
	.is_wrapper = true,
	.run = run_main,
};

static const struct command_option record_options[] = {
	{ .name = "output", .letter = 'o', .value = "FILE",
	  .help = "the program's trace; default allot.PROGRAM.PID.trace" },
	{ .name = "force", .letter = 'f', .help = "overwrite FILE if it exists" },
	{ .name = "depth", .value = "COUNT", .conf_key = "trace_depth",
	  .help = "frames that are recorded of a stack; 0: no stacks" },
	{ .name = "sample", .value = "BYTES", .conf_key = "trace_sample",
	  .help = "record a stack once in so many allocated bytes; 0: every time" },
	{ .name = "interval", .value = "MS", .conf_key = "trace_interval_ms",
	  .help = "how often resident pages are looked at, at most" },
	{ .name = "strategy", .value = "NAME", .conf_key = "strategy",
	  .help = "the strategy that finds, splits and merges free blocks" },
	{ .name = "conf", .value = "KEY:VALUE,...",
	  .help = "any keys of allot.conf(5); may be repeated" },
	{ .name = "convert", .value = "RAW",
	  .help = "run nothing: pack RAW, which trace:FILE left, into FILE" },
	{ .name = "columns", .help = "print what each kind of data takes in the trace" },
	{ .name = "help", .help = "show this help" },
	{ .name = NULL },
};

static const struct command_note record_statuses[] = {
	{ "125", "a failure of allot itself, or wrong options" },
	{ "126", "the program was found but cannot be executed" },
	{ "127", "the program was not found" },
	{ "otherwise", "the program's own, 128+N when signal N ended it" },
	{ "0, 1, 4", "with --convert: packed, failed, packed but for what was damaged" },
	{ NULL, NULL },
};

static const struct command_note record_examples[] = {
	{ "allot record -- python3 app.py", "record a program, and every process it makes" },
	{ "allot record -o app.trace --depth 0 -- ./app",
	  "no stacks: the cheapest recording" },
	{ "allot record --convert app.raw -o app.trace", "pack what trace:app.raw left" },
	{ NULL, NULL },
};

const struct command command_record = {
	.name = "record",
	.operands = "[--] COMMAND [ARGUMENT...]",
	.summary = "run a program and record what it asks of its heap",
	.paragraphs = (const char *const[]){
		"Every allocation, free and resize is recorded with its address, sizes, time, "
		"thread and stack, what the heap asks of the kernel, and what of it is resident "
		"now and then. The trace is packed while COMMAND runs, and is whole up to the last "
		"moment when COMMAND is killed.",
		"Processes that COMMAND makes, and programs they become, have traces of their own: "
		"allot.PROGRAM.PID.trace, or FILE.PROGRAM.PID.trace with -o FILE, which is the "
		"name of COMMAND's own. An existing file is not overwritten without -f.",
		"Processes that run on in the background when COMMAND has ended, as daemons do, "
		"are recorded until they end, or until SIGINT (Ctrl-C), SIGTERM, SIGHUP or SIGQUIT "
		"ends the recording: they run on. Those of another namespace are not waited for.",
		"Until then these signals, SIGUSR1 and SIGUSR2 are passed on to it. When the "
		"disk is full COMMAND runs on, what was lost is said at the end, and the trace "
		"ends where the first of it is missing.",
		NULL },
	.options = record_options,
	.statuses = record_statuses,
	.examples = record_examples,
	.next = "allot report FILE",
	.usage_status = STATUS_WRAPPER,
	.is_wrapper = true,
	.run = record_main,
};

static const struct command_option json_options[] = {
	{ .name = "json", .help = "write JSON; its \"schema\" member names and numbers the form" },
	{ .name = "help", .help = "show this help" },
	{ .name = NULL },
};

static const struct command_note list_statuses[] = {
	{ "0", "listed" },
	{ "2", "wrong usage" },
	{ NULL, NULL },
};

static const struct command_note list_examples[] = {
	{ "allot list", "read what can be chosen" },
	{ "allot list --json | jq -r '.strategies[].name'", "the names of the strategies" },
	{ NULL, NULL },
};

const struct command command_list = {
	.name = "list",
	.operands = "",
	.summary = "show the strategies and every key of the configuration",
	.paragraphs = (const char *const[]){
		"For each strategy: the policies it can be given, the work it does, its smallest "
		"block, the smallest memory it works on, and the largest request it serves before "
		"a mapping of its own takes over. For each key: type, default and meaning. The "
		"first policy of a list is the default.",
		NULL },
	.options = json_options,
	.statuses = list_statuses,
	.examples = list_examples,
	.next = "allot run --strategy NAME -- COMMAND",
	.usage_status = STATUS_USAGE,
	.run = list_main,
};

static const struct command_note doctor_statuses[] = {
	{ "0", "effective" },
	{ "1", "not effective" },
	{ "2", "wrong usage, or no such program" },
	{ NULL, NULL },
};

static const struct command_note doctor_examples[] = {
	{ "allot doctor", "check the installation and the settings of the system" },
	{ "allot doctor python3 -c 'import json'", "who serves the heap of this program" },
	{ NULL, NULL },
};

const struct command command_doctor = {
	.name = "doctor",
	.operands = "[--] [COMMAND [ARGUMENT...]]",
	.summary = "tell whether allot is in effect, and who resolves what",
	.paragraphs = (const char *const[]){
		"Without COMMAND: is the library found and does it take effect, are "
		"/etc/allot.conf and ALLOT_CONF right, and which settings of the system bear on "
		"a heap.",
		"With COMMAND: runs it to its end under allot while the dynamic linker reports "
		"every symbol it binds, then shows for each function of the malloc family which "
		"objects got allot's and which got another. COMMAND's standard output goes to "
		"standard error.",
		"Only what this run loaded can be seen. Another run may load a plugin with "
		"RTLD_DEEPBIND, which prefers its own libraries to preloaded ones; calls bound "
		"when the program was linked, and programs started with an empty environment, "
		"are never seen.",
		NULL },
	.options = json_options,
	.statuses = doctor_statuses,
	.examples = doctor_examples,
	.next = "allot run -- COMMAND",
	.usage_status = STATUS_USAGE,
	.is_wrapper = true,
	.run = doctor_main,
};

static const struct command_option bench_options[] = {
	{ .name = "with", .value = "NAME=LIB",
	  .help = "another allocator, a library to preload; may be repeated" },
	{ .name = "conf", .value = "NAME=OPTIONS",
	  .help = "allot with these keys of allot.conf(5) as another one; may be repeated" },
	{ .name = "strategies",
	  .help = "every strategy by itself (front:off), each as another one" },
	{ .name = "only", .value = "NAME,...", .help = "only these allocators" },
	{ .name = "rounds", .value = "N", .help = "rounds: 5, or 2 with --quick" },
	{ .name = "quick", .help = "a fifth of the work, and fewer rounds: not to be quoted" },
	{ .name = "scale", .value = "F", .help = "F times the work; 1 is about a second a run" },
	{ .name = "time", .value = "KIND",
	  .help = "what counts as time where a workload does not tell its own: cpu (default), "
		  "or wall" },
	{ .name = "timeout", .value = "SECONDS",
	  .help = "a run that takes longer hangs: 600, or 20 times glibc's but at least 10, "
		  "whatever is less" },
	{ .name = "details", .help = "also the figures themselves, a row a cell" },
	{ .name = "json", .help = "write JSON: every run, and what it ran on" },
	{ .name = "markdown", .help = "write the tables as markdown" },
	{ .name = "picture", .value = "FILE",
	  .help = "also draw time against peak memory, as SVG; needs gnuplot" },
	{ .name = "force", .help = "overwrite the file of --picture" },
	{ .name = "instructions",
	  .help = "count the instructions of a malloc and its free instead; needs valgrind" },
	{ .name = "sizes", .value = "BYTES,...", .help = "the block sizes of --instructions" },
	{ .name = "list", .help = "list the workloads, or those named: name, family, meaning" },
	{ .name = "help", .help = "show this help" },
	{ .name = NULL },
};

static const struct command_note bench_statuses[] = {
	{ "0", "every allocator passed every workload" },
	{ "1", "one crashed, hung, or changed what a program computes" },
	{ "2", "wrong usage, or something named is not there: nothing was run" },
	{ "127", "python3, or the program of this command, was not found" },
	{ "130", "interrupted; what was measured until then was written" },
	{ NULL, NULL },
};

static const struct command_note bench_examples[] = {
	{ "allot bench program --quick", "real programs, a first look" },
	{ "allot bench --picture bench.svg --json > bench.json",
	  "everything, for a picture and for another program to read" },
	{ "allot bench gcc git --conf buddy=strategy:buddy --with tc=/opt/libtcmalloc.so",
	  "two workloads, with two allocators more" },
	{ "allot bench --rounds 9 -- ./server --selftest", "a program of your own" },
	{ NULL, NULL },
};

const struct command command_bench = {
	.name = "bench",
	.operands = "[WORKLOAD...] | -- COMMAND [ARGUMENT...]",
	.summary = "compare allot with other allocators, on workloads or on your program",
	.paragraphs = (const char *const[]){
		"Workloads are those of --list, or whole families of them: micro and own are "
		"programs of ours, program are real ones, where they are installed. Without any, "
		"all run. With COMMAND, that runs instead, as you would start it, but for an "
		"empty standard input.",
		"Allocators are allot as it comes, the C library's (glibc), jemalloc, mimalloc, "
		"tcmalloc and tbbmalloc, where their packages are installed. Rounds are "
		"interleaved: each runs every workload once under every allocator, in an order "
		"that turns. Figures are medians.",
		"A cell of the table is time/peak memory (the largest resident set), each as a "
		"ratio to the best allocator of the row. Means are geometric, over the workloads "
		"every allocator passed. The column floor, for micro alone, is no allocator but a "
		"list of ready blocks: what a perfect one would take.",
		"What a program prints must be what it prints under glibc. ALLOT_CONF and "
		"LD_PRELOAD of the environment are not passed on; /etc/allot.conf is read, and "
		"said to be.",
		NULL },
	.options = bench_options,
	.statuses = bench_statuses,
	.examples = bench_examples,
	.next = "allot bench program --quick",
	.usage_status = STATUS_USAGE,
	.operands_option = "list",
	.run = bench_main,
};

static const struct command_option help_options[] = {
	{ .name = "help", .help = "show this help" },
	{ .name = NULL },
};

static const struct command_note help_examples[] = {
	{ "allot help run", "the help of one command" },
	{ NULL, NULL },
};

const struct command command_help = {
	.name = "help",
	.operands = "[COMMAND]",
	.summary = "show the commands, or the help of one",
	.paragraphs = (const char *const[]){ NULL },
	.options = help_options,
	.statuses = list_statuses,
	.examples = help_examples,
	.next = "allot help run",
	.usage_status = STATUS_USAGE,
	.run = help_main,
};

const struct command *const commands[] = {
	&command_run,
	&command_record,
	&command_top,
	&command_list,
	&command_doctor,
	&command_bench,
	&command_replay,
	&command_export,
	&command_vm,
	&command_report,
	&command_diff,
	&command_advise,
	&command_help,
	NULL,
};

const struct command *command_find(const char *name)
{
	for (size_t i = 0; commands[i] != NULL; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

const char *command_own_name(const struct command *command)
{
	const char *blank = strchr(command->name, ' ');
	return blank != NULL ? blank + 1 : command->name;
}

const struct command *subcommand_find(const struct command *command, const char *name)
{
	for (size_t i = 0; command->subcommands != NULL && command->subcommands[i] != NULL; i++)
		if (strcmp(command_own_name(command->subcommands[i]), name) == 0)
			return command->subcommands[i];
	return NULL;
}

const struct command *subcommand_nearest(const struct command *command, const char *name)
{
	struct word_match match;

	word_match_init(&match, name);
	for (size_t i = 0; command->subcommands[i] != NULL; i++)
		word_match_offer(&match, command_own_name(command->subcommands[i]));
	return match.nearest[0] == '\0' ? NULL : subcommand_find(command, match.nearest);
}

const struct command *command_nearest(const char *name)
{
	struct word_match match;

	word_match_init(&match, name);
	for (size_t i = 0; commands[i] != NULL; i++)
		word_match_offer(&match, commands[i]->name);
	return match.nearest[0] == '\0' ? NULL : command_find(match.nearest);
}
