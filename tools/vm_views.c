/* SPDX-License-Identifier: MIT */
/*
 * The subcommands of `allot vm` that look at the machine after a script: options, statuses,
 * examples and words.
 */
#include <stddef.h>

#include "command.h"

static const struct command_note view_statuses[] = {
	{ "0", "done" },
	{ "1", "failed: an expectation of the script, or the kernel and the model differ" },
	{ "2", "wrong usage: no such file, process, region or address" },
	{ "4", "the script is wrong: the line and what was expected there are named" },
	{ NULL, NULL },
};

#define AT_OPTION \
	{ .name = "at", .value = "LINE", .help = "look after that line, not at the end" }
#define PROCESS_OPTION \
	{ .name = "process", .value = "NAME", \
	  .help = "the process to look at: main (default), or what a fork is called" }
#define SVG_OPTION \
	{ .name = "svg", .value = "FILE", .help = "also draw it, as SVG" }
#define MODEL_OPTIONS \
	{ .name = "profile", .value = "NAME", \
	  .help = "the kernel whose rules hold: linux-6.18 (default) or linux-5.10" }, \
	{ .name = "off", .value = "RULE", \
	  .help = "switch a rule of the model off; may be repeated" }, \
	{ .name = "json", \
	  .help = "write JSON; its \"schema\" member names and numbers the form" }, \
	{ .name = "help", .help = "show this help" }, \
	{ .name = NULL }

static const struct command_option view_options[] = {
	AT_OPTION, PROCESS_OPTION,
	{ .name = "kernel",
	  .help = "play it on the running kernel too, show its text, and compare" },
	MODEL_OPTIONS,
};

/* What is true of all of them. */
#define VIEW_PARAGRAPH \
	"Of the process itself, as it is before the script, nothing is shown. The format is the " \
	"kernel's but for a first line behind #, which says of what the figures are: exact, the " \
	"model's. With --kernel the script is also played on the running kernel: its text is " \
	"shown (measured), and the first line in which the model's is another ends in status 1. " \
	"Not compared are device, inode and path of a file, frame numbers, and what the kernel " \
	"adds up in batches or from before the script: VmPeak, VmHWM, LazyFree. Scripts with " \
	"limits or swap are for the model alone here: `allot vm diff` compares them."

static const struct command_note maps_examples[] = {
	{ "allot vm maps --at 4 FILE.vm", "areas after line 4" },
	{ "allot vm maps --kernel FILE.vm", "the kernel's, and whether the model's are the same" },
	{ NULL, NULL },
};

const struct command command_vm_maps = {
	.name = "vm maps",
	.operands = "FILE.vm",
	.summary = "show areas after a script as /proc/PID/maps does",
	.paragraphs = (const char *const[]){
		"One line an area: addresses, rights, p for private or s for shared, offset, "
		"device, inode, path. Devices and inodes of the model are made up.",
		VIEW_PARAGRAPH,
		NULL },
	.options = view_options,
	.statuses = view_statuses,
	.examples = maps_examples,
	.next = "allot vm smaps FILE.vm",
	.usage_status = STATUS_USAGE,
	.run = vm_maps_main,
};

static const struct command_note smaps_examples[] = {
	{ "allot vm smaps --process c FILE.vm", "what a child shares with its parent" },
	{ NULL, NULL },
};

const struct command command_vm_smaps = {
	.name = "vm smaps",
	.operands = "FILE.vm",
	.summary = "show what the pages of each area come to, as /proc/PID/smaps does",
	.paragraphs = (const char *const[]){
		"Rss counts every page that is mapped, but not the zero page; Pss divides each by "
		"how many map it; it is Shared when more than one does; Referenced has the "
		"accessed bit.",
		VIEW_PARAGRAPH,
		NULL },
	.options = view_options,
	.statuses = view_statuses,
	.examples = smaps_examples,
	.next = "allot vm pagemap FILE.vm",
	.usage_status = STATUS_USAGE,
	.run = vm_smaps_main,
};

static const struct command_note status_examples[] = {
	{ "allot vm status FILE.vm", "VmSize, VmRSS, VmPTE and the others after a script" },
	{ NULL, NULL },
};

const struct command command_vm_status = {
	.name = "vm status",
	.operands = "FILE.vm",
	.summary = "show the lines of /proc/PID/status about memory after a script",
	.paragraphs = (const char *const[]){
		"What is added to that of a process that has only a page of program and its "
		"stack. VmPTE counts the tables below the top one.",
		VIEW_PARAGRAPH,
		NULL },
	.options = view_options,
	.statuses = view_statuses,
	.examples = status_examples,
	.next = "allot vm smaps FILE.vm",
	.usage_status = STATUS_USAGE,
	.run = vm_status_main,
};

static const struct command_note pagemap_examples[] = {
	{ "allot vm pagemap FILE.vm", "the entry of every page" },
	{ "allot vm pagemap FILE.vm A+3p+12 0x7ffff7ff0000", "virtual to physical" },
	{ NULL, NULL },
};

const struct command command_vm_pagemap = {
	.name = "vm pagemap",
	.operands = "FILE.vm [ADDRESS...]",
	.summary = "show entries of /proc/PID/pagemap, and physical addresses by them",
	.paragraphs = (const char *const[]){
		"Bit 63 of an entry: present; 62: swapped; 61: of a file or shared; 58: guard; "
		"57: write-watched; 56: mapped once; 55: soft-dirty. Bits 0 to 54 are the frame "
		"number, and mean something only when bit 63 is set: the physical address is "
		"then that number times 4096 plus the offset. The running kernel shows the "
		"number to root alone.",
		"ADDRESS is a number or a place in a region of the script: A, A+3p, A+3p+12.",
		VIEW_PARAGRAPH,
		NULL },
	.options = view_options,
	.statuses = view_statuses,
	.examples = pagemap_examples,
	.next = "allot vm maps FILE.vm",
	.usage_status = STATUS_USAGE,
	.run = vm_pagemap_main,
};

static const struct command_option explain_options[] = {
	AT_OPTION, PROCESS_OPTION,
	{ .name = "tlb", .value = "SPEC",
	  .help = "also say where TLBs would look, as in allot-vm-tlb(1)" },
	MODEL_OPTIONS,
};

static const struct command_note explain_examples[] = {
	{ "allot vm explain FILE.vm A+3p store", "why a store to the fourth page of A faults" },
	{ "allot vm explain --at 3 --process c --tlb skylake FILE.vm 0x7ffff7ff0000",
	  "a load by a child, after line 3" },
	{ NULL, NULL },
};

const struct command command_vm_explain = {
	.name = "vm explain",
	.operands = "FILE.vm ADDRESS [load|store|fetch]",
	.summary = "explain one access after a script step by step, without making it",
	.paragraphs = (const char *const[]){
		"The address is taken apart; then each table on the way with the entry and its "
		"bits; then what the access would be: let through, with its physical address, or "
		"a page fault with its error code, what the kernel would do and why, or the "
		"signal. Everything is exact: the model's.",
		"ADDRESS is a number or a place in a region of the script: A, A+3p, A+3p+12.",
		NULL },
	.options = explain_options,
	.statuses = view_statuses,
	.examples = explain_examples,
	.next = "allot vm run --explain FILE.vm",
	.usage_status = STATUS_USAGE,
	.run = vm_explain_main,
};

static const struct command_option tree_options[] = {
	AT_OPTION, PROCESS_OPTION, SVG_OPTION, MODEL_OPTIONS,
};

static const struct command_option strip_options[] = {
	AT_OPTION, PROCESS_OPTION,
	{ .name = "steps", .help = "after each operation, one under the other" },
	SVG_OPTION, MODEL_OPTIONS,
};

static const struct command_note tree_examples[] = {
	{ "allot vm tree FILE.vm", "which tables there are, and what they map" },
	{ NULL, NULL },
};

const struct command command_vm_tree = {
	.name = "vm tree",
	.operands = "FILE.vm",
	.summary = "draw the page tables of a process after a script",
	.paragraphs = (const char *const[]){
		"Every table there is, under the entry that points to it, those of the program and "
		"the stack included; last-level tables with how many pages they map.",
		NULL },
	.options = tree_options,
	.statuses = view_statuses,
	.examples = tree_examples,
	.next = "allot vm explain FILE.vm ADDRESS",
	.usage_status = STATUS_USAGE,
	.run = vm_tree_main,
};

static const struct command_note strip_examples[] = {
	{ "allot vm strip --svg strip.svg FILE.vm", "in the terminal, and as a picture" },
	{ "allot vm strip --steps FILE.vm", "how an address space comes to be" },
	{ NULL, NULL },
};

const struct command command_vm_strip = {
	.name = "vm strip",
	.operands = "FILE.vm",
	.summary = "draw the areas of a process after a script, and what their pages hold",
	.paragraphs = (const char *const[]){
		"An area is a row of at most 64 cells. A cell of several pages shows one letter "
		"for all of them: of their states the last one of the legend.",
		NULL },
	.options = strip_options,
	.statuses = view_statuses,
	.examples = strip_examples,
	.next = "allot vm maps FILE.vm",
	.usage_status = STATUS_USAGE,
	.run = vm_strip_main,
};

static const struct command_option machine_options[] = { AT_OPTION, SVG_OPTION, MODEL_OPTIONS };

static const struct command_note timeline_examples[] = {
	{ "allot vm timeline tests/vm/scripts/fork_copy.vm", "when copies are made, and how many" },
	{ NULL, NULL },
};

const struct command command_vm_timeline = {
	.name = "vm timeline",
	.operands = "FILE.vm",
	.summary = "draw the faults of a script, operation by operation, by their reasons",
	.paragraphs = (const char *const[]){
		"A row an operation, of whatever process: its faults, minor and major, and cells "
		"with a letter for each reason. The faults of a reason are rounded up to cells.",
		NULL },
	.options = machine_options,
	.statuses = view_statuses,
	.examples = timeline_examples,
	.next = "allot vm run --explain FILE.vm",
	.usage_status = STATUS_USAGE,
	.run = vm_timeline_main,
};

static const struct command_note buddies_examples[] = {
	{ "allot vm buddies FILE.vm", "which frames are lent for what, and what is free" },
	{ NULL, NULL },
};

const struct command command_vm_buddies = {
	.name = "vm buddies",
	.operands = "FILE.vm",
	.summary = "draw physical memory after a script, block by block",
	.paragraphs = (const char *const[]){
		"A row is 64 frames, a cell is one. A digit begins a free block of 2 to the power "
		"of that many frames, a letter a block that is lent. Rows with nothing but "
		"blocks of one size and use are said in words.",
		NULL },
	.options = machine_options,
	.statuses = view_statuses,
	.examples = buddies_examples,
	.next = "allot vm buddyinfo --explain FILE.vm",
	.usage_status = STATUS_USAGE,
	.run = vm_buddies_main,
};

static const struct command_option demo_options[] = {
	{ .name = "help", .help = "show this help" },
	{ .name = NULL },
};

static const struct command_note demo_statuses[] = {
	{ "0", "done" },
	{ "1", "failed: no memory, or a figure is not what the words say" },
	{ "2", "wrong usage: no such demonstration" },
	{ NULL, NULL },
};

static const struct command_note demo_examples[] = {
	{ "allot vm demo", "list them" },
	{ "allot vm demo fork-cow", "what fork shares, and what a write copies" },
	{ "allot vm demo vmalloc", "memory of the kernel that is in pieces" },
	{ NULL, NULL },
};

const struct command command_vm_demo = {
	.name = "vm demo",
	.operands = "[NAME]",
	.summary = "run a demonstration, and explain it",
	.paragraphs = (const char *const[]){
		"Each runs on the model, whose figures are exact, and says in a few sentences what "
		"they show. Where textbooks and study notes simplify, what they say stands beside "
		"what the kernel does.",
		NULL },
	.options = demo_options,
	.statuses = demo_statuses,
	.examples = demo_examples,
	.next = "allot vm run --explain FILE.vm",
	.usage_status = STATUS_USAGE,
	.run = vm_demo_main,
};
