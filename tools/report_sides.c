/* SPDX-License-Identifier: MIT */
/*
 * A report, or two that are compared. See report_sides.h.
 */
#include "report_sides.h"

#include <stdlib.h>

#include "command.h"
#include "notice.h"

enum { MESSAGE_BYTES = 1024 };

/* ---- options ---- */

bool report_take_top(struct argument_scan *scan, size_t most, size_t *out)
{
	char *end;
	unsigned long value = strtoul(scan->value, &end, 10);

	if (scan->value[0] < '0' || scan->value[0] > '9' || *end != '\0' || value > most) {
		argument_refuse(scan, NULL, "--top %s: wanted a number from 0 to %zu", scan->value,
				most);
		return false;
	}
	*out = value;
	return true;
}

bool report_take_fail(struct argument_scan *scan, struct report_fails *fails)
{
	char message[MESSAGE_BYTES];

	if (fails->count == REPORT_FAILS) {
		argument_refuse(scan, NULL, "more than %d thresholds", REPORT_FAILS);
		return false;
	}
	if (report_fail_parse(&fails->all[fails->count], scan->value, message, sizeof(message))) {
		fails->count++;
		return true;
	}
	argument_refuse(scan, NULL, "--fail-on %s", message);
	return false;
}

/* ---- reports ---- */

static void damages_say(const struct report *report, const char *command)
{
	for (size_t i = 0; i < report->damage_count && i < REPORT_DAMAGES; i++)
		notice_write(command, "%s: %s", report->path, report->damages[i]);
	if (report->damage_count > REPORT_DAMAGES)
		notice_write(command, "%s: and %zu places more are damaged; the rest was used",
			     report->path, report->damage_count - REPORT_DAMAGES);
	if (report->info->lost_events > 0)
		notice_write(command, "%s: the recorder could not write %llu events, or more%s",
			     report->path, (unsigned long long)report->info->lost_events,
			     report->info->lost_time != 0
				     ? ": what comes after the first of them is left out" : "");
	if (report->count.stray_blocks > 0)
		notice_write(command, "%s: %llu blocks lie where the trace tells of no pages: the "
			     "ledger counts them as untouched", report->path,
			     (unsigned long long)report->count.stray_blocks);
}

static bool side_make(struct report *report, const struct report_options *options,
		      const char *command)
{
	char message[MESSAGE_BYTES];

	if (!report_make(report, options, message, sizeof(message))) {
		notice_write(command, "%s", message);
		return false;
	}
	damages_say(report, command);
	return true;
}

struct report_sides *report_sides_make(const struct report_options *a,
				       const struct report_options *b, const char *command)
{
	struct report_sides *sides = calloc(1, sizeof(*sides));

	if (sides == NULL) {
		notice_write(command, "out of memory");
		return NULL;
	}
	sides->has_b = b != NULL;
	if (!side_make(&sides->a, a, command) || (b != NULL && !side_make(&sides->b, b, command))) {
		report_sides_free(sides);
		return NULL;
	}
	if (b != NULL && !report_compare(&sides->comparison, &sides->a, &sides->b)) {
		notice_write(command, "out of memory");
		report_sides_free(sides);
		return NULL;
	}
	return sides;
}

void report_sides_free(struct report_sides *sides)
{
	if (sides == NULL)
		return;
	report_compare_free(&sides->comparison);
	report_free(&sides->a);
	report_free(&sides->b);
	free(sides);
}

int report_sides_exit_status(const struct report_sides *sides, int status)
{
	if (status == STATUS_OK)
		status = report_exit_status(&sides->a);
	if (status == STATUS_OK && sides->has_b)
		status = report_exit_status(&sides->b);
	return status;
}
