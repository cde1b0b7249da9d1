/* SPDX-License-Identifier: MIT */
/*
 * Reports: the formats of fs/proc/task_mmu.c.
 */
#include "vm_report.h"

#include <inttypes.h>
#include <string.h>

enum {
	KIB = 1024,
	MAPS_COLUMNS = 73,  /* where a name begins */
	SUMS_COLUMNS = 16,  /* where a figure of smaps may begin */
};

/* ---- maps ---- */

/* The number of a file among those of the script, or SCRIPT_FILES_MAX: shared without a name. */
static int file_index(const struct vm_after *after, const struct vm_file *file)
{
	int i = 0;
	while (i < after->script.file_count && after->play.model.files[i] != file)
		i++;
	return i < after->script.file_count ? i : SCRIPT_FILES_MAX;
}

void report_area_name(const struct vm_after *after, const struct vm_area_view *view, char *name,
		      size_t bytes)
{
	int index = file_index(after, view->file);
	name[0] = '\0';
	if (view->is_heap)
		snprintf(name, bytes, "[heap]");
	else if (view->file != NULL && index == SCRIPT_FILES_MAX)
		snprintf(name, bytes, "/dev/zero (deleted)");
	else if (view->file != NULL && after->script.files[index].is_memory)
		snprintf(name, bytes, "/memfd:%s (deleted)", after->script.files[index].name);
	else if (view->file != NULL)
		snprintf(name, bytes, "/%s", after->script.files[index].name);
}

void report_area_rights(const struct vm_area_view *view, char out[5])
{
	out[0] = view->flags & VM_AREA_READ ? 'r' : '-';
	out[1] = view->flags & VM_AREA_WRITE ? 'w' : '-';
	out[2] = view->flags & VM_AREA_EXEC ? 'x' : '-';
	out[3] = view->flags & VM_AREA_SHARED ? 's' : 'p';
	out[4] = '\0';
}

static void area_write(FILE *out, const struct vm_after *after, const struct vm_area_view *view)
{
	char name[REPORT_NAME_BYTES], rights[5];
	int index = file_index(after, view->file);
	bool is_disk = view->file != NULL && index < SCRIPT_FILES_MAX &&
		       !after->script.files[index].is_memory;
	const char *device = view->file == NULL ? "00:00" : is_disk ? "08:01" : "00:01";
	report_area_rights(view, rights);
	report_area_name(after, view, name, sizeof(name));
	int used = fprintf(out, "%08" PRIx64 "-%08" PRIx64 " %s %08" PRIx64 " %s %d ",
			   view->start, view->end, rights, view->offset, device,
			   view->file == NULL ? 0 : index + 1);
	if (name[0] != '\0')
		fprintf(out, "%*s%s", used < MAPS_COLUMNS ? MAPS_COLUMNS - used : 1, "", name);
	putc('\n', out);
}

bool report_area_next(const struct vm_after *after, uint64_t *at, struct vm_area_view *view)
{
	do {
		if (!vm_area_next(vm_after_space(after), *at, view))
			return false;
		*at = view->end;
	} while (view->flags & VM_AREA_FURNITURE);
	return true;
}

void report_maps(FILE *out, const struct vm_after *after)
{
	struct vm_area_view view;
	for (uint64_t at = 0; report_area_next(after, &at, &view);)
		area_write(out, after, &view);
}

/* ---- smaps ---- */

/* Two letters for each flag, in the order of the kernel's bits. */
static void flags_write(FILE *out, const struct vm_area_view *view)
{
	static const struct {
		uint32_t flag;
		const char *letters;
	} rows[] = {
		{ VM_AREA_READ, "rd" },       { VM_AREA_WRITE, "wr" },
		{ VM_AREA_EXEC, "ex" },       { VM_AREA_SHARED, "sh" },
		{ 0, "mr" },                  { 0, "mw" },
		{ 0, "me" },                  { VM_AREA_SHARED, "ms" },
		{ VM_AREA_GROWSDOWN, "gd" },  { VM_AREA_GUARDED, "gu" },
		{ VM_AREA_LOCKED, "lo" },     { VM_AREA_SEQUENTIAL, "sr" },
		{ VM_AREA_RANDOM, "rr" },     { VM_AREA_DONTFORK, "dc" },
		{ VM_AREA_LOCKED_ON_FAULT, "lf" }, { VM_AREA_ACCOUNT, "ac" },
		{ VM_AREA_NORESERVE, "nr" },  { VM_AREA_WIPEONFORK, "wf" },
		{ VM_AREA_DONTDUMP, "dd" },   { VM_AREA_HUGEPAGE, "hg" },
		{ VM_AREA_NOHUGEPAGE, "nh" },
	};
	fputs("VmFlags: ", out);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].flag == 0 || view->flags & rows[i].flag)
			fprintf(out, "%s ", rows[i].letters);
	putc('\n', out);
}

size_t report_sums_rows(const struct vm_area_sums *sums, uint64_t size,
			struct report_row rows[REPORT_ROWS_MAX])
{
	const struct report_row all[] = {
		{ "Size", size },
		{ "KernelPageSize", SCRIPT_PAGE_BYTES },
		{ "MMUPageSize", SCRIPT_PAGE_BYTES },
		{ "Rss", sums->rss },
		{ "Pss", sums->pss },
		{ "Pss_Dirty", sums->pss_dirty },
		{ "Shared_Clean", sums->shared_clean },
		{ "Shared_Dirty", sums->shared_dirty },
		{ "Private_Clean", sums->private_clean },
		{ "Private_Dirty", sums->private_dirty },
		{ "Referenced", sums->referenced },
		{ "Anonymous", sums->anonymous },
		{ "KSM", 0 },
		{ "LazyFree", sums->lazy_free },
		{ "AnonHugePages", sums->anon_huge },
		{ "ShmemPmdMapped", 0 },
		{ "FilePmdMapped", 0 },
		{ "Shared_Hugetlb", 0 },
		{ "Private_Hugetlb", 0 },
		{ "Swap", sums->swap },
		{ "SwapPss", sums->swap_pss },
		{ "Locked", sums->locked },
	};
	_Static_assert(sizeof(all) <= REPORT_ROWS_MAX * sizeof(all[0]), "too many rows");
	memcpy(rows, all, sizeof(all));
	return sizeof(all) / sizeof(all[0]);
}

static void sums_write(FILE *out, const struct vm_area_sums *sums, uint64_t size)
{
	struct report_row rows[REPORT_ROWS_MAX];
	size_t count = report_sums_rows(sums, size, rows);
	for (size_t i = 0; i < count; i++)
		fprintf(out, "%s:%*s%8" PRIu64 " kB\n", rows[i].name,
			SUMS_COLUMNS - (int)strlen(rows[i].name) - 1, "", rows[i].bytes / KIB);
	fprintf(out, "THPeligible:    %8d\n", sums->may_be_huge);
}

void report_smaps(FILE *out, const struct vm_after *after)
{
	struct vm_area_view view;
	struct vm_area_sums sums;
	for (uint64_t at = 0; report_area_next(after, &at, &view);) {
		area_write(out, after, &view);
		vm_area_sums_get(vm_after_space(after), view.start, &sums);
		sums_write(out, &sums, view.end - view.start);
		flags_write(out, &view);
	}
}

/* ---- status ---- */

size_t report_status_rows(const struct vm_after *after, struct report_row rows[REPORT_ROWS_MAX])
{
	struct vm_counters counters;
	struct vm_sizes sizes;
	vm_counters_get(vm_after_space(after), &counters);
	vm_sizes_get(vm_after_space(after), &sizes);
	const struct {
		const char *name;
		uint64_t pages;
	} all[] = {
		{ "VmPeak", counters.total_max },
		{ "VmSize", counters.total },
		{ "VmLck", counters.locked },
		{ "VmPin", 0 },
		{ "VmHWM", counters.rss_max },
		{ "VmRSS", counters.rss_anon + counters.rss_file + counters.rss_shared },
		{ "RssAnon", counters.rss_anon },
		{ "RssFile", counters.rss_file },
		{ "RssShmem", counters.rss_shared },
		{ "VmData", sizes.data },
		{ "VmStk", sizes.stack },
		{ "VmExe", 0 },
		{ "VmLib", sizes.code },
		{ "VmPTE", vm_counters_tables(&counters) - after->play.model.tables_own },
		{ "VmSwap", counters.swapped },
		{ "HugetlbPages", 0 },
	};
	const size_t count = sizeof(all) / sizeof(all[0]);
	for (size_t i = 0; i < count; i++)
		rows[i] = (struct report_row){ all[i].name, all[i].pages * SCRIPT_PAGE_BYTES };
	return count;
}

void report_status(FILE *out, const struct vm_after *after)
{
	struct report_row rows[REPORT_ROWS_MAX];
	size_t count = report_status_rows(after, rows);
	for (size_t i = 0; i < count; i++)
		fprintf(out, "%s:\t%8" PRIu64 " kB\n", rows[i].name, rows[i].bytes / KIB);
}

/* ---- pagemap ---- */

void report_pagemap_words(FILE *out, uint64_t entry)
{
	static const struct {
		uint64_t bit;
		const char *words;
	} rows[] = {
		{ VM_PAGEMAP_FILE, " file-or-shared" },
		{ VM_PAGEMAP_EXCLUSIVE, " mapped-once" },
		{ VM_PAGEMAP_GUARD, " guard" },
		{ VM_PAGEMAP_SWAP, " swapped" },
		{ VM_PAGEMAP_WRITE_WATCHED, " write-watched" },
		{ VM_PAGEMAP_SOFT_DIRTY, " soft-dirty" },
	};
	fputs(entry & VM_PAGEMAP_PRESENT ? " present" : " not-present", out);
	if (entry & VM_PAGEMAP_PRESENT)
		fprintf(out, " frame %#" PRIx64, entry & VM_PAGEMAP_FRAME);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (entry & rows[i].bit)
			fputs(rows[i].words, out);
}

void report_pagemap(FILE *out, const struct vm_after *after)
{
	struct vm_area_view view;
	for (uint64_t at = 0; report_area_next(after, &at, &view);) {
		for (uint64_t page = view.start; page < view.end; page += SCRIPT_PAGE_BYTES) {
			struct vm_page_view seen;
			vm_page_get(vm_after_space(after), page, &seen);
			uint64_t entry = vm_pagemap_entry(&seen);
			fprintf(out, "%012" PRIx64 " %016" PRIx64, page, entry);
			report_pagemap_words(out, entry);
			putc('\n', out);
		}
	}
}
