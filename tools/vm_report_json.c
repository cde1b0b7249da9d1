/* SPDX-License-Identifier: MIT */
/*
 * Reports as JSON: what the texts say, figures in KiB. See vm_report.h.
 */
#include <inttypes.h>
#include <string.h>

#include "json.h"
#include "vm_report.h"

enum {
	KIB = 1024,
};

static void rows_write(struct json *json, const struct report_row *rows, size_t count)
{
	json_open(json, "kib", '{');
	for (size_t i = 0; i < count; i++)
		json_number(json, rows[i].name, (int64_t)(rows[i].bytes / KIB));
	json_close(json, '{');
}

static void area_write(struct json *json, const struct vm_after *after,
		       const struct vm_area_view *view)
{
	char rights[5], name[REPORT_NAME_BYTES];
	report_area_rights(view, rights);
	report_area_name(after, view, name, sizeof(name));
	json_hex(json, "start", view->start);
	json_hex(json, "end", view->end);
	json_text(json, "rights", rights);
	json_hex(json, "offset", view->offset);
	json_text(json, "name", name[0] != '\0' ? name : NULL);
}

static void areas_write(struct json *json, const struct vm_after *after, bool has_sums)
{
	struct vm_area_view view;
	struct vm_area_sums sums;
	struct report_row rows[REPORT_ROWS_MAX];
	json_open(json, "areas", '[');
	for (uint64_t at = 0; report_area_next(after, &at, &view);) {
		json_open(json, NULL, '{');
		area_write(json, after, &view);
		if (has_sums) {
			vm_area_sums_get(vm_after_space(after), view.start, &sums);
			rows_write(json, rows,
				   report_sums_rows(&sums, view.end - view.start, rows));
		}
		json_close(json, '{');
	}
	json_close(json, '[');
}

static void page_write(struct json *json, const struct vm_after *after, uint64_t address)
{
	struct vm_page_view page;
	uint64_t physical;
	vm_page_get(vm_after_space(after), address, &page);
	uint64_t entry = vm_pagemap_entry(&page);
	json_open(json, NULL, '{');
	json_hex(json, "address", address);
	json_hex(json, "entry", entry);
	if (vm_pagemap_physical(vm_after_space(after), address, entry, &physical))
		json_hex(json, "physical", physical);
	else
		json_text(json, "physical", NULL);
	json_close(json, '{');
}

static void pages_write(struct json *json, const struct vm_after *after)
{
	struct vm_area_view view;
	json_open(json, "pages", '[');
	for (uint64_t at = 0; report_area_next(after, &at, &view);)
		for (uint64_t page = view.start; page < view.end; page += SCRIPT_PAGE_BYTES)
			page_write(json, after, page);
	json_close(json, '[');
}

void report_json(FILE *out, const struct vm_after *after)
{
	struct json json = { .out = out };
	const char *view = command_own_name(after->command);
	struct report_row rows[REPORT_ROWS_MAX];
	vm_after_json(after, &json);
	if (strcmp(view, "status") == 0)
		rows_write(&json, rows, report_status_rows(after, rows));
	else if (strcmp(view, "pagemap") == 0)
		pages_write(&json, after);
	else
		areas_write(&json, after, strcmp(view, "smaps") == 0);
	json_close(&json, '{');
}
