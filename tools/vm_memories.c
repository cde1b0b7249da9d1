/* SPDX-License-Identifier: MIT */
/*
 * The subcommands of `allot vm` about physical memory: options, statuses, examples and words.
 */
#include <stddef.h>

#include "command.h"

static const struct command_note memory_statuses[] = {
	{ "0", "done; where the kernel has the same figure it is the same" },
	{ "1", "failed: a figure differs from the kernel's, or an expectation of the script" },
	{ "2", "wrong usage" },
	{ "4", "a script or a file of /proc is damaged: what was expected is named" },
	{ NULL, NULL },
};

#define FROM_KERNEL \
	{ .name = "from-kernel", .value = "DIR", .is_value_optional = true, \
	  .help = "of the running kernel, or of a copy of its /proc in DIR" }
#define JSON_AND_HELP \
	{ .name = "json", \
	  .help = "write JSON; its \"schema\" member names and numbers the form" }, \
	{ .name = "help", .help = "show this help" }, \
	{ .name = NULL }

static const struct command_option source_options[] = { FROM_KERNEL, JSON_AND_HELP };

static const struct command_note free_examples[] = {
	{ "allot vm free --from-kernel", "both meanings of used, and MemAvailable derived" },
	{ "allot vm free tests/vm/scripts/fork_copy.vm", "the machine after a script" },
	{ NULL, NULL },
};

const struct command command_vm_free = {
	.name = "vm free",
	.operands = "[FILE.vm]",
	.summary = "show memory as free(1) does, and derive what the kernel derives",
	.paragraphs = (const char *const[]){
		"The line twice: procps 4 calls used what is not available, procps 3.3 what is "
		"neither free nor in buffers and caches. With --from-kernel MemAvailable and "
		"CommitLimit are computed from zones, settings and the other lines, and shown "
		"beside the kernel's.",
		"The kernel adds MemAvailable up from counters it reads a moment after the ones it "
		"shows; when they differ everything is read again, up to 100 times.",
		NULL },
	.options = source_options,
	.statuses = memory_statuses,
	.examples = free_examples,
	.next = "allot vm sar --from-kernel",
	.usage_status = STATUS_USAGE,
	.run = vm_free_main,
};

static const struct command_note sar_examples[] = {
	{ "allot vm sar --from-kernel", "the columns of sar -r ALL, of this moment" },
	{ NULL, NULL },
};

const struct command command_vm_sar = {
	.name = "vm sar",
	.operands = "[FILE.vm]",
	.summary = "show memory in the columns of sar -r ALL",
	.paragraphs = (const char *const[]){
		"As sysstat 12 computes them: kbmemused is neither free, nor buffers, nor cached, "
		"nor slab. free's buff/cache is kbbuffers and kbcached and the part of kbslab "
		"that can be reclaimed. What a machine of the model does not have is n/a.",
		NULL },
	.options = source_options,
	.statuses = memory_statuses,
	.examples = sar_examples,
	.next = "allot vm free --from-kernel",
	.usage_status = STATUS_USAGE,
	.run = vm_sar_main,
};

static const struct command_option buddyinfo_options[] = {
	FROM_KERNEL,
	{ .name = "explain", .help = "also how fragmented memory is, order by order" },
	JSON_AND_HELP,
};

static const struct command_note buddyinfo_examples[] = {
	{ "allot vm buddyinfo --from-kernel --explain", "which orders cannot be had, and why" },
	{ "allot vm buddyinfo tests/vm/scripts/fork_copy.vm", "the machine after a script" },
	{ NULL, NULL },
};

const struct command command_vm_buddyinfo = {
	.name = "vm buddyinfo",
	.operands = "[FILE.vm]",
	.summary = "count free blocks of 1, 2, 4 to 1,024 pages, as /proc/buddyinfo does",
	.paragraphs = (const char *const[]){
		"With --explain two indices for each order: the share of free memory in blocks too "
		"small for it; and for an order that cannot be had, whether memory is short "
		"(towards 0) or fragmented (towards 1); -1 when it can be had.",
		NULL },
	.options = buddyinfo_options,
	.statuses = memory_statuses,
	.examples = buddyinfo_examples,
	.next = "allot vm watermarks --from-kernel",
	.usage_status = STATUS_USAGE,
	.run = vm_buddyinfo_main,
};

static const struct command_option watermarks_options[] = {
	FROM_KERNEL,
	{ .name = "min-free", .value = "KIB",
	  .help = "vm.min_free_kbytes; without it what the kernel would choose, with huge pages" },
	{ .name = "scale", .value = "N", .help = "vm.watermark_scale_factor: 10 without it" },
	JSON_AND_HELP,
};

static const struct command_note watermarks_examples[] = {
	{ "allot vm watermarks --from-kernel", "of every zone, ours beside the kernel's" },
	{ "allot vm watermarks --scale 200 DMA=3840 DMA32=772915 Normal=5394266",
	  "of a machine that is not there" },
	{ NULL, NULL },
};

const struct command command_vm_watermarks = {
	.name = "vm watermarks",
	.operands = "[ZONE=PAGES...]",
	.summary = "compute the watermarks of zones, and compare them with the kernel's",
	.paragraphs = (const char *const[]){
		"Below low kswapd wakes, above high it sleeps, below min processes reclaim memory "
		"themselves. protection[N] is what a zone keeps from requests for zone N. A "
		"zone is of so many managed pages; Movable and HighMem are apart.",
		NULL },
	.options = watermarks_options,
	.statuses = memory_statuses,
	.examples = watermarks_examples,
	.next = "allot vm buddyinfo --from-kernel --explain",
	.usage_status = STATUS_USAGE,
	.run = vm_watermarks_main,
};

static const struct command_note oom_examples[] = {
	{ "allot vm oom", "the ten that would be killed first" },
	{ "allot vm oom 1 $$", "of two processes" },
	{ NULL, NULL },
};

const struct command command_vm_oom = {
	.name = "vm oom",
	.operands = "[PID...]",
	.summary = "compute who is killed when memory is out, and compare with the kernel",
	.paragraphs = (const char *const[]){
		"Badness is what is resident, swapped out and in page tables, and oom_score_adj "
		"thousandths of all memory and swap; oom_score is a measure of it from 0 to "
		"2,000 in which a process without memory has 666.",
		NULL },
	.options = source_options,
	.statuses = memory_statuses,
	.examples = oom_examples,
	.next = "allot vm free --from-kernel",
	.usage_status = STATUS_USAGE,
	.run = vm_oom_main,
};

static const struct command_option slabinfo_options[] = {
	FROM_KERNEL,
	{ .name = "frames", .value = "N", .help = "of the machine: 4096 without it" },
	{ .name = "explain", .help = "also how many slabs are full, partly used and empty" },
	JSON_AND_HELP,
};

static const struct command_note slabinfo_examples[] = {
	{ "allot vm slabinfo --explain", "caches after a workload that is built in" },
	{ "allot vm slabinfo cache:inode:600 take:inode:100", "after your own operations" },
	{ "allot vm slabinfo --from-kernel", "objects of a slab, ours beside the kernel's" },
	{ NULL, NULL },
};

const struct command command_vm_slabinfo = {
	.name = "vm slabinfo",
	.operands = "[OPERATION...]",
	.summary = "show slab caches as /proc/slabinfo does",
	.paragraphs = (const char *const[]){
		"Operations are those of allot-vm-kmem(1). A slab is of the order, and has as "
		"many objects, as mm/slub.c chooses since 6.8 for one processor. With "
		"--from-kernel the choice is computed for every cache of the running kernel "
		"and its processors, and compared; /proc/slabinfo is root's to read.",
		"Colouring is left out: Linux has had none since slabs of mm/slab.c went in 6.8.",
		NULL },
	.options = slabinfo_options,
	.statuses = memory_statuses,
	.examples = slabinfo_examples,
	.next = "allot vm slabinfo --from-kernel",
	.usage_status = STATUS_USAGE,
	.run = vm_slabinfo_main,
};

static const struct command_option kmem_options[] = {
	{ .name = "frames", .value = "N", .help = "of the machine: 4096 without it" },
	JSON_AND_HELP,
};

static const struct command_note kmem_examples[] = {
	{ "allot vm kmem", "a large kmalloc fails in fragmented memory, vmalloc does not" },
	{ "allot vm kmem fragment kmalloc:a:16k vmalloc:a:16k free:a", "the same, smaller" },
	{ "allot vm kmem cache:inode:600 take:inode:9 give:inode:9 shrink", "a slab's life" },
	{ NULL, NULL },
};

const struct command command_vm_kmem = {
	.name = "vm kmem",
	.operands = "[OPERATION...]",
	.summary = "allocate memory as the kernel does for itself, step by step",
	.paragraphs = (const char *const[]){
		"Operations: kmalloc:NAME:BYTES, contiguous in frames; vmalloc:NAME:BYTES, in "
		"addresses only; free:NAME; cache:NAME:BYTES, a cache of objects; take:NAME:N and "
		"give:NAME:N, objects of it; shrink, empty slabs go; fragment, every second frame "
		"is lent. Without any, a few that are built in.",
		"An operation that cannot be done says why and the next one follows, which is "
		"what there is to see; the machine is proved whole at the end.",
		NULL },
	.options = kmem_options,
	.statuses = memory_statuses,
	.examples = kmem_examples,
	.next = "allot vm slabinfo --explain",
	.usage_status = STATUS_USAGE,
	.run = vm_kmem_main,
};
