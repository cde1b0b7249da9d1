/* SPDX-License-Identifier: MIT */
/*
 * The running kernel's own reports on a process of a script, without what the helper itself has:
 * to be compared line by line with ours, which are in vm_report.h.
 */
#ifndef ALLOT_TOOLS_VM_KERNEL_REPORT_H
#define ALLOT_TOOLS_VM_KERNEL_REPORT_H

#include <stdio.h>

#include "vm_kernel.h"

enum {
	STATUS_LINES = 16, /* about memory: VmPeak to HugetlbPages */
};

/* What status says of the helper before the script begins, in KiB. */
struct kernel_base {
	uint64_t kib[STATUS_LINES];
};

bool kernel_base_read(const struct vm_kernel *kernel, struct kernel_base *out);

/* maps or smaps, of the script's areas. False with errno. */
bool kernel_report_areas(FILE *out, const struct vm_kernel *kernel, int process, const char *name);

/* The lines of status about memory, less the base. */
bool kernel_report_status(FILE *out, const struct vm_kernel *kernel, int process,
			  const struct kernel_base *base);

/* The entry of pagemap of each page of the script's areas, as report_pagemap() has them. */
bool kernel_report_pagemap(FILE *out, const struct vm_kernel *kernel, int process);

/*
 * Do the kernel's text and ours agree? Not compared are device, inode and path of a file, frame
 * numbers, and what the kernel adds up in batches or since before the script: VmPeak, VmHWM,
 * LazyFree. False with both lines in `message`.
 */
bool reports_agree(const char *kernel, const char *model, char *message, size_t message_bytes);

#endif
