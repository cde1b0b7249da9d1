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

/* The report that the command `after` is for is named after, as JSON. */
void report_json(FILE *out, const struct vm_after *after);

/* ---- what texts and JSON are made of ---- */

enum {
	REPORT_ROWS_MAX = 24,
	REPORT_NAME_BYTES = 256,
};

/* A figure of smaps or status. */
struct report_row {
	const char *name;
	uint64_t bytes;
};

/* The first area that ends above *at, which becomes its end; false when there is none. */
bool report_area_next(const struct vm_after *after, uint64_t *at, struct vm_area_view *view);
/* "rw-p" */
void report_area_rights(const struct vm_area_view *view, char out[5]);
/* "[heap]", the path of a file, or empty. */
void report_area_name(const struct vm_after *after, const struct vm_area_view *view, char *out,
		      size_t bytes);

/* Both return how many there are. */
size_t report_sums_rows(const struct vm_area_sums *sums, uint64_t size,
			struct report_row rows[REPORT_ROWS_MAX]);
size_t report_status_rows(const struct vm_after *after, struct report_row rows[REPORT_ROWS_MAX]);

#endif
