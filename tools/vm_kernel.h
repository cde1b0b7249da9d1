/* SPDX-License-Identifier: MIT */
/*
 * The running kernel as a back end of scripts: a helper process does what the script says, and its
 * memory is looked at through /proc.
 *
 * What is looked at: minor and major faults of /proc/PID/stat; RssAnon, RssFile, RssShmem, VmPTE,
 * VmLck and VmSize of status, less what the helper itself has; every line of maps; every page of
 * pagemap. Not looked at, for they are not exact: ru_maxrss, VmHWM and LazyFree, which the kernel
 * adds up in batches.
 */
#ifndef ALLOT_TOOLS_VM_KERNEL_H
#define ALLOT_TOOLS_VM_KERNEL_H

#include <sys/types.h>

#include "vm_model.h"
#include "vm_pressure.h"
#include "vm_state.h"
#include "vm_wire.h"

/* One process of a script. */
struct kernel_process {
	pid_t pid;              /* 0: not forked yet, or gone */
	int parent;             /* index */
	int stat_fd, status_fd, maps_fd, pagemap_fd;
	uint64_t minor_own;     /* faults of the helper's own, not the script's */
	uint64_t major_own;
	bool is_program;        /* it has executed one, and is traced and stopped */
	bool is_killed;         /* by the kernel, for want of memory, in the step before */
};

struct vm_kernel {
	struct kernel_process processes[SCRIPT_PROCESSES_MAX];
	int channels[SCRIPT_PROCESSES_MAX];   /* our ends */
	int ends[SCRIPT_PROCESSES_MAX];       /* the helper's ends, until it has them */
	int files[SCRIPT_FILES_MAX];
	int file_count;
	struct wire_range own[WIRE_RANGES_MAX];
	size_t own_count;
	struct vm_furniture furniture[WIRE_RANGES_MAX];
	bool *is_present;                     /* of all furniture, one after another */
	struct vm_seen base;                  /* what the helper itself has */
	uint64_t break_start;
	uint64_t zero_frame, huge_zero_frame; /* 0: hidden from us */
	bool hides_frames;                    /* not root: frame numbers read as 0 */
	bool scans_huge;                      /* look for huge pages too */
	pid_t main_pid;                       /* ours to wait for; 0: not started */
	struct vm_pressure pressure;          /* of a script with limits */
	bool is_limited;                      /* it is one */
	uint64_t kills;                       /* that are known of */
	char message[256];                    /* why something failed */
};

/* Start the helper at `helper_path`, with the script's files. False with kernel->message. */
bool vm_kernel_open(struct vm_kernel *kernel, const struct script *script,
		    const char *helper_path);
void vm_kernel_close(struct vm_kernel *kernel);

/* False with kernel->message when the helper cannot. */
bool vm_kernel_apply(struct vm_kernel *kernel, const struct vm_step *step,
		     struct vm_outcome *outcome);
bool vm_kernel_look(struct vm_kernel *kernel, int process, struct vm_seen *seen);

/* Open the files in /proc of a process anew, as after an exec they are of another memory. */
bool vm_kernel_reopen(struct vm_kernel *kernel, int process);

/* Forget a process that has ended; its parent, if it is one of ours, waits for it. */
bool vm_kernel_reap(struct vm_kernel *kernel, int process);

/* The break as the kernel has it. */
bool vm_kernel_break(struct vm_kernel *kernel, int process, uint64_t *out_break);

#endif
