/* SPDX-License-Identifier: MIT */
/*
 * The kernel's reports, read from /proc. See vm_kernel_report.h.
 */
#include "vm_kernel_report.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vm_report.h"

enum {
	PATH_BYTES = 64,
	MAPS_COLUMNS = 73,
};

/* Areas of the kernel's end above it. */
static const uint64_t user_end = UINT64_C(0x800000000000);

static FILE *report_open(const struct vm_kernel *kernel, int process, const char *name)
{
	char path[PATH_BYTES];
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)kernel->processes[process].pid, name);
	return fopen(path, "re");
}

/* Is it the first line of an area, and one of the script's? Other lines leave *out_is_ours. */
static bool area_begins(const struct vm_kernel *kernel, const char *line, uint64_t *out_start,
			uint64_t *out_end, bool *out_is_ours)
{
	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " ", out_start, out_end) != 2)
		return false;
	*out_is_ours = *out_start < user_end;
	for (size_t i = 0; i < kernel->own_count; i++)
		if (*out_start >= kernel->own[i].start && *out_start < kernel->own[i].end)
			*out_is_ours = false;
	return true;
}

bool kernel_report_areas(FILE *out, const struct vm_kernel *kernel, int process, const char *name)
{
	FILE *in = report_open(kernel, process, name);
	char *line = NULL;
	size_t bytes = 0;
	uint64_t start, end;
	bool is_ours = false;
	if (in == NULL)
		return false;
	while (getline(&line, &bytes, in) >= 0) {
		area_begins(kernel, line, &start, &end, &is_ours);
		if (is_ours)
			fputs(line, out);
	}
	free(line);
	fclose(in);
	return true;
}

/* ---- status ---- */

/* Read the lines of `in`; with a base, write them less it. */
static void status_copy(FILE *in, struct kernel_base *read, const struct kernel_base *base,
			FILE *out)
{
	char *line = NULL, name[PATH_BYTES];
	size_t bytes = 0, count = 0;
	uint64_t kib;
	bool is_memory = false;
	while (count < STATUS_LINES && getline(&line, &bytes, in) >= 0) {
		is_memory |= strncmp(line, "VmPeak:", strlen("VmPeak:")) == 0;
		if (!is_memory || sscanf(line, "%63[^:]: %" SCNu64 " kB", name, &kib) != 2)
			continue;
		read->kib[count] = kib;
		if (base != NULL)
			fprintf(out, "%s:\t%8" PRIu64 " kB\n", name, kib - base->kib[count]);
		count++;
	}
	free(line);
}

bool kernel_base_read(const struct vm_kernel *kernel, struct kernel_base *out)
{
	FILE *in = report_open(kernel, 0, "status");
	*out = (struct kernel_base){ 0 };
	if (in == NULL)
		return false;
	status_copy(in, out, NULL, NULL);
	fclose(in);
	return true;
}

bool kernel_report_status(FILE *out, const struct vm_kernel *kernel, int process,
			  const struct kernel_base *base)
{
	struct kernel_base unused;
	FILE *in = report_open(kernel, process, "status");
	if (in == NULL)
		return false;
	status_copy(in, &unused, base, out);
	fclose(in);
	return true;
}

/* ---- pagemap ---- */

static bool area_pages_write(FILE *out, int pagemap_fd, uint64_t start, uint64_t end)
{
	for (uint64_t at = start; at < end; at += SCRIPT_PAGE_BYTES) {
		uint64_t entry;
		off_t offset = (off_t)(at / SCRIPT_PAGE_BYTES * sizeof(entry));
		if (pread(pagemap_fd, &entry, sizeof(entry), offset) != sizeof(entry))
			return false;
		fprintf(out, "%012" PRIx64 " %016" PRIx64, at, entry);
		report_pagemap_words(out, entry);
		putc('\n', out);
	}
	return true;
}

bool kernel_report_pagemap(FILE *out, const struct vm_kernel *kernel, int process)
{
	FILE *in = report_open(kernel, process, "maps");
	char *line = NULL;
	size_t bytes = 0;
	uint64_t start, end;
	bool is_done = in != NULL;
	while (is_done && getline(&line, &bytes, in) >= 0) {
		bool is_ours = false;
		if (area_begins(kernel, line, &start, &end, &is_ours) && is_ours)
			is_done = area_pages_write(out, kernel->processes[process].pagemap_fd,
						   start, end);
	}
	free(line);
	if (in != NULL)
		fclose(in);
	return is_done;
}

/* ---- comparing ---- */

static bool begins(const char *line, const char *word)
{
	return strncmp(line, word, strlen(word)) == 0;
}

/* Lines of areas as far as the offset, and whether a name stands where it should. */
static bool areas_agree(const char *a, const char *b, size_t a_length, size_t b_length)
{
	char a_inode[PATH_BYTES] = "", b_inode[PATH_BYTES] = "";
	int a_used = 0, b_used = 0;
	sscanf(a, "%*s %*s %*s %n%*s %63s", &a_used, a_inode);
	sscanf(b, "%*s %*s %*s %n%*s %63s", &b_used, b_inode);
	if (strcmp(a_inode, "0") == 0 || strcmp(b_inode, "0") == 0)
		return a_length == b_length && strncmp(a, b, a_length) == 0;
	return a_used == b_used && strncmp(a, b, (size_t)a_used) == 0 &&
	       a_length > MAPS_COLUMNS && b_length > MAPS_COLUMNS &&
	       strncmp(a + MAPS_COLUMNS - 1, " /", 2) == 0 &&
	       strncmp(b + MAPS_COLUMNS - 1, " /", 2) == 0;
}

static bool lines_agree(const char *a, const char *b, size_t a_length, size_t b_length)
{
	unsigned long long start, other, a_entry, b_entry;
	char end;
	if (sscanf(a, "%llx-%llx%c", &start, &other, &end) == 3)
		return areas_agree(a, b, a_length, b_length);
	if (sscanf(a, "%llx %16llx%c", &start, &a_entry, &end) == 3 &&
	    sscanf(b, "%llx %16llx%c", &other, &b_entry, &end) == 3)
		return start == other &&
		       (a_entry & ~VM_PAGEMAP_FRAME) == (b_entry & ~VM_PAGEMAP_FRAME);
	if (begins(a, "VmPeak:") || begins(a, "VmHWM:") || begins(a, "LazyFree:"))
		return begins(b, "VmPeak:") || begins(b, "VmHWM:") || begins(b, "LazyFree:");
	return a_length == b_length && strncmp(a, b, a_length) == 0;
}

bool reports_agree(const char *kernel, const char *model, char *message, size_t message_bytes)
{
	int number = 1;
	while (*kernel != '\0' || *model != '\0') {
		size_t kernel_length = strcspn(kernel, "\n"), model_length = strcspn(model, "\n");
		if (!lines_agree(kernel, model, kernel_length, model_length)) {
			snprintf(message, message_bytes, "line %d: kernel '%.*s', model '%.*s'",
				 number, (int)kernel_length, kernel, (int)model_length, model);
			return false;
		}
		kernel += kernel_length + (kernel[kernel_length] != '\0');
		model += model_length + (model[model_length] != '\0');
		number++;
	}
	return true;
}
