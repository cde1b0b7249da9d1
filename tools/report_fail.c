/* SPDX-License-Identifier: MIT */
/*
 * Thresholds: a name, an operator, a number; nothing else is taken.
 */
#include "report_fail.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "notice.h"
#include "word.h"

enum {
	KIB_LOG2 = 10,
	MIB_LOG2 = 20,
	GIB_LOG2 = 30,
	PER_CENT = 100,
	VALUE_BYTES = 48,
};

static const char grammar[] = "METRIC, one of > >= < <=, and a number such as 200m, 1.5 or 20%";

/* What a number is multiplied by for its ending; 0: there is no such ending. */
static double factor_of(const char *ending)
{
	if (ending[0] == '\0')
		return 1;
	if (ending[1] != '\0')
		return 0;
	switch (tolower((unsigned char)ending[0])) {
	case 'k':
		return 1 << KIB_LOG2;
	case 'm':
		return 1 << MIB_LOG2;
	case 'g':
		return 1 << GIB_LOG2;
	case '%':
		return 1.0 / PER_CENT;
	default:
		return 0;
	}
}

static const char *operator_read(const char *text, enum report_fail_operator *out)
{
	bool has_equal = text[0] != '\0' && text[1] == '=';

	if (text[0] == '>')
		*out = has_equal ? REPORT_FAIL_AT_LEAST : REPORT_FAIL_MORE;
	else if (text[0] == '<')
		*out = has_equal ? REPORT_FAIL_AT_MOST : REPORT_FAIL_LESS;
	else
		return NULL;
	return text + 1 + has_equal;
}

static const char *blanks_skip(const char *text)
{
	return text + strspn(text, " \t");
}

bool report_fail_parse(struct report_fail *out, const char *text, char *message,
		       size_t message_bytes)
{
	const char *name = blanks_skip(text);
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
	struct report_fail fail = { .text = text };
	char *ending;

	if (length == 0 || length >= sizeof(fail.name)) {
		snprintf(message, message_bytes, "'%s' does not begin with a metric: wanted %s",
			 text, grammar);
		return false;
	}
	memcpy(fail.name, name, length);
	const char *number = operator_read(blanks_skip(name + length), &fail.operator);
	if (number == NULL) {
		snprintf(message, message_bytes, "'%s' has no operator after '%s': wanted %s", text,
			 fail.name, grammar);
		return false;
	}
	number = blanks_skip(number);
	fail.value = strtod(number, &ending);
	double factor = factor_of(ending);
	if (!isdigit((unsigned char)number[number[0] == '-']) || factor == 0 ||
	    !isfinite(fail.value)) {
		snprintf(message, message_bytes, "'%s': '%s' is no number: wanted %s", text, number,
			 grammar);
		return false;
	}
	fail.value *= factor;
	*out = fail;
	return true;
}

bool report_fail_trips(const struct report_fail *fail, double value)
{
	switch (fail->operator) {
	case REPORT_FAIL_MORE:
		return value > fail->value;
	case REPORT_FAIL_AT_LEAST:
		return value >= fail->value;
	case REPORT_FAIL_LESS:
		return value < fail->value;
	case REPORT_FAIL_AT_MOST:
		return value <= fail->value;
	}
	return false;
}

static int metric_refuse(const struct report_fail *fail, const struct report *report,
			 const char *command)
{
	struct word_match match;

	word_match_init(&match, fail->name);
	for (size_t i = 0; i < report->metric_count; i++)
		word_match_offer(&match, report->metrics[i].key);
	if (match.nearest[0] != '\0')
		notice_write(command, "--fail-on '%s': no metric '%s' (did you mean '%s'?)",
			     fail->text, fail->name, match.nearest);
	else
		notice_write(command, "--fail-on '%s': no metric '%s' (the metrics are in the "
			     "report's JSON)", fail->text, fail->name);
	return STATUS_USAGE;
}

int report_fails_check(const struct report_fail *fails, size_t count, const struct report *report,
		       const char *command)
{
	int status = STATUS_OK;
	char value[VALUE_BYTES];

	for (size_t i = 0; i < count; i++) {
		const struct report_metric *metric = report_metric_find(report, fails[i].name);

		if (metric == NULL)
			return metric_refuse(&fails[i], report, command);
		if (!metric->is_known) {
			notice_write(command, "--fail-on '%s': %s is unknown for this trace",
				     fails[i].text, metric->name);
			return STATUS_USAGE;
		}
		if (!report_fail_trips(&fails[i], metric->value))
			continue;
		notice_write(command, "--fail-on '%s' trips: %s is %s (%s)", fails[i].text,
			     metric->name, report_metric_text(value, sizeof(value), metric),
			     metric->label);
		status = STATUS_THRESHOLD;
	}
	return status;
}
