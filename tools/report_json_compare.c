/* SPDX-License-Identifier: MIT */
/*
 * Comparisons as JSON: the members of allot.diff/1, which are the block "compare" as well.
 *
 * Within a report stacks are numbers of its own frames, those that A has none for are null. There
 * stacks that do not differ are told as well: the picture of a difference needs what it is part of.
 */
#include "report_json.h"

#include "report_compare.h"

enum {
	CHANGES_SHOWN = 1000,
	STACKS_SHOWN = 3000, /* in a report */
};

static void row_open(struct json *json, const char *key, const char *text)
{
	json_open(json, NULL, '{');
	json_text(json, key, text);
}

static void sides_write(struct json *json, double a, double b)
{
	json_real(json, "a", a);
	json_real(json, "b", b);
	json_real(json, "difference", b - a);
}

static void ledger_write(struct json *json, const struct report *a, const struct report *b)
{
	bool has_both = a->has_residency && b->has_residency;

	json_open(json, "ledger", '[');
	for (int term = 0; term <= REPORT_TERMS; term++) {
		if (term > REPORT_TAGS && !has_both)
			continue;
		row_open(json, "key", term < REPORT_TERMS ? report_term_key(term) : "resident");
		sides_write(json, (double)report_compare_term(a, term),
			    (double)report_compare_term(b, term));
		json_text(json, "label", term > REPORT_TAGS ? "measured" : "exact");
		json_close(json, '{');
	}
	json_close(json, '[');
}

static void metrics_write(struct json *json, const struct report *a, const struct report *b)
{
	double change;

	json_open(json, "metrics", '[');
	for (size_t i = 0; i < a->metric_count; i++) {
		if (!report_compare_metric(a, b, i, &change))
			continue;
		row_open(json, "key", a->metrics[i].key);
		sides_write(json, a->metrics[i].value, b->metrics[i].value);
		json_text(json, "unit", a->metrics[i].unit);
		json_text(json, "label", b->metrics[i].label);
		json_close(json, '{');
	}
	json_close(json, '[');
}

/*
 * A stack's numbers. `report` is A where it has frames to number, or NULL; a name is as long as a
 * stack is deep, so it is told where there is no number only.
 */
static void stack_write(struct json *json, const struct report_stack_pair *stack,
			const struct report *report)
{
	json_open(json, NULL, '{');
	if (report == NULL || stack->frame == 0)
		json_text(json, "stack", stack->name);
	if (report != NULL && stack->frame != 0)
		report_json_stack(json, "frame", report, stack->frame);
	else if (report != NULL)
		json_text(json, "frame", NULL);
	sides_write(json, (double)stack->a, (double)stack->b);
	json_close(json, '{');
}

/* Those that are not shown, as one: sums stay right. */
static void rest_write(struct json *json, const struct report_comparison *comparison)
{
	double a = 0, b = 0;

	for (size_t i = STACKS_SHOWN; i < comparison->stack_count; i++) {
		a += (double)comparison->stacks[i].a;
		b += (double)comparison->stacks[i].b;
	}
	row_open(json, "stack", "(stacks that differ least)");
	json_text(json, "frame", NULL);
	sides_write(json, a, b);
	json_close(json, '{');
}

static void stacks_write(struct json *json, const struct report_comparison *comparison,
			 const struct report *report)
{
	size_t count = report != NULL ? comparison->stack_count : comparison->change_count;
	size_t most = report != NULL ? STACKS_SHOWN : CHANGES_SHOWN;

	json_open(json, "stacks", '[');
	for (size_t i = 0; i < count && i < most; i++)
		stack_write(json, &comparison->stacks[i], report);
	if (report != NULL && count > most)
		rest_write(json, comparison);
	json_close(json, '[');
}

static void sides_open(struct json *json, const struct report *a, const struct report *b)
{
	report_json_trace(json, "a", a);
	report_json_trace(json, "b", b);
	json_text(json, "moment", a->shown->key);
	ledger_write(json, a, b);
	metrics_write(json, a, b);
}

void report_json_comparison(struct json *json, const struct report *a, const struct report *b,
			    const struct report_comparison *comparison)
{
	sides_open(json, a, b);
	stacks_write(json, comparison, NULL);
}

void report_json_compare(struct json *json, const struct report *report)
{
	json_open(json, "compare", '{');
	sides_open(json, report, report->other);
	stacks_write(json, report->comparison, report);
	json_close(json, '{');
}
