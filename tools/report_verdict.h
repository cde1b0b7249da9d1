/* SPDX-License-Identifier: MIT */
/*
 * The verdict: one sentence and the figures that stand first.
 */
#ifndef ALLOT_TOOLS_REPORT_VERDICT_H
#define ALLOT_TOOLS_REPORT_VERDICT_H

#include "report.h"

enum {
	REPORT_CARDS = 6,
	REPORT_SPARKS = 60,
	REPORT_NOTE_BYTES = 128,
};

struct report_card {
	struct report_metric metric;
	const char *view;
	char note[REPORT_NOTE_BYTES]; /* which strategy is best; "" for others */
	uint64_t spark[REPORT_SPARKS];
	size_t spark_count;
};

/* Fill `cards`, of REPORT_CARDS; returns how many there are. */
size_t report_cards_make(const struct report *report, struct report_card *cards);

/* Write the sentence. */
void report_sentence_make(struct report *report);

/* `count` values of a series at equal steps of time, each the largest of its step. */
void report_spark_make(const struct report *report, size_t offset, uint64_t *out, size_t count);

/* The best row of the replay that ran on memory, by least peak RSS. False: there is none. */
bool report_best_find(const struct report *report, size_t *out_index);

#endif
