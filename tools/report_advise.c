/* SPDX-License-Identifier: MIT */
/*
 * allot advise: a configuration ready to use, and what it was measured to bring.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "argument.h"
#include "help.h"
#include "json.h"
#include "notice.h"
#include "report.h"
#include "report_json.h"

static const char name[] = "advise";

enum {
	MESSAGE_BYTES = 1024,
	VALUE_BYTES = 48,
	LINE_BYTES = 2 * REPORT_TEXT_BYTES + 8,
};

struct wanted {
	struct report_options options;
	bool is_json;
};

static bool words_take(struct argument_scan *scan, struct wanted *wanted)
{
	const struct command_option *option;

	while (scan->status == ARGUMENT_GO_ON) {
		while ((option = argument_next(scan)) != NULL) {
			if (strcmp(option->name, "replay") == 0)
				wanted->options.replay_path = scan->value;
			else
				wanted->is_json = true;
		}
		if (scan->status != ARGUMENT_GO_ON || scan->index >= scan->argc)
			break;
		const char *word = scan->argv[scan->index++];
		if (wanted->options.trace_path != NULL)
			argument_refuse(scan, NULL, "'%s' is one word too many", word);
		else
			wanted->options.trace_path = word;
	}
	if (scan->status == ARGUMENT_GO_ON && wanted->options.trace_path == NULL)
		argument_refuse(scan, NULL, "no trace to advise on");
	return scan->status == ARGUMENT_GO_ON;
}

/* The first advice that is a configuration, and is certain; NULL: nothing is better. */
static const struct report_advice *conf_find(const struct report *report)
{
	for (size_t i = 0; i < report->advice_count; i++)
		if (report->advice[i].has_effect && report->advice[i].conf[0] != '\0' &&
		    !report->advice[i].is_uncertain)
			return &report->advice[i];
	return NULL;
}

static void text_write(const struct report *report)
{
	const struct report_advice *best = conf_find(report);
	char before[VALUE_BYTES], after[VALUE_BYTES], line[LINE_BYTES];

	if (best != NULL) {
		printf("ALLOT_CONF=%s\n", best->conf);
		printf("# %s: %s -> %s (%+.1f %%), %s by replay\n", best->effect_metric,
		       report_value_text(before, sizeof(before), best->before, best->effect_unit),
		       report_value_text(after, sizeof(after), best->after, best->effect_unit),
		       100 * (best->after / best->before - 1), best->effect_label);
	} else if (report->what_if != NULL) {
		puts("# No configuration replayed is better for certain than the recorded one.");
	} else {
		puts("# No configuration is advised: nothing was replayed.");
	}
	for (size_t i = 0; i < report->advice_count; i++) {
		if (&report->advice[i] == best)
			continue;
		snprintf(line, sizeof(line), "%s %s", report->advice[i].observation,
			 report->advice[i].action);
		fputs("# ", stdout);
		help_wrap(stdout, line, 2, 2);
	}
}

static void json_write(const struct report *report)
{
	const struct report_advice *best = conf_find(report);
	struct json json = { .out = stdout };

	json_open(&json, NULL, '{');
	json_text(&json, "schema", "allot.advise/1");
	json_text(&json, "conf", best != NULL ? best->conf : NULL);
	report_json_advice(&json, report);
	json_close(&json, '{');
}

static int advise_run(const struct wanted *wanted)
{
	struct report report;
	char message[MESSAGE_BYTES];
	int status = STATUS_FAILURE;

	if (!report_make(&report, &wanted->options, message, sizeof(message))) {
		notice_write(name, "%s", message);
		report_free(&report);
		return STATUS_FAILURE;
	}
	for (size_t i = 0; i < report.damage_count && i < REPORT_DAMAGES; i++)
		notice_write(name, "%s: %s", report.path, report.damages[i]);
	if (wanted->is_json)
		json_write(&report);
	else
		text_write(&report);
	if (fflush(stdout) != 0 || ferror(stdout))
		notice_write(name, "standard output: %s", strerror(errno));
	else
		status = report_exit_status(&report);
	if (!wanted->is_json && status != STATUS_FAILURE) {
		snprintf(message, sizeof(message), wanted->options.replay_path != NULL
			 ? "allot report %s" : "allot replay --json %s > replay.json",
			 wanted->options.trace_path);
		notice_next(message);
	}
	report_free(&report);
	return status;
}

int advise_main(int argc, char **argv)
{
	struct wanted wanted = { .is_json = false };
	struct argument_scan scan;

	argument_init(&scan, &command_advise, argc, argv);
	return words_take(&scan, &wanted) ? advise_run(&wanted) : scan.status;
}
