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
#include "report_compare.h"
#include "report_fail.h"
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
	struct report_fail fails[REPORT_FAILS];
	size_t fail_count;
};

static bool top_take(struct argument_scan *scan, size_t *out)
{
	char *end;
	unsigned long value = strtoul(scan->value, &end, 10);

	if (scan->value[0] < '0' || scan->value[0] > '9' || *end != '\0' || value > TOP_MOST) {
		argument_refuse(scan, NULL, "--top %s: wanted a number from 0 to %d", scan->value,
				TOP_MOST);
		return false;
	}
	*out = value;
	return true;
}

static bool fail_take(struct argument_scan *scan, struct wanted *wanted)
{
	char message[MESSAGE_BYTES];

	if (wanted->fail_count == REPORT_FAILS) {
		argument_refuse(scan, NULL, "more than %d thresholds", REPORT_FAILS);
		return false;
	}
	if (report_fail_parse(&wanted->fails[wanted->fail_count], scan->value, message,
			      sizeof(message))) {
		wanted->fail_count++;
		return true;
	}
	argument_refuse(scan, NULL, "--fail-on %s", message);
	return false;
}

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
		return top_take(scan, &wanted->top);
	else
		return fail_take(scan, wanted);
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

static void damages_say(const struct report *report)
{
	for (size_t i = 0; i < report->damage_count && i < REPORT_DAMAGES; i++)
		notice_write(name, "%s: %s", report->path, report->damages[i]);
	if (report->damage_count > REPORT_DAMAGES)
		notice_write(name, "%s: and %zu places more are damaged; the rest was used",
			     report->path, report->damage_count - REPORT_DAMAGES);
	if (report->info->lost_events > 0)
		notice_write(name, "the recorder could not write %llu events",
			     (unsigned long long)report->info->lost_events);
	if (report->count.stray_blocks > 0)
		notice_write(name, "%llu blocks lie where the trace tells of no pages: the ledger "
			     "counts them as untouched",
			     (unsigned long long)report->count.stray_blocks);
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

/* A report with the other trace's, where there is one. */
struct pair {
	struct report report, other;
	struct report_comparison comparison;
};

static bool side_make(struct report *report, const struct report_options *options)
{
	char message[MESSAGE_BYTES];

	if (!report_make(report, options, message, sizeof(message))) {
		notice_write(name, "%s", message);
		return false;
	}
	damages_say(report);
	return true;
}

static bool pair_make(struct pair *pair, const struct wanted *wanted)
{
	struct report_options options = { .trace_path = wanted->compare_path,
					  .at = wanted->options.at };

	if (!side_make(&pair->report, &wanted->options))
		return false;
	if (wanted->compare_path == NULL)
		return true;
	if (!side_make(&pair->other, &options))
		return false;
	if (!report_compare(&pair->comparison, &pair->report, &pair->other)) {
		notice_write(name, "out of memory");
		return false;
	}
	pair->report.other = &pair->other;
	pair->report.comparison = &pair->comparison;
	return true;
}

static int pair_report(const struct pair *pair, const struct wanted *wanted)
{
	int status = results_write(&pair->report, wanted);

	if (status == STATUS_OK)
		status = report_fails_check(wanted->fails, wanted->fail_count, &pair->report,
					    name);
	if (status == STATUS_OK)
		status = report_exit_status(&pair->report);
	if (status == STATUS_OK && pair->report.other != NULL)
		status = report_exit_status(pair->report.other);
	if (status != STATUS_FAILURE)
		next_say(&pair->report, wanted);
	return status;
}

static int report_run(const struct wanted *wanted)
{
	struct pair *pair = calloc(1, sizeof(*pair));
	int status = STATUS_FAILURE;

	if (pair == NULL) {
		notice_write(name, "out of memory");
		return STATUS_FAILURE;
	}
	if (pair_make(pair, wanted))
		status = pair_report(pair, wanted);
	report_compare_free(&pair->comparison);
	report_free(&pair->report);
	report_free(&pair->other);
	free(pair);
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
