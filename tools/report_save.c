/* SPDX-License-Identifier: MIT */
/*
 * Saving: the report as JSON in memory, then the page around it.
 */
#include "report_save.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "notice.h"
#include "output.h"
#include "report_html.h"

enum {
	TITLE_BYTES = 256,
};

/* The report's JSON, which the caller frees; NULL: no memory. */
static char *json_make(const struct report *report, size_t *out_bytes)
{
	char *text = NULL;
	FILE *memory = open_memstream(&text, out_bytes);

	if (memory == NULL)
		return NULL;
	bool is_written = report_write_json(memory, report);
	if (fclose(memory) == 0 && is_written)
		return text;
	free(text);
	return NULL;
}

static void title_make(const struct report *report, char *title, size_t bytes)
{
	const char *slash = strrchr(report->path, '/');

	snprintf(title, bytes, "allot: %.200s", report->info->command[0] != '\0'
		 ? report->info->command : slash != NULL ? slash + 1 : report->path);
}

bool report_save_html(const struct report *report, const char *command, const char *path,
		      bool is_forced)
{
	const struct output_options options = {
		.command = command, .path = path, .input = report->path, .is_forced = is_forced,
	};
	struct output output;
	char title[TITLE_BYTES];
	size_t bytes = 0;

	if (!report_html_is_built()) {
		notice_write(command, "--html: this build has no page (package node-d3 was "
			     "missing); --json has everything");
		return false;
	}
	char *json = json_make(report, &bytes);
	if (json == NULL) {
		notice_write(command, "out of memory");
		return false;
	}
	title_make(report, title, sizeof(title));
	bool is_saved = output_open(&output, &options);
	if (is_saved) {
		bool is_whole = report_html_write(output.file, json, bytes, title);

		/* What could not be written is said when it is closed. */
		if (!is_whole && ferror(output.file) == 0)
			notice_write(command, "%s: %s", path, strerror(errno));
		is_saved = output_close(&output, is_whole) && is_whole;
	}
	free(json);
	return is_saved;
}
