/* SPDX-License-Identifier: MIT */
/*
 * allot diff: two traces, everything as B less A.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "argument.h"
#include "notice.h"
#include "report.h"
#include "report_compare.h"
#include "report_fail.h"
#include "report_json.h"
#include "word.h"

static const char name[] = "diff";

enum {
	MESSAGE_BYTES = 1024,
	VALUE_BYTES = 48,
	TOP_DEFAULT = 10,
	TOP_MOST = 1000,
	NAME_COLUMNS = 34,
	STACK_COLUMNS = 76,
};

struct wanted {
	const char *paths[2];
	const char *at;
	bool is_json;
	size_t top;
	struct report_fail fails[REPORT_FAILS];
	size_t fail_count;
};

struct pair {
	struct report a, b;
	struct report_comparison comparison;
};

static bool option_take(struct argument_scan *scan, const struct command_option *option,
			struct wanted *wanted)
{
	char message[MESSAGE_BYTES];
	char *end;

	if (strcmp(option->name, "at") == 0) {
		wanted->at = scan->value;
	} else if (strcmp(option->name, "json") == 0) {
		wanted->is_json = true;
	} else if (strcmp(option->name, "top") == 0) {
		wanted->top = strtoul(scan->value, &end, 10);
		if (scan->value[0] < '0' || scan->value[0] > '9' || *end != '\0' ||
		    wanted->top > TOP_MOST)
			argument_refuse(scan, NULL, "--top %s: wanted a number from 0 to %d",
					scan->value, TOP_MOST);
	} else if (strcmp(option->name, "fail-on") == 0) {
		if (wanted->fail_count == REPORT_FAILS)
			argument_refuse(scan, NULL, "more than %d thresholds", REPORT_FAILS);
		else if (!report_fail_parse(&wanted->fails[wanted->fail_count], scan->value,
					    message, sizeof(message)))
			argument_refuse(scan, NULL, "--fail-on %s", message);
		else
			wanted->fail_count++;
	}
	return scan->status == ARGUMENT_GO_ON;
}

static bool words_take(struct argument_scan *scan, struct wanted *wanted)
{
	const struct command_option *option;
	size_t count = 0;

	while (scan->status == ARGUMENT_GO_ON) {
		while ((option = argument_next(scan)) != NULL)
			if (!option_take(scan, option, wanted))
				return false;
		if (scan->status != ARGUMENT_GO_ON || scan->index >= scan->argc)
			break;
		const char *word = scan->argv[scan->index++];
		if (count == 2)
			argument_refuse(scan, NULL, "'%s' is one word too many", word);
		else
			wanted->paths[count++] = word;
	}
	if (scan->status == ARGUMENT_GO_ON && count < 2)
		argument_refuse(scan, NULL, "two traces are compared, %s given",
				count == 0 ? "none is" : "one is");
	return scan->status == ARGUMENT_GO_ON;
}

/* The value with its sign. */
static const char *signed_text(char *text, double value, const char *unit)
{
	text[0] = value < 0 ? '-' : '+';
	report_value_text(text + 1, VALUE_BYTES - 1, fabs(value), unit);
	return text;
}

static void row_write(const char *title, double a, double b, const char *unit)
{
	char first[VALUE_BYTES], second[VALUE_BYTES], change[VALUE_BYTES];

	printf("  %-*s %12s %12s %12s", NAME_COLUMNS, title,
	       report_value_text(first, sizeof(first), a, unit),
	       report_value_text(second, sizeof(second), b, unit),
	       signed_text(change, b - a, unit));
	if (a > 0 && strcmp(unit, "share") != 0)
		printf("  %+.1f %%", 100 * (b / a - 1));
	putchar('\n');
}

static bool has_both(const struct pair *pair)
{
	return pair->a.has_residency && pair->b.has_residency;
}

static void ledger_write(const struct pair *pair)
{
	printf("ledger, at %-*s %12s %12s %12s\n", NAME_COLUMNS - 9, pair->a.shown->name, "A", "B",
	       "B less A");
	for (int term = 0; term <= REPORT_TERMS; term++) {
		double a = (double)report_compare_term(&pair->a, term);
		double b = (double)report_compare_term(&pair->b, term);

		if (term > REPORT_TAGS && !has_both(pair))
			continue;
		if (a + b > 0)
			row_write(term < REPORT_TERMS ? report_term_name(term) : "resident", a, b,
				  "bytes");
	}
	if (!has_both(pair))
		puts("  resident: n/a, not both traces have samples of the heap's pages");
}

static void text_write(const struct pair *pair, size_t top)
{
	double change;
	char text[VALUE_BYTES];

	ledger_write(pair);
	puts("\nmetrics");
	for (size_t i = 0; i < pair->a.metric_count; i++)
		if (report_compare_metric(&pair->a, &pair->b, i, &change) && change != 0)
			row_write(pair->a.metrics[i].name, pair->a.metrics[i].value,
				  pair->b.metrics[i].value, pair->a.metrics[i].unit);
	if (!pair->a.has_stacks || !pair->b.has_stacks)
		top = 0;
	if (pair->comparison.change_count > 0 && top > 0)
		printf("\n%14s  live bytes of stacks, B less A\n", "");
	for (size_t i = 0; i < pair->comparison.change_count && i < top; i++) {
		const struct report_stack_pair *stack = &pair->comparison.stacks[i];

		printf("%14s  %.*s\n",
		       signed_text(text, (double)stack->b - (double)stack->a, "bytes"),
		       STACK_COLUMNS, stack->name);
	}
}

static void json_write(const struct pair *pair)
{
	struct json json = { .out = stdout };

	json_open(&json, NULL, '{');
	json_text(&json, "schema", "allot.diff/1");
	report_json_comparison(&json, &pair->a, &pair->b, &pair->comparison);
	json_close(&json, '{');
}

/* The thresholds are on the change: put it in place of the values. */
static int fails_check(struct pair *pair, const struct wanted *wanted)
{
	for (size_t i = 0; i < pair->b.metric_count; i++) {
		struct report_metric *metric = &pair->b.metrics[i];

		metric->is_known = report_compare_metric(&pair->a, &pair->b, i, &metric->value);
		metric->label = "B less A";
	}
	return report_fails_check(wanted->fails, wanted->fail_count, &pair->b, name);
}

static int pair_report(struct pair *pair, const struct wanted *wanted)
{
	if (!report_compare(&pair->comparison, &pair->a, &pair->b)) {
		notice_write(name, "out of memory");
		return STATUS_FAILURE;
	}
	if (wanted->is_json)
		json_write(pair);
	else
		text_write(pair, wanted->top);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		notice_write(name, "standard output: %s", strerror(errno));
		return STATUS_FAILURE;
	}
	int status = fails_check(pair, wanted);
	if (status == STATUS_OK)
		status = report_exit_status(&pair->a);
	if (status == STATUS_OK)
		status = report_exit_status(&pair->b);
	return status;
}

static bool side_make(struct report *report, const char *path, const char *at)
{
	struct report_options options = { .trace_path = path, .at = at };
	char message[MESSAGE_BYTES];

	if (!report_make(report, &options, message, sizeof(message))) {
		notice_write(name, "%s", message);
		return false;
	}
	for (size_t i = 0; i < report->damage_count && i < REPORT_DAMAGES; i++)
		notice_write(name, "%s: %s", path, report->damages[i]);
	return true;
}

static int diff_run(const struct wanted *wanted)
{
	struct pair *pair = calloc(1, sizeof(*pair));
	char line[MESSAGE_BYTES];
	int status = STATUS_FAILURE;

	if (pair == NULL) {
		notice_write(name, "out of memory");
		return STATUS_FAILURE;
	}
	if (side_make(&pair->a, wanted->paths[0], wanted->at) &&
	    side_make(&pair->b, wanted->paths[1], wanted->at))
		status = pair_report(pair, wanted);
	if (status != STATUS_FAILURE && !wanted->is_json) {
		snprintf(line, sizeof(line), "allot report %s", wanted->paths[1]);
		notice_next(line);
	}
	report_compare_free(&pair->comparison);
	report_free(&pair->a);
	report_free(&pair->b);
	free(pair);
	return status;
}

int diff_main(int argc, char **argv)
{
	struct wanted *wanted = calloc(1, sizeof(*wanted));
	struct argument_scan scan;
	int status;

	if (wanted == NULL) {
		notice_write(name, "out of memory");
		return STATUS_FAILURE;
	}
	wanted->top = TOP_DEFAULT;
	argument_init(&scan, &command_diff, argc, argv);
	status = words_take(&scan, wanted) ? diff_run(wanted) : scan.status;
	free(wanted);
	return status;
}
