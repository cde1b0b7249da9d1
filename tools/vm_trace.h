/* SPDX-License-Identifier: MIT */
/*
 * A run of `allot vm trace`: what reading a trace leaves behind for its results.
 */
#ifndef ALLOT_TOOLS_VM_TRACE_H
#define ALLOT_TOOLS_VM_TRACE_H

#include <stdio.h>

#include <allot/vm.h>

enum {
	TRACE_CHANGES_MAX = 1 << 18, /* of page, that are kept for OPT and FIFO */
};

/* A run over a trace. */
struct trace_run {
	const char *path;
	const char *command;
	const struct vm_geometry *geometry;
	struct vm_tlb tlb;
	struct vm_flat flat;
	struct vm_curve curve;
	struct vm_working working;
	uint32_t curve_room, working_room; /* pages */
	uint64_t page, repeat_count;       /* accesses to one page that are not accounted for yet */
	uint64_t *changes;                 /* pages, one for each change */
	size_t change_count;
	uint64_t faults;                   /* no addresses of the machine */
	uint64_t tau;
	FILE *written;
	struct vm_access pending[VM_TRACE_BLOCK_ACCESSES];
	size_t pending_count;
	bool has_tlb, has_curve, is_damaged;
};

/*
 * Write all results, as text or as JSON, and draw the curve into the file `picture` unless that is
 * NULL. A status to exit with.
 */
int vm_trace_results_write(struct trace_run *run, bool is_json, const char *picture);

/* Say what system call failed on which file: STATUS_FAILURE. */
int vm_trace_file_failed(const struct trace_run *run, const char *path);

#endif
