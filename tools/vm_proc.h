/* SPDX-License-Identifier: MIT */
/*
 * What the kernel tells about physical memory: files of /proc, or of a copy of it.
 *
 * Every reader returns false with one line in `message` that names the file and what is missing.
 */
#ifndef ALLOT_TOOLS_VM_PROC_H
#define ALLOT_TOOLS_VM_PROC_H

#include <allot/vm.h>

enum {
	PROC_ZONES_MAX = 64,
	PROC_NAME_BYTES = 16,
	PROC_MESSAGE_BYTES = 512,
};

/* /proc, or a folder with copies of its files. */
struct vm_proc {
	const char *root;
	char message[PROC_MESSAGE_BYTES];
};

/* A zone of /proc/zoneinfo. */
struct proc_zone {
	struct vm_zone zone;
	char name[PROC_NAME_BYTES];
	size_t index;                          /* in its node */
	uint64_t free, boost;                  /* pages */
	struct vm_watermarks marks;            /* without the boost */
	uint64_t reserves[VM_NODE_ZONES_MAX];  /* "protection" */
	size_t reserve_count;
};

struct proc_zones {
	struct proc_zone all[PROC_ZONES_MAX];
	size_t count;
};

bool proc_zones_read(struct vm_proc *proc, struct proc_zones *out);

/* /proc/meminfo, with the lines that vm_meminfo has none for. KiB. */
struct proc_meminfo {
	struct vm_meminfo info;
	uint64_t commit_limit, file, kernel_reclaimable, hugetlb;
};

bool proc_meminfo_read(struct vm_proc *proc, struct proc_meminfo *out);

/* A number in a file: "sys/vm/min_free_kbytes". */
bool proc_number_read(struct vm_proc *proc, const char *file, int64_t *out);

/* Numbers in a file, `most` of them at most. */
bool proc_numbers_read(struct vm_proc *proc, const char *file, uint64_t *out, size_t most,
		       size_t *out_count);

/* A process as the killer sees it, and its name; `pid` as a word. */
struct proc_process {
	struct vm_oom_input oom;
	char name[PROC_NAME_BYTES + 1];
	bool has_memory; /* false: a thread of the kernel, or on its way out */
	uint64_t score;  /* oom_score */
};

bool proc_process_read(struct vm_proc *proc, const char *pid, struct proc_process *out);

#endif
