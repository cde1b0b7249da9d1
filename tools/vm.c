/* SPDX-License-Identifier: MIT */
/*
 * allot vm: the table of its subcommands, and handing over to one.
 *
 * A new one is a row here, a file named after it, and a line in meson.build and man/meson.build.
 */
#include <stdio.h>

#include "argument.h"
#include "help.h"
#include "notice.h"

static const struct command_option help_option[] = {
	{ .name = "help", .help = "show this help" },
	{ .name = NULL },
};

static const struct command_note statuses[] = {
	{ "0", "done" },
	{ "1", "failed" },
	{ "2", "wrong usage" },
	{ "4", "input was damaged, and used up to the damage" },
	{ NULL, NULL },
};

static const struct command_note vm_examples[] = {
	{ "allot vm translate --machine csapp 0x3d4 0x27c", "the example of a textbook" },
	{ "allot vm policy --frames 3,4 1 2 3 4 1 2 5 1 2 3 4 5", "see more frames fault more" },
	{ "allot vm run tests/vm/scripts/zero_read.vm", "what the model makes of a script" },
	{ "allot vm demo", "demonstrations, each with an explanation" },
	{ "allot vm diff --random 1,10", "ten random scripts, on the kernel and on the model" },
	{ NULL, NULL },
};

static const struct command *const vm_subcommands[] = {
	&command_vm_translate,
	&command_vm_tlb,
	&command_vm_policy,
	&command_vm_trace,
	&command_vm_cc,
	&command_vm_run,
	&command_vm_diff,
	&command_vm_probe,
	&command_vm_free,
	&command_vm_sar,
	&command_vm_buddyinfo,
	&command_vm_watermarks,
	&command_vm_oom,
	&command_vm_slabinfo,
	&command_vm_kmem,
	&command_vm_maps,
	&command_vm_smaps,
	&command_vm_status,
	&command_vm_pagemap,
	&command_vm_explain,
	&command_vm_tree,
	&command_vm_strip,
	&command_vm_timeline,
	&command_vm_buddies,
	&command_vm_demo,
	NULL,
};

const struct command command_vm = {
	.name = "vm",
	.operands = "SUBCOMMAND [ARGUMENT...]",
	.summary = "a memory machine on paper, and the kernel beside it",
	.paragraphs = (const char *const[]){
		"Computes what virtual memory does with an access, a string of pages, the trace of "
		"a program or a script of system calls, and compares that with the running kernel. "
		"Every number carries a label: exact (the model is deterministic and "
		"this is its result), measured, bounds, estimate, or n/a.",
		NULL },
	.options = help_option,
	.statuses = statuses,
	.examples = vm_examples,
	.next = "allot vm translate --machine csapp 0x3d4",
	.usage_status = STATUS_USAGE,
	.subcommands = vm_subcommands,
	.run = vm_main,
};

static const struct command_option translate_options[] = {
	{ .name = "machine", .value = "NAME",
	  .help = "x86-64 (default), x86-64-la57, aarch64-4k, aarch64-16k, aarch64-64k, i386, "
		  "csapp, notes100" },
	{ .name = "tlb", .value = "SPEC", .help = "TLBs to look in, as in allot-vm-tlb(1)" },
	{ .name = "map", .value = "VPN=PPN,...",
	  .help = "the pages there are; without it, csapp and notes100 have their books'" },
	{ .name = "access", .value = "KIND", .help = "load (default), store or fetch" },
	{ .name = "svg", .value = "FILE", .help = "also draw the first one's way, as SVG" },
	{ .name = "json", .help = "write JSON; its \"schema\" member names and numbers the form" },
	{ .name = "help", .help = "show this help" },
	{ .name = NULL },
};

static const struct command_note translate_examples[] = {
	{ "allot vm translate --machine csapp 0x3d4 0x3d7 0x27c 0x3a9 0x040",
	  "the small memory system of CSAPP 9.6.4 with its contents" },
	{ "allot vm translate 0x7f3d6c9fdabc", "the four indices of an x86-64 address" },
	{ "allot vm translate --machine notes100 42 150", "pages of 100 bytes, by division" },
	{ NULL, NULL },
};

const struct command command_vm_translate = {
	.name = "vm translate",
	.operands = "ADDRESS...",
	.summary = "take addresses apart and translate them, as a book does by hand",
	.paragraphs = (const char *const[]){
		"Shows the bits, VPN and VPO, the index into each level of page tables, TLB index "
		"and tag, whether the TLB knows the page, the page table entry, the physical "
		"address, and for csapp what the cache has there. Addresses are accessed in "
		"order: what one brings into the TLB the next one finds.",
		NULL },
	.options = translate_options,
	.statuses = statuses,
	.examples = translate_examples,
	.next = "allot vm tlb --tlb skylake 0x1000 0x2000 0x1000",
	.usage_status = STATUS_USAGE,
	.run = vm_translate_main,
};

static const struct command_option tlb_options[] = {
	{ .name = "tlb", .value = "SPEC",
	  .help = "skylake (default), nehalem, zen, csapp, or units" },
	{ .name = "machine", .value = "NAME", .help = "the machine, as in allot-vm-translate(1)" },
	{ .name = "asids", .value = "N",
	  .help = "identifiers of address spaces; 0: a switch flushes" },
	{ .name = "svg", .value = "FILE", .help = "also draw what is in the sets, as SVG" },
	{ .name = "json", .help = "write JSON; its \"schema\" member names and numbers the form" },
	{ .name = "help", .help = "show this help" },
	{ .name = NULL },
};

static const struct command_note tlb_examples[] = {
	{ "allot vm tlb", "the TLBs of a processor and how far they reach" },
	{ "allot vm tlb --tlb 16x4,64x8:plru 0x1000 0x5000 +0x1000", "your own, and accesses" },
	{ "allot vm tlb --asids 0 0x1000 @1 0x1000 @0 0x1000",
	  "what happens to the TLB when processes take turns" },
	{ NULL, NULL },
};

const struct command command_vm_tlb = {
	.name = "vm tlb",
	.operands = "[ADDRESS | +ADDRESS | @SPACE]...",
	.summary = "show TLBs, and what accesses leave in their sets",
	.paragraphs = (const char *const[]){
		"SPEC is the name of a processor or a list of units, "
		"[NAME=]ENTRIESxWAYS[:POLICY][:SIZES][:KINDS]: ways may be full; policies are lru, "
		"plru, fifo, random; sizes as in 4k+2m; kinds d (data), i (instructions) or di. A "
		"digit in the name is the rank; without names, units are of ranks 1, 2 and 3.",
		"ADDRESS is loaded from, +ADDRESS stored to, @SPACE goes to another address space.",
		NULL },
	.options = tlb_options,
	.statuses = statuses,
	.examples = tlb_examples,
	.next = "allot vm trace --lackey FILE --tlb skylake",
	.usage_status = STATUS_USAGE,
	.run = vm_tlb_main,
};

static const struct command_option policy_options[] = {
	{ .name = "frames", .value = "N,...", .help = "how many frames: 3,4 without it" },
	{ .name = "policy", .value = "NAME,...",
	  .help = "fifo, lru, clock, aging, nfu, opt, random, two; fifo,lru,opt,clock without it" },
	{ .name = "explain", .help = "show every step" },
	{ .name = "seed", .value = "N", .help = "of random" },
	{ .name = "svg", .value = "FILE", .help = "also draw faults against frames, as SVG" },
	{ .name = "json", .help = "write JSON; its \"schema\" member names and numbers the form" },
	{ .name = "help", .help = "show this help" },
	{ .name = NULL },
};

static const struct command_note policy_examples[] = {
	{ "allot vm policy --frames 3,4 --policy fifo,lru,opt,clock 1 2 3 4 1 2 5 1 2 3 4 5",
	  "Belady's string: FIFO faults more often with one frame more" },
	{ "allot vm policy --frames 3 --policy clock --explain 7 0 1 2 0 3 0 4 2 3 0 3",
	  "the hand of the clock, step by step" },
	{ NULL, NULL },
};

const struct command command_vm_policy = {
	.name = "vm policy",
	.operands = "PAGE...",
	.summary = "run page replacement policies on a string of pages",
	.paragraphs = (const char *const[]){
		"Each policy, with each number of frames, gets the pages in order, in empty frames "
		"at first. A page with a + before it is stored to: it must be written back when "
		"it leaves.",
		NULL },
	.options = policy_options,
	.statuses = statuses,
	.examples = policy_examples,
	.next = "allot vm policy --explain --policy fifo --frames 3 1 2 3 4 1 2 5 1 2 3 4 5",
	.usage_status = STATUS_USAGE,
	.run = vm_policy_main,
};

static const struct command_option trace_options[] = {
	{ .name = "lackey", .value = "FILE",
	  .help = "text of valgrind --tool=lackey --trace-mem=yes; - is standard input" },
	{ .name = "bin", .value = "FILE", .help = "what a program of allot-vm-cc(1) recorded" },
	{ .name = "tlb", .value = "SPEC",
	  .help = "TLBs to count misses of, as in allot-vm-tlb(1)" },
	{ .name = "page", .value = "SIZE", .help = "bytes of a page: 4k (default), 16k, 64k, 2m" },
	{ .name = "count", .value = "HOW",
	  .help = "pages (default): each page of an access counts; references: as cachegrind" },
	{ .name = "curve", .help = "also LRU faults for every number of frames, and OPT's" },
	{ .name = "tau", .value = "N", .help = "also the working set of the last N accesses" },
	{ .name = "write", .value = "FILE", .help = "also write the trace in the binary form" },
	{ .name = "svg", .value = "FILE", .help = "also draw the curve, as SVG" },
	{ .name = "json", .help = "write JSON; its \"schema\" member names and numbers the form" },
	{ .name = "help", .help = "show this help" },
	{ .name = NULL },
};

static const struct command_note trace_examples[] = {
	{ "valgrind --tool=lackey --trace-mem=yes --log-fd=9 ls 9>&1 >/dev/null | "
	  "allot vm trace --lackey - --tlb skylake",
	  "the TLB misses of a program, without a performance counter" },
	{ "allot vm trace --bin allot.vmt --curve --svg curve.svg",
	  "how few frames a recorded program could do with" },
	{ NULL, NULL },
};

const struct command command_vm_trace = {
	.name = "vm trace",
	.operands = "",
	.summary = "count TLB misses, faults and working sets of a recorded program",
	.paragraphs = (const char *const[]){
		"Counts are exact for the accesses in the trace and the TLBs described; what a "
		"processor does on its own account, such as prefetching, is in no trace. Page "
		"tables are flat: every address is mapped.",
		"A trace that is damaged or ends early is used up to there; a line says where, and "
		"the exit status is 4.",
		NULL },
	.options = trace_options,
	.statuses = statuses,
	.examples = trace_examples,
	.next = "allot vm trace --bin FILE --curve --tau 100000",
	.usage_status = STATUS_USAGE,
	.run = vm_trace_main,
};

static const struct command_note cc_statuses[] = {
	{ "0", "compiled" },
	{ "2", "wrong usage" },
	{ "127", "no compiler, or the part of allot that records was not found" },
	{ "other", "the compiler's own" },
	{ NULL, NULL },
};

static const struct command_note cc_examples[] = {
	{ "allot vm cc -O2 -o prog prog.c && ./prog && allot vm trace --bin allot.vmt",
	  "compile, run, count" },
	{ "ALLOT_VM_TRACE=/tmp/t.vmt ./prog", "choose where the trace goes" },
	{ "CC=g++ allot vm cc -o prog prog.cc", "the same for C++" },
	{ NULL, NULL },
};

const struct command command_vm_cc = {
	.name = "vm cc",
	.operands = "COMPILER-OPTION...",
	.summary = "compile a program so that it records its accesses",
	.paragraphs = (const char *const[]){
		"Everything is handed to gcc, or what CC names, with options that make it call a "
		"function at every load and store; these write allot.vmt, or what ALLOT_VM_TRACE "
		"names, in the binary form of allot-vm-trace(1). Memory and string functions that "
		"the program calls are recorded as the ranges they touch.",
		"Not recorded: instructions, libraries that were not compiled this way, what the "
		"kernel touches, and a process that ends by _exit or a signal loses its last "
		"accesses. Programs cannot be linked with -static. Forked children write files of "
		"their own, with their number behind the name.",
		NULL },
	.options = help_option,
	.statuses = cc_statuses,
	.examples = cc_examples,
	.next = "allot vm trace --bin allot.vmt",
	.usage_status = STATUS_USAGE,
	.is_wrapper = true,
	.run = vm_cc_main,
};

int vm_main(int argc, char **argv)
{
	struct argument_scan scan;

	argument_init(&scan, &command_vm, argc, argv);
	argument_next(&scan);
	if (scan.status != ARGUMENT_GO_ON)
		return scan.status;
	if (scan.index >= argc) {
		help_write(stderr, &command_vm);
		return STATUS_USAGE;
	}
	const char *name = argv[scan.index];
	const struct command *command = subcommand_find(&command_vm, name);
	if (command == NULL) {
		const struct command *nearest = subcommand_nearest(&command_vm, name);

		return argument_refuse(&scan, nearest != NULL ? command_own_name(nearest) : NULL,
				       "no subcommand '%s'", name);
	}
	return command->run(argc - scan.index, argv + scan.index);
}
