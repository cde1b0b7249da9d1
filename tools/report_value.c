/* SPDX-License-Identifier: MIT */
/*
 * Values: numbers as people read them. Bytes in binary units, as the kernel's tools have them.
 */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report.h"

enum {
	UNIT_STEP = 1024,
	NS_STEP = 1000,
};

static void bytes_text(char *text, size_t bytes, double value)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	size_t unit = 0;

	while (fabs(value) >= UNIT_STEP && unit + 1 < sizeof(units) / sizeof(units[0])) {
		value /= UNIT_STEP;
		unit++;
	}
	snprintf(text, bytes, "%.*f %s", unit == 0 || fabs(value) >= 100 ? 0 : 1, value,
		 units[unit]);
}

static void ns_text(char *text, size_t bytes, double value)
{
	static const char *const units[] = { "ns", "us", "ms", "s" };
	size_t unit = 0;

	while (fabs(value) >= NS_STEP && unit + 1 < sizeof(units) / sizeof(units[0])) {
		value /= NS_STEP;
		unit++;
	}
	snprintf(text, bytes, "%.*f %s", unit == 0 || fabs(value) >= 100 ? 0 : 1, value,
		 units[unit]);
}

static void count_text(char *text, size_t bytes, double value)
{
	static const char *const units[] = { "", " k", " M", " G" };
	size_t unit = 0;

	while (fabs(value) >= 100 * NS_STEP && unit + 1 < sizeof(units) / sizeof(units[0])) {
		value /= NS_STEP;
		unit++;
	}
	/* Small ones are whole, or a mean. */
	int digits = (unit == 0 && value == floor(value)) || fabs(value) >= 100 ? 0 : 1;
	snprintf(text, bytes, "%.*f%s", digits, value, units[unit]);
}

char *report_printable(char *text)
{
	static const char escape_two_bytes = '\xc2'; /* before U+0080 to U+009F, which obey too */

	for (char *p = text; *p != '\0'; p++) {
		unsigned char next = (unsigned char)p[1];

		if (iscntrl((unsigned char)*p))
			*p = '?';
		else if (*p == escape_two_bytes && next >= 0x80 && next < 0xa0)
			p[0] = p[1] = '?';
	}
	return text;
}

const char *report_value_text(char *text, size_t bytes, double value, const char *unit)
{
	if (strcmp(unit, "bytes") == 0)
		bytes_text(text, bytes, value);
	else if (strcmp(unit, "share") == 0)
		snprintf(text, bytes, "%.1f %%", 100 * value);
	else if (strcmp(unit, "points") == 0)
		snprintf(text, bytes, "%.1f points", 100 * value);
	else if (strcmp(unit, "ratio") == 0)
		snprintf(text, bytes, "%.2f", value);
	else if (strcmp(unit, "ns") == 0)
		ns_text(text, bytes, value);
	else
		count_text(text, bytes, value);
	return text;
}

const char *report_metric_text(char *text, size_t bytes, const struct report_metric *metric)
{
	if (metric == NULL || !metric->is_known)
		snprintf(text, bytes, "n/a");
	else
		report_value_text(text, bytes, metric->value, metric->unit);
	return text;
}
