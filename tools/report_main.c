/* SPDX-License-Identifier: MIT */
/*
 * allot report: where the resident memory of a recorded program went.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "argument.h"
#include "notice.h"
#include "report.h"
#include "report_sides.h"
#include "report_save.h"

static const char name[] = "report";

enum {
	MESSAGE_BYTES = 1024,
	TOP_DEFAULT = 5,
	TOP_MOST = 200,
};

struct wanted {
	struct report_options options;
	const char *html_path, *compare_path;
	bool is_json, is_plain, is_forced;
	size_t top;
	struct report_fails fails;
};

static bool option_take(struct argument_scan *scan, const struct command_option *option,
			struct wanted *wanted)
{
	if (strcmp(option->name, "replay") == 0)
		wanted->options.replay_path = scan->value;
	else if (strcmp(option->name, "compare") == 0)
		wanted->compare_path = scan->value;
	else if (strcmp(option->name, "at") == 0)
		wanted->options.at = scan->value;
	else if (strcmp(option->name, "html") == 0)
		wanted->html_path = scan->value;
	else if (strcmp(option->name, "json") == 0)
		wanted->is_json = true;
	else if (strcmp(option->name, "plain") == 0)
		wanted->is_plain = true;
	else if (strcmp(option->name, "force") == 0)
		wanted->is_forced = true;
	else if (strcmp(option->name, "top") == 0)
		return report_take_top(scan, TOP_MOST, &wanted->top);
	else
		return report_take_fail(scan, &wanted->fails);
	return true;
}

/* Options may stand before and after the trace. */
static bool words_take(struct argument_scan *scan, struct wanted *wanted)
{
	const struct command_option *option;

	while (scan->status == ARGUMENT_GO_ON) {
		while ((option = argument_next(scan)) != NULL)
			if (!option_take(scan, option, wanted))
				return false;
		if (scan->status != ARGUMENT_GO_ON || scan->index >= scan->argc)
			break;
		const char *word = scan->argv[scan->index++];
		if (wanted->options.trace_path != NULL)
			argument_refuse(scan, NULL, "'%s' is one word too many", word);
		else
			wanted->options.trace_path = word;
	}
	if (scan->status == ARGUMENT_GO_ON && wanted->options.trace_path == NULL)
		argument_refuse(scan, NULL, "no trace: allot record -- COMMAND writes one");
	if (scan->status == ARGUMENT_GO_ON && wanted->compare_path != NULL && !wanted->is_json &&
	    wanted->html_path == NULL)
		argument_refuse(scan, NULL, "--compare is for --html and --json: allot diff %s %s "
				"compares on a terminal", wanted->options.trace_path,
				wanted->compare_path);
	return scan->status == ARGUMENT_GO_ON;
}

/* The report in the forms wanted. */
static int results_write(const struct report *report, const struct wanted *wanted)
{
	if (wanted->html_path != NULL &&
	    !report_save_html(report, name, wanted->html_path, wanted->is_forced))
		return STATUS_FAILURE;
	if (wanted->is_json)
		report_write_json(stdout, report);
	else if (wanted->html_path == NULL)
		report_write_text(report, wanted->top, wanted->is_plain);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		notice_write(name, "standard output: %s", strerror(errno));
		return STATUS_FAILURE;
	}
	return STATUS_OK;
}

static void next_say(const struct report *report, const struct wanted *wanted)
{
	char line[MESSAGE_BYTES];

	if (wanted->is_json)
		return;
	if (wanted->html_path != NULL)
		snprintf(line, sizeof(line), "xdg-open %s", wanted->html_path);
	else if (report->what_if == NULL)
		snprintf(line, sizeof(line), "allot replay --json %s > replay.json", report->path);
	else
		snprintf(line, sizeof(line), "allot report --replay %s --html report.html %s",
			 wanted->options.replay_path, report->path);
	notice_next(line);
}

static int report_run(const struct wanted *wanted)
{
	const struct report_options other = { .trace_path = wanted->compare_path,
					      .at = wanted->options.at };
	struct report_sides *sides = report_sides_make(
		&wanted->options, wanted->compare_path != NULL ? &other : NULL, name);

	if (sides == NULL)
		return STATUS_FAILURE;
	if (sides->has_b) {
		sides->a.other = &sides->b;
		sides->a.comparison = &sides->comparison;
	}
	int status = results_write(&sides->a, wanted);
	if (status == STATUS_OK)
		status = report_fails_check(wanted->fails.all, wanted->fails.count, &sides->a,
					    name);
	status = report_sides_exit_status(sides, status);
	if (status != STATUS_FAILURE)
		next_say(&sides->a, wanted);
	report_sides_free(sides);
	return status;
}

int report_main(int argc, char **argv)
{
	struct wanted *wanted = calloc(1, sizeof(*wanted));
	struct argument_scan scan;
	int status;

	if (wanted == NULL) {
		notice_write(name, "out of memory");
		return STATUS_FAILURE;
	}
	wanted->top = TOP_DEFAULT;
	argument_init(&scan, &command_report, argc, argv);
	status = words_take(&scan, wanted) ? report_run(wanted) : scan.status;
	free(wanted);
	return status;
}
