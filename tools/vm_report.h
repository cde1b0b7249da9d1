/* SPDX-License-Identifier: MIT */
/*
 * Reports: a modelled process's memory as files of /proc have it, line by line.
 *
 * What the kernel knows and a script does not is made up: shared memory is on device 00:01, as on
 * Linux, files are on 08:01, and inodes are numbered from 1. Areas a process has from the start,
 * of its program and stack, are left out.
 */
#ifndef ALLOT_TOOLS_VM_REPORT_H
#define ALLOT_TOOLS_VM_REPORT_H

#include <stdio.h>

#include "vm_after.h"

void report_maps(FILE *out, const struct vm_after *after);
void report_smaps(FILE *out, const struct vm_after *after);

/* The lines of status about memory. */
void report_status(FILE *out, const struct vm_after *after);

/* Every page of every area: its address, its entry of pagemap, and what the entry says. */
void report_pagemap(FILE *out, const struct vm_after *after);

/* What an entry of pagemap says, in words. */
void report_pagemap_words(FILE *out, uint64_t entry);

#endif
