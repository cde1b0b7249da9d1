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
#include "report_json.h"
#include "report_sides.h"
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
	struct report_fails fails;
};

static bool option_take(struct argument_scan *scan, const struct command_option *option,
			struct wanted *wanted)
{
	if (strcmp(option->name, "at") == 0)
		wanted->at = scan->value;
	else if (strcmp(option->name, "json") == 0)
		wanted->is_json = true;
	else if (strcmp(option->name, "top") == 0)
		return report_take_top(scan, TOP_MOST, &wanted->top);
	else
		return report_take_fail(scan, &wanted->fails);
	return true;
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

/* What a difference of such values is counted in. */
static const char *change_unit(const char *unit)
{
	return strcmp(unit, "share") == 0 ? "points" : unit;
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
	       signed_text(change, b - a, change_unit(unit)));
	if (a > 0 && strcmp(unit, "share") != 0)
		printf("  %+.1f %%", 100 * (b / a - 1));
	putchar('\n');
}

static bool has_both(const struct report_sides *sides)
{
	return sides->a.has_residency && sides->b.has_residency;
}

static void ledger_write(const struct report_sides *sides)
{
	printf("ledger, at %-*s %12s %12s %12s\n", NAME_COLUMNS - 9, sides->a.shown->name, "A", "B",
	       "B less A");
	for (int term = 0; term <= REPORT_TERMS; term++) {
		double a = (double)report_compare_term(&sides->a, term);
		double b = (double)report_compare_term(&sides->b, term);

		if (term > REPORT_TAGS && !has_both(sides))
			continue;
		if (a + b > 0)
			row_write(term < REPORT_TERMS ? report_term_name(term) : "resident", a, b,
				  "bytes");
	}
	if (!has_both(sides))
		puts("  resident: n/a, not both traces have samples of the heap's pages");
}

static void metrics_write(const struct report_sides *sides)
{
	double change;
	size_t count = 0;

	puts("\nmetrics");
	for (size_t i = 0; i < sides->a.metric_count; i++) {
		if (!report_compare_metric(&sides->a, &sides->b, i, &change) || change == 0)
			continue;
		row_write(sides->a.metrics[i].name, sides->a.metrics[i].value,
			  sides->b.metrics[i].value, sides->a.metrics[i].unit);
		count++;
	}
	if (count == 0)
		puts("  None differs.");
}

static void stacks_write(const struct report_sides *sides, size_t top)
{
	char text[VALUE_BYTES];

	if (!sides->a.has_stacks || !sides->b.has_stacks || top == 0)
		return;
	if (sides->comparison.change_count == 0) {
		puts("\nNo stack has more live bytes in one than in the other.");
		return;
	}
	printf("\n%14s  live bytes of stacks, B less A\n", "");
	for (size_t i = 0; i < sides->comparison.change_count && i < top; i++) {
		const struct report_stack_pair *stack = &sides->comparison.stacks[i];

		printf("%14s  %.*s\n",
		       signed_text(text, (double)stack->b - (double)stack->a, "bytes"),
		       STACK_COLUMNS, stack->name);
	}
}

static void text_write(const struct report_sides *sides, size_t top)
{
	ledger_write(sides);
	metrics_write(sides);
	stacks_write(sides, top);
}

static void json_write(const struct report_sides *sides)
{
	struct json json = { .out = stdout };

	json_open(&json, NULL, '{');
	json_text(&json, "schema", "allot.diff/1");
	report_json_comparison(&json, &sides->a, &sides->b, &sides->comparison);
	json_close(&json, '{');
}

/* The thresholds are on the change: put it in place of the values. */
static int fails_check(struct report_sides *sides, const struct wanted *wanted)
{
	for (size_t i = 0; i < sides->b.metric_count; i++) {
		struct report_metric *metric = &sides->b.metrics[i];

		metric->is_known = report_compare_metric(&sides->a, &sides->b, i, &metric->value);
		metric->unit = change_unit(metric->unit);
		metric->label = "B less A";
	}
	return report_fails_check(wanted->fails.all, wanted->fails.count, &sides->b, name);
}

static int sides_show(struct report_sides *sides, const struct wanted *wanted)
{
	if (wanted->is_json)
		json_write(sides);
	else
		text_write(sides, wanted->top);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		notice_write(name, "standard output: %s", strerror(errno));
		return STATUS_FAILURE;
	}
	return report_sides_exit_status(sides, fails_check(sides, wanted));
}

static int diff_run(const struct wanted *wanted)
{
	const struct report_options a = { .trace_path = wanted->paths[0], .at = wanted->at };
	const struct report_options b = { .trace_path = wanted->paths[1], .at = wanted->at };
	struct report_sides *sides = report_sides_make(&a, &b, name);
	char line[MESSAGE_BYTES];

	if (sides == NULL)
		return STATUS_FAILURE;
	int status = sides_show(sides, wanted);
	if (status != STATUS_FAILURE && !wanted->is_json) {
		snprintf(line, sizeof(line), "allot report %s", wanted->paths[1]);
		notice_next(line);
	}
	report_sides_free(sides);
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
