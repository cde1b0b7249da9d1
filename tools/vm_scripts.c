/* SPDX-License-Identifier: MIT */
/*
 * The subcommands of `allot vm` that play scripts: options, statuses, examples and words.
 */
#include <stddef.h>

#include "command.h"

static const struct command_note vm_statuses[] = {
	{ "0", "done" },
	{ "1", "failed: an expectation of a script, or the kernel and the model differ" },
	{ "2", "wrong usage" },
	{ "4", "a script, a program it executes or a profile is wrong: the place and what was "
	       "expected there are named" },
	{ NULL, NULL },
};

static const struct command_option run_options[] = {
	{ .name = "explain", .help = "also say why each fault was taken" },
	{ .name = "profile", .value = "NAME",
	  .help = "the kernel whose rules hold: linux-6.18 (default), linux-5.10, or a file "
		  "that allot vm probe has written, as ./kernel.json" },
	{ .name = "off", .value = "RULE",
	  .help = "switch a rule of the model off; may be repeated" },
	{ .name = "rules", .help = "list the rules" },
	{ .name = "json", .help = "write JSON; its \"schema\" member names and numbers the form" },
	{ .name = "help", .help = "show this help" },
	{ .name = NULL },
};

static const struct command_note run_examples[] = {
	{ "allot vm run --explain tests/vm/scripts/fork_copy.vm", "why each fault was taken" },
	{ "echo 'map A 64p rw private' | allot vm run -", "a script on standard input" },
	{ NULL, NULL },
};

const struct command command_vm_run = {
	.name = "vm run",
	.operands = "FILE.vm",
	.summary = "play a script on the model of virtual memory",
	.paragraphs = (const char *const[]){
		"For each operation: minor and major faults, and what it changed, in pages: "
		"anonymous, file and shared pages resident, page tables; then how many areas "
		"there are. Figures are exact: what the model counts, and `allot vm diff` "
		"shows to be what the kernel counts.",
		"Operations: file F 64p; memory M 64p; map A 64p rw private [F+2p] [at X] "
		"[fixed X] [populate] [locked] [noreserve] [stack] [growsdown] [noreplace]; "
		"unmap, protect, advise, lock, unlock and a range: A, A 3, A 3..10; remap A "
		"0..3 8p [move] [to X] [keep] [as B]; brk +4p; r, w, x and a range: load, "
		"store, fetch, [back] or [random COUNT SEED]; w8 A BYTE; kernel-r, kernel-w; "
		"fork c; c: OPERATION; c: exit; expect min=64 anon=64.",
		"Under pressure: limit 8192p or none, for all processes together; swap 65536p; "
		"swappiness 0 to 200; adjust N, oom_score_adj; drop F, from the page cache; expect "
		"maj=64 swap=64 killed=c. Or frames 4096p [panic], of a machine that is short "
		"itself: expect kswapd=64 direct=0, pages freed beside processes and by them. Then "
		"swap, kswapd and direct are columns too.",
		"exec PROGRAM [3p] replaces the process by an ELF file's program, as it is before "
		"its first instruction, with one argument more of so many pages; what can follow "
		"is exit. A file that cannot be executed is named with the byte that is wrong and "
		"what was expected there, unless the next line expects the error: expect "
		"error=ENOEXEC.",
		NULL },
	.options = run_options,
	.statuses = vm_statuses,
	.examples = run_examples,
	.next = "allot vm diff FILE.vm",
	.usage_status = STATUS_USAGE,
	.run = vm_run_main,
};

static const struct command_option diff_options[] = {
	{ .name = "random", .value = "SEED,N", .help = "play N random scripts, the first by SEED" },
	{ .name = "operations", .value = "N", .help = "operations of a random script: 200" },
	{ .name = "figures", .help = "also what each operation changed, in kernel and model" },
	{ .name = "profile", .value = "NAME",
	  .help = "the model's kernel, or a file as ./kernel.json; measured on the running one "
		  "without this" },
	{ .name = "off", .value = "RULE",
	  .help = "switch a rule of the model off; may be repeated" },
	{ .name = "json", .help = "write JSON; its \"schema\" member names and numbers the form" },
	{ .name = "help", .help = "show this help" },
	{ .name = NULL },
};

static const struct command_note diff_examples[] = {
	{ "allot vm diff tests/vm/scripts/*.vm", "all scripts there are" },
	{ "allot vm diff --random 1,1000", "a thousand random scripts of 200 operations" },
	{ "allot vm diff --figures tests/vm/scripts/swap_sweep.vm",
	  "what each operation changed on both sides" },
	{ NULL, NULL },
};

const struct command command_vm_diff = {
	.name = "vm diff",
	.operands = "[FILE.vm...]",
	.summary = "play scripts on the kernel and on the model, and compare",
	.paragraphs = (const char *const[]){
		"After every operation, in every process: minor and major faults, RssAnon, "
		"RssFile, RssShmem, VmPTE, VmLck, VmSize, each area of /proc/PID/maps, each "
		"page of pagemap. The first difference is named. A random script that fails is "
		"shrunk to the lines it needs.",
		"A script that differs is played again, up to three times in all: the kernel may "
		"be disturbed by what else the machine does, a page being locked or written "
		"back for instance. It counts as a mismatch when it differs each time, not "
		"counting times at which khugepaged made a huge page; how many were disturbed "
		"is said.",
		"An exec is stopped with ptrace before the program's first instruction; where it "
		"begins, its stack pointer and its break are compared too. Programs run without "
		"random addresses and gain no rights.",
		"Scripts with limits are played in a memory cgroup, with swap in zram, made for "
		"them and removed at the end, however it comes. Faults, resident pages and swap of "
		"each operation may differ by 2 per cent or 64 pages; who is killed may not. They "
		"are played again up to five times: every two seconds the kernel adds up counts "
		"that reclaim goes by. Without root, a memory controller of cgroups or zram, or "
		"where the kernel uses MGLRU, they are skipped, and the reason is said.",
		"Left out, as the kernel adds them up in batches: ru_maxrss, VmHWM and "
		"LazyFree. Without root the kernel hides frame numbers; then the zero page is "
		"not told from others, nor a copied page from one that was kept.",
		NULL },
	.options = diff_options,
	.statuses = vm_statuses,
	.examples = diff_examples,
	.next = "allot vm run --explain FILE.vm",
	.usage_status = STATUS_USAGE,
	.run = vm_diff_main,
};

static const struct command_option probe_options[] = {
	{ .name = "help", .help = "show this help" },
	{ .name = NULL },
};

static const struct command_note probe_examples[] = {
	{ "allot vm probe", "what the model needs to know of this kernel" },
	{ "allot vm probe >here.json; allot vm run --profile ./here.json FILE.vm",
	  "a script by the rules of the kernel that was measured" },
	{ NULL, NULL },
};

const struct command command_vm_probe = {
	.name = "vm probe",
	.operands = "",
	.summary = "measure what is particular to the running kernel, as JSON",
	.paragraphs = (const char *const[]){
		"Each rule that differs between kernels is tried out in a process of its own. "
		"The figures are measured; limits are read from /proc/sys.",
		NULL },
	.options = probe_options,
	.statuses = vm_statuses,
	.examples = probe_examples,
	.next = "allot vm diff --random 1,10",
	.usage_status = STATUS_USAGE,
	.run = vm_probe_main,
};
