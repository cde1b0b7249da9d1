/* SPDX-License-Identifier: MIT */
/*
 * The verdict: what most of the resident bytes are, and what holds those that are not the
 * program's.
 */
#include "report_verdict.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "report_names.h"
#include "report_what_if.h"

enum {
	VALUE_BYTES = 32,
	NAME_BYTES = 96,
};

/* Waste below this share of the heap is none worth a word. */
static const double waste_share_least = 0.10;
/* And a strategy that is leaner by less: for noise. */
static const double leaner_share_least = 0.01;

void report_spark_make(const struct report *report, size_t offset, uint64_t *out, size_t count)
{
	const struct report_series *series = report->series;
	uint64_t end = series->count > 0 ? series->all[series->count - 1].time + 1 : 1;
	size_t next = 0;
	uint64_t value = 0;

	for (size_t i = 0; i < count; i++) {
		uint64_t stop = (uint64_t)((double)end * (double)(i + 1) / (double)count);
		uint64_t most = value; /* what was stands until something else is known */
		bool has = false;

		for (; next < series->count && (series->all[next].time < stop || i == count - 1);
		     next++) {
			memcpy(&value, (const char *)&series->all[next] + offset, sizeof(value));
			most = !has || value > most ? value : most;
			has = true;
		}
		out[i] = most;
	}
}

static struct report_card *card_add(const struct report *report, struct report_card *cards,
				    size_t *count, const char *key, const char *view,
				    size_t offset)
{
	struct report_card *card = &cards[(*count)++];
	const struct report_metric *metric = report_metric_find(report, key);

	memset(card, 0, sizeof(*card));
	if (metric != NULL)
		card->metric = *metric;
	card->view = view;
	if (card->metric.is_known && offset < sizeof(struct report_point)) {
		report_spark_make(report, offset, card->spark, REPORT_SPARKS);
		card->spark_count = REPORT_SPARKS;
	}
	return card;
}

bool report_best_find(const struct report *report, size_t *out_index)
{
	double least = 0;
	bool has = false;

	if (report->what_if == NULL)
		return false;
	for (size_t i = 0; i < report_what_if_count(report->what_if); i++) {
		struct report_what_if_row row;
		double value;

		report_what_if_row(report->what_if, i, &row);
		if (!row.is_ok || strcmp(row.on, "memory") != 0 ||
		    !report_what_if_value(report->what_if, i, "peak_rss_bytes", &value, NULL))
			continue;
		if (!has || value < least) {
			least = value;
			*out_index = i;
		}
		has = true;
	}
	return has;
}

static void best_card(const struct report *report, struct report_card *card)
{
	struct report_what_if_row row;
	char low_text[VALUE_BYTES], high_text[VALUE_BYTES];
	double recorded, least, low, high;
	size_t index;

	memset(card, 0, sizeof(*card));
	card->view = "what_if";
	card->metric = (struct report_metric){
		.key = "best", .name = "leanest replayed", .unit = "bytes", .label = "n/a",
		.formula = "least peak RSS of all configurations replayed on memory",
	};
	if (!report_best_find(report, &index))
		return;
	report_what_if_row(report->what_if, index, &row);
	report_what_if_value(report->what_if, index, "peak_rss_bytes", &least, NULL);
	card->metric.value = least;
	card->metric.is_known = true;
	card->metric.label = "estimate";
	bool has_recorded = report_what_if_extremes(report->what_if, "peak_rss_bytes", &recorded,
						    &least) && recorded > 0;
	if (has_recorded && least > recorded * (1 - leaner_share_least))
		snprintf(card->note, sizeof(card->note), "none is leaner by 1 %%");
	else if (has_recorded)
		snprintf(card->note, sizeof(card->note), "%.64s, %+.1f %%", row.name,
			 100 * (least - recorded) / recorded);
	else
		snprintf(card->note, sizeof(card->note), "%.64s", row.name);
	if (!report_what_if_bounds(report->what_if, index, "peak_rss_bytes", &low, &high))
		return;
	size_t length = strlen(card->note);
	snprintf(card->note + length, sizeof(card->note) - length, ", %s to %s",
		 report_value_text(low_text, sizeof(low_text), low, "bytes"),
		 report_value_text(high_text, sizeof(high_text), high, "bytes"));
}

size_t report_cards_make(const struct report *report, struct report_card *cards)
{
	size_t count = 0;
	size_t terms = offsetof(struct report_point, terms);

	card_add(report, cards, &count, "peak_rss", "ledger",
		 offsetof(struct report_point, heap_bytes));
	card_add(report, cards, &count, "peak_requested", "ledger",
		 terms + REPORT_REQUESTED * sizeof(uint64_t));
	card_add(report, cards, &count, "realized", "ledger", SIZE_MAX);
	card_add(report, cards, &count, "pinned", "pins",
		 terms + REPORT_PINNED_FREE * sizeof(uint64_t));
	card_add(report, cards, &count, "reclaimable_end", "ledger",
		 terms + REPORT_RECLAIMABLE_FREE * sizeof(uint64_t));
	best_card(report, &cards[count++]);
	return count;
}

/* The term that holds most of what is not the program's, at the peak. */
static enum report_term waste_largest(const struct report_point *point)
{
	enum report_term most = REPORT_ROUNDING;

	for (int term = REPORT_ROUNDING; term < REPORT_UNTOUCHED; term++)
		if (term != REPORT_RECORDER && point->terms[term] > point->terms[most])
			most = term;
	return most;
}

/* The pinning stack named, when stacks were recorded. */
static void pinner_append(const struct report *report, char *text, size_t bytes)
{
	const struct report_pins *pins = &report->shown->pins;
	char value[VALUE_BYTES];

	if (pins->row_count == 0 || pins->rows[0].stack == 0 || pins->pinned_bytes == 0)
		return;
	size_t length = strlen(text);
	report_value_text(value, sizeof(value), (double)pins->rows[0].pinned_bytes, "bytes");
	snprintf(text + length, bytes - length, " Of pinned bytes, %s are held by blocks of %.64s.",
		 value, report_names_function(report->names, pins->rows[0].stack, NULL));
}

static void sentence_resident(struct report *report)
{
	static const char *const words[REPORT_TERMS] = {
		[REPORT_ROUNDING] = "rounding of blocks",
		[REPORT_TAGS] = "boundary tags",
		[REPORT_PINNED_FREE] = "free bytes pinned by live blocks on their pages",
		[REPORT_RECLAIMABLE_FREE] = "whole pages that are free and could go back",
		[REPORT_METADATA] = "tables of the heap",
	};
	const struct report_point *peak = &report->count.peak;
	char resident[VALUE_BYTES], waste[VALUE_BYTES], most[VALUE_BYTES];
	uint64_t waste_bytes = report_point_waste(peak);
	enum report_term term = waste_largest(peak);

	report_value_text(resident, sizeof(resident), (double)peak->heap_bytes, "bytes");
	report_value_text(waste, sizeof(waste), (double)waste_bytes, "bytes");
	report_value_text(most, sizeof(most), (double)peak->terms[term], "bytes");
	if ((double)waste_bytes < waste_share_least * (double)peak->heap_bytes)
		snprintf(report->sentence, sizeof(report->sentence),
			 "At its peak the heap has %s resident, and all but %s of it is what the "
			 "program asked for.", resident, waste);
	else
		snprintf(report->sentence, sizeof(report->sentence),
			 "At its peak the heap has %s resident, %s more than what the program "
			 "uses; most of that, %s, is %s.", resident, waste, most, words[term]);
	if (term == REPORT_PINNED_FREE)
		pinner_append(report, report->sentence, sizeof(report->sentence));
}

/* The program went on, and the recording did not. */
static void lost_append(struct report *report)
{
	size_t length = strlen(report->sentence);
	char time[VALUE_BYTES];

	if (report->info->lost_time == 0)
		return;
	snprintf(report->sentence + length, sizeof(report->sentence) - length,
		 " Events are missing from %s on: all this is of the time before.",
		 report_value_text(time, sizeof(time), (double)report->info->lost_time, "ns"));
}

static void sentence_requested(struct report *report)
{
	char most[VALUE_BYTES], end[VALUE_BYTES];

	report_value_text(most, sizeof(most), (double)report->count.requested_bytes_peak, "bytes");
	report_value_text(end, sizeof(end), (double)report->count.requested_bytes, "bytes");
	snprintf(report->sentence, sizeof(report->sentence),
		 "The program had %s live at its peak and %s at the end; what was resident the "
		 "trace does not say.", most, end);
}

void report_sentence_make(struct report *report)
{
	if (report->has_residency)
		sentence_resident(report);
	else
		sentence_requested(report);
	lost_append(report);
	report_printable(report->sentence);
}
