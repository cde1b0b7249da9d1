/* SPDX-License-Identifier: MIT */
/*
 * The report on a terminal: one screen that says what matters, in the order it matters.
 *
 * Bars and curves are drawn with block characters where the locale has them, else in ASCII. Colours
 * only make words bold; nothing is said by colour alone.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "help.h"
#include "notice.h"
#include "report.h"
#include "report_names.h"
#include "report_verdict.h"
#include "report_what_if.h"

enum {
	COLUMNS_LEAST = 80,
	COLUMNS_MOST = 120,
	VALUE_BYTES = 48,
	STACK_BYTES = 256,
	BAR_COLUMNS = 24,
	LEVELS = 8,
	WHAT_IF_ROWS = 8,
	WHAT_IF_COLUMNS = 98, /* for all of its columns */
	BOUNDS_COLUMNS = 19,
	ADVICE_ROWS = 4,
	TLBS_SHOWN = 2, /* both parts of the first processor's */
	LINE_BYTES = 512,
};

/* From which share of the peak on it is said that the samples may have missed more. */
static const double missed_share_least = 0.05;

struct screen {
	const struct report *report;
	int columns;
	bool has_blocks; /* characters for bars */
	bool has_colour;
};

/* Does the locale say UTF-8? The first of these that is set counts. */
static bool locale_is_utf8(void)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = getenv(names[i]);

		if (value != NULL && value[0] != '\0')
			return strcasestr(value, "utf-8") != NULL ||
			       strcasestr(value, "utf8") != NULL;
	}
	return false;
}

static int columns_find(void)
{
	const char *text = getenv("COLUMNS");
	struct winsize size;
	int columns = text != NULL ? atoi(text) : 0;

	if (columns <= 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		columns = size.ws_col;
	if (columns < COLUMNS_LEAST)
		return columns > 0 ? COLUMNS_LEAST : 100;
	return columns < COLUMNS_MOST ? columns : COLUMNS_MOST;
}

static void heading_write(const struct screen *screen, const char *text)
{
	printf("\n%s%s%s\n", screen->has_colour ? "\033[1m" : "", text,
	       screen->has_colour ? "\033[0m" : "");
}

static void bar_write(const struct screen *screen, double share)
{
	static const char *const eighths[LEVELS] = { " ", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
	int parts = (int)(share * BAR_COLUMNS * LEVELS + 0.5);

	if (parts > BAR_COLUMNS * LEVELS)
		parts = BAR_COLUMNS * LEVELS;
	for (int i = 0; i < BAR_COLUMNS; i++, parts -= LEVELS) {
		if (parts >= LEVELS)
			fputs(screen->has_blocks ? "█" : "#", stdout);
		else if (parts <= 0)
			fputc(' ', stdout);
		else if (screen->has_blocks)
			fputs(eighths[parts], stdout);
		else
			fputc(parts >= LEVELS / 2 ? '#' : ' ', stdout);
	}
}

/* A curve of one line; `most` is the top of it. */
static void curve_write(const struct screen *screen, size_t offset, double most, int columns)
{
	static const char *const blocks[] = { " ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	static const char ascii[] = " .:-=+*#@";
	uint64_t values[COLUMNS_MOST];

	report_spark_make(screen->report, offset, values, (size_t)columns);
	for (int i = 0; i < columns; i++) {
		int level = most > 0 ? (int)((double)values[i] / most * LEVELS + 0.5) : 0;

		level = level > LEVELS ? LEVELS : level;
		/* Something is never shown as nothing. */
		if (level == 0 && values[i] > 0)
			level = 1;
		if (screen->has_blocks)
			fputs(blocks[level], stdout);
		else
			fputc(ascii[level], stdout);
	}
}

static void head_write(const struct screen *screen)
{
	const struct report *report = screen->report;
	const struct report_count *count = &report->count;
	char events[VALUE_BYTES], time[VALUE_BYTES], line[LINE_BYTES];

	snprintf(line, sizeof(line), "%.*s", screen->columns, report->info->command[0] != '\0'
		 ? report->info->command : report->path);
	puts(report_printable(line));
	report_value_text(events, sizeof(events), (double)count->ordinal, "count");
	report_value_text(time, sizeof(time), (double)count->time, "ns");
	printf("%s trace, %s events", report->info->format, events);
	if (report->info->has_times)
		printf(" in %s", time);
	printf(", %zu thread%s", count->thread_count, count->thread_count == 1 ? "" : "s");
	if (report->info->strategy[0] != '\0')
		printf(", strategy %s", report->info->strategy);
	printf(", %llu samples\n", (unsigned long long)count->samples_with_runs);
	if (!report->info->is_complete)
		puts("The program's end was not seen: it was killed, runs on, or became one that "
		     "is not recorded.");
	if (report_has_gaps(report))
		puts("Events are missing: what would be exact is an estimate.");
	putchar('\n');
	help_wrap(stdout, report->sentence, 0, 0);
	putchar('\n');
}

static void cards_write(const struct screen *screen)
{
	struct report_card cards[REPORT_CARDS];
	size_t count = report_cards_make(screen->report, cards);
	int width = screen->columns / 2 - 1;
	char value[VALUE_BYTES], text[LINE_BYTES];

	for (size_t i = 0; i < count; i++) {
		const struct report_card *card = &cards[i];

		snprintf(text, sizeof(text), "%-26s %10s  %s%s%s", card->metric.name,
			 report_metric_text(value, sizeof(value), &card->metric),
			 card->metric.is_known ? card->metric.label : "",
			 card->note[0] != '\0' ? ", " : "", card->note);
		/* What does not fit is left out by clauses. */
		for (char *comma; strlen(text) > (size_t)(screen->columns - width) &&
				  (comma = strrchr(text, ',')) != NULL;)
			*comma = '\0';
		printf("%-*.*s%s", i % 2 == 0 ? width : 0, screen->columns - width, text,
		       i % 2 == 0 && i + 1 < count ? " " : "\n");
	}
}

/* A row of the ledger: bytes at the peak and at the end. A `share` below 0 is not shown. */
static void term_write(const struct screen *screen, const char *sign, const char *name,
		       const uint64_t bytes[2], double share)
{
	char peak[VALUE_BYTES], end[VALUE_BYTES];

	report_value_text(peak, sizeof(peak), (double)bytes[0], "bytes");
	report_value_text(end, sizeof(end), (double)bytes[1], "bytes");
	printf("%s %-14s %10s ", sign, name, peak);
	if (share >= 0)
		printf("%5.1f %%  ", 100 * share);
	else
		printf("%*s", 9, "");
	bar_write(screen, share);
	printf("  %10s\n", end);
}

static void ledger_write(const struct screen *screen)
{
	const struct report *report = screen->report;
	const struct report_point *peak = &report->series->all[report->peak_index];
	const struct report_point *end = &report->series->all[report->end_index];
	double whole = (double)report_point_sum(peak);
	char difference[VALUE_BYTES], line[LINE_BYTES];

	/* Of a program that was killed the last sample is the last that is known. */
	bool is_sample = report->has_residency && !report->info->is_complete;
	snprintf(line, sizeof(line), "%-23s %-38s %s", report->has_residency ? "where RSS goes"
		 : "what is live", "at its peak", is_sample ? "at the last sample" : "at the end");
	heading_write(screen, line);
	for (int term = 0; term < REPORT_TERMS; term++) {
		const uint64_t bytes[] = { peak->terms[term], end->terms[term] };

		if (bytes[0] + bytes[1] == 0)
			continue;
		if (term == REPORT_UNTOUCHED)
			term_write(screen, "-", report_term_name(term), bytes, -1);
		else
			term_write(screen, "+", report_term_name(term), bytes, whole == 0 ? 0 :
				   (double)report_point_touched(peak, term) / whole);
	}
	if (!report->has_residency) {
		puts("resident: n/a, the trace has no samples of the heap's pages");
		return;
	}
	const uint64_t resident[] = { peak->resident_bytes, end->resident_bytes };
	term_write(screen, "=", "resident", resident, 1);
	if (peak->terms[REPORT_UNTOUCHED] > 0)
		puts("Shares are of what is resident: what is untouched is none of it.");
	report_value_text(difference, sizeof(difference),
			  (double)report->count.largest_difference_bytes, "bytes");
	printf("The sum and the kernel's figure differ by %s at most, over all samples.\n",
	       difference);
	const struct report_metric *missed = report_metric_find(report, "peak_missed");
	if (missed->is_known && missed->value > missed_share_least * whole)
		printf("Between samples up to %s more may have been resident.\n",
		       report_metric_text(difference, sizeof(difference), missed));
}

static void curves_write(const struct screen *screen)
{
	const struct report *report = screen->report;
	size_t terms = offsetof(struct report_point, terms);
	double most = report->has_residency ? (double)report->count.peak.resident_bytes
					    : (double)report->count.requested_bytes_peak;
	int columns = screen->columns - 17;
	char time[VALUE_BYTES];

	report_value_text(time, sizeof(time), (double)report->count.time, "ns");
	heading_write(screen, "over time");
	if (report->has_residency) {
		printf("  %-14s ", "resident");
		curve_write(screen, offsetof(struct report_point, resident_bytes), most, columns);
		putchar('\n');
	}
	printf("  %-14s ", "requested");
	curve_write(screen, terms + REPORT_REQUESTED * sizeof(uint64_t), most, columns);
	if (report->has_residency) {
		printf("\n  %-14s ", "pinned free");
		curve_write(screen, terms + REPORT_PINNED_FREE * sizeof(uint64_t), most, columns);
	}
	printf("\n  %-14s 0%*s\n", "", columns - 1, report->info->has_times ? time : "events");
}

static void what_if_cell(const struct report_what_if *what_if, size_t index, const char *key,
			 const char *unit, int width)
{
	char text[VALUE_BYTES];
	double value;

	if (report_what_if_value(what_if, index, key, &value, NULL))
		report_value_text(text, sizeof(text), value, unit);
	else
		snprintf(text, sizeof(text), "n/a");
	printf(" %*s", width, text);
}

/* Between what the peak lies. */
static void what_if_bounds(const struct report_what_if *what_if, size_t index)
{
	char low_text[VALUE_BYTES], high_text[VALUE_BYTES], text[2 * VALUE_BYTES + 4] = "n/a";
	double low, high;

	if (report_what_if_bounds(what_if, index, "peak_rss_bytes", &low, &high))
		snprintf(text, sizeof(text), "%s..%s",
			 report_value_text(low_text, sizeof(low_text), low, "bytes"),
			 report_value_text(high_text, sizeof(high_text), high, "bytes"));
	printf(" %*s", BOUNDS_COLUMNS, text);
}

static void what_if_write(const struct screen *screen)
{
	const struct report_what_if *what_if = screen->report->what_if;
	size_t count = report_what_if_count(what_if);
	bool has_mean = screen->columns >= WHAT_IF_COLUMNS;
	char line[LINE_BYTES];

	snprintf(line, sizeof(line), "%-20s %10s %*s%*s %7s %8s %10s", "what if", "peak RSS",
		 BOUNDS_COLUMNS, "between", has_mean ? 11 : 0, has_mean ? "mean RSS" : "", "U",
		 "faults", "calls/s");
	heading_write(screen, line);
	for (size_t i = 0; i < count && i < WHAT_IF_ROWS; i++) {
		struct report_what_if_row row;

		report_what_if_row(what_if, i, &row);
		printf("%s %-18.18s", row.is_recorded ? "*" : " ", row.name);
		if (!row.is_ok) {
			printf("  %.*s\n", screen->columns - 24, row.status);
			continue;
		}
		what_if_cell(what_if, i, "peak_rss_bytes", "bytes", 10);
		what_if_bounds(what_if, i);
		if (has_mean)
			what_if_cell(what_if, i, "mean_rss_bytes", "bytes", 10);
		what_if_cell(what_if, i, "u", "share", 7);
		what_if_cell(what_if, i, "minor_faults", "count", 8);
		what_if_cell(what_if, i, "operations_per_s", "count", 10);
		printf("  %s\n", has_mean ? row.on : "");
	}
	if (count > WHAT_IF_ROWS)
		printf("  and %zu more, in --json and --html\n", count - WHAT_IF_ROWS);
	puts("* as recorded. RSS and faults are estimates; between: with nothing and with all of "
	     "its\n  blocks written");
}

/* Two lines of the VM lab: what less memory would cost, and how far TLBs reach. */
static void lab_write(const struct screen *screen)
{
	const struct report_what_if *what_if = screen->report->what_if;
	char text[VALUE_BYTES], reach[VALUE_BYTES], line[LINE_BYTES];
	double pages = 0, half = 0, whole = 0;
	struct report_what_if_tlb tlb;

	snprintf(line, sizeof(line), "on the model: %s, payload %s",
		 report_what_if_vm_text(what_if, "row"),
		 report_what_if_vm_text(what_if, "payload"));
	heading_write(screen, report_printable(line));
	if (report_what_if_vm_number(what_if, "peak_pages", &pages) &&
	    report_what_if_vm_number(what_if, "half_faults", &half) &&
	    report_what_if_vm_number(what_if, "whole_faults", &whole))
		printf("  LRU faults      %.0f with half of the peak's %.0f pages, %.0f with all "
		       "of them\n", half, pages, whole);
	fputs("  TLB misses     ", stdout);
	for (size_t i = 0; i < TLBS_SHOWN && report_what_if_vm_tlb(what_if, i, &tlb); i++) {
		report_value_text(text, sizeof(text), tlb.miss_share, "share");
		report_value_text(reach, sizeof(reach), tlb.reach_bytes, "bytes");
		snprintf(line, sizeof(line), "%.40s", tlb.name);
		printf("%s %s beyond %s (%s)", i > 0 ? "," : "", text,
		       report_printable(line), reach);
	}
	snprintf(line, sizeof(line), "%.*s", screen->columns - 2,
		 report_what_if_vm_text(what_if, "label"));
	printf("\n  %s\n", report_printable(line));
}

/* Bytes that follow from where blocks lie. */
static void page_bytes_text(const struct report *report, char text[VALUE_BYTES], uint64_t bytes)
{
	if (report->info->has_addresses)
		report_value_text(text, VALUE_BYTES, (double)bytes, "bytes");
	else
		snprintf(text, VALUE_BYTES, "n/a");
}

static void pins_write(const struct screen *screen, size_t top)
{
	const struct report *report = screen->report;
	const struct report_pins *pins = &report->shown->pins;
	char line[LINE_BYTES], stack[STACK_BYTES], pinned[VALUE_BYTES], live[VALUE_BYTES];
	char returns[VALUE_BYTES];

	if (pins->row_count == 0 || top == 0)
		return;
	bool has_pages = report->info->has_addresses;
	snprintf(line, sizeof(line), "who %s, at %s%s", has_pages ? "pins pages" : "holds memory",
		 report->shown->name, report->has_residency || !has_pages
		 ? "" : " (estimate: live pages taken as resident)");
	heading_write(screen, line);
	puts("      pinned       live   objects   freed gives  held by");
	for (size_t i = 0; i < pins->row_count && i < top; i++) {
		const struct report_pin *pin = &pins->rows[i];

		page_bytes_text(report, pinned, pin->pinned_bytes);
		report_value_text(live, sizeof(live), (double)pin->live_bytes, "bytes");
		page_bytes_text(report, returns,
				report_pin_returns(pin, report->count.page_bytes));
		printf("  %10s %10s %9llu  %12s  %.*s\n", pinned, live,
		       (unsigned long long)pin->objects, returns, screen->columns - 50,
		       report_names_stack(report->names, pin->stack, stack, sizeof(stack)));
	}
	if (!report->has_stacks)
		puts("No stacks were recorded: all blocks are in one row.");
}

static void advice_write(const struct screen *screen)
{
	const struct report *report = screen->report;

	if (report->advice_count == 0)
		return;
	heading_write(screen, "advice");
	for (size_t i = 0; i < report->advice_count && i < ADVICE_ROWS; i++) {
		char line[2 * REPORT_TEXT_BYTES + 8];

		snprintf(line, sizeof(line), "%s %s", report->advice[i].observation,
			 report->advice[i].action);
		printf("%zu ", i + 1);
		help_wrap(stdout, line, 2, 2);
	}
}

void report_write_text(const struct report *report, size_t top, bool is_plain)
{
	struct screen screen = {
		.report = report,
		.columns = columns_find(),
		.has_blocks = !is_plain && locale_is_utf8(),
		.has_colour = !is_plain && notice_has_colour(stdout),
	};

	head_write(&screen);
	cards_write(&screen);
	ledger_write(&screen);
	curves_write(&screen);
	if (report->what_if != NULL)
		what_if_write(&screen);
	if (report_what_if_has_vm(report->what_if))
		lab_write(&screen);
	pins_write(&screen, top);
	advice_write(&screen);
}
