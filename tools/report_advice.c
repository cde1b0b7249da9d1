/* SPDX-License-Identifier: MIT */
/*
 * Advice: what the figures suggest, at most seven things, the one about most bytes first.
 *
 * Each says what was seen, where to see it, and what to do. An effect is only ever one that a
 * replay measured; where there is none, the action is to measure it.
 */
#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "report_names.h"
#include "report_verdict.h"
#include "report_what_if.h"

enum {
	VALUE_BYTES = 32,
	STACK_BYTES = 160,
};

/* From which shares on something is worth saying. */
static const double pinned_share_least = 0.10;
static const double reclaimable_share_least = 0.15;
static const double rounding_share_least = 0.12;
static const double temporary_share_least = 0.30;
static const double remote_share_least = 0.20;
static const double gain_share_least = 0.02;
/* How much longer the blocks of one stack live than those beside them. */
static const double lifetime_ratio_least = 100;

static struct report_advice *advice_add(struct report *report, const char *title, const char *view,
					double weight)
{
	size_t index = report->advice_count;

	/* A heavier one pushes the lightest out. */
	if (index == REPORT_ADVICE) {
		index = 0;
		for (size_t i = 1; i < REPORT_ADVICE; i++)
			if (report->advice[i].weight < report->advice[index].weight)
				index = i;
		if (report->advice[index].weight >= weight)
			return NULL;
	} else {
		report->advice_count++;
	}
	struct report_advice *advice = &report->advice[index];
	*advice = (struct report_advice){ .title = title, .view = view, .weight = weight };
	return advice;
}

static const char *bytes_text(char *text, double value)
{
	return report_value_text(text, VALUE_BYTES, value, "bytes");
}

/* Free bytes on pages that a few stacks hold. */
static void pinned_advise(struct report *report)
{
	const struct report_point *point = &report->shown->point;
	const struct report_pins *pins = &report->shown->pins;
	double pinned = (double)point->terms[REPORT_PINNED_FREE];
	double resident = (double)point->heap_bytes;
	char value[VALUE_BYTES], part[VALUE_BYTES], returns[VALUE_BYTES], stack[STACK_BYTES];

	if (pinned < pinned_share_least * resident || pins->row_count == 0)
		return;
	struct report_advice *advice =
		advice_add(report, "Live blocks pin pages that are mostly free", "pins", pinned);
	if (advice == NULL)
		return;
	snprintf(advice->observation, sizeof(advice->observation),
		 "%s (%.0f %% of what is resident at %s) are free but on pages with a live block; "
		 "no trim gives them back.", bytes_text(value, pinned), 100 * pinned / resident,
		 report->shown->name);
	if (report->has_stacks)
		snprintf(advice->action, sizeof(advice->action),
			 "Start with blocks of %s: they pin %s; freeing all of them returns %s. "
			 "Give what lives long a pool of its own, or allocate it before what is "
			 "freed.",
			 report_names_stack(report->names, pins->rows[0].stack, stack,
					    sizeof(stack)),
			 bytes_text(part, (double)pins->rows[0].pinned_bytes),
			 bytes_text(returns, (double)report_pin_returns(&pins->rows[0],
							       report->count.page_bytes)));
	else
		snprintf(advice->action, sizeof(advice->action),
			 "Record with stacks to see which code holds them: allot record --depth 16 "
			 "-- COMMAND.");
	advice->risk = "none to measure; a change of the program";
}

static void reclaimable_advise(struct report *report)
{
	const struct report_point *point = &report->series->all[report->end_index];
	double free_bytes = (double)point->terms[REPORT_RECLAIMABLE_FREE];
	double resident = (double)point->heap_bytes;
	char value[VALUE_BYTES];

	if (free_bytes < reclaimable_share_least * resident)
		return;
	struct report_advice *advice =
		advice_add(report, "Whole free pages stay resident", "ledger", free_bytes);
	if (advice == NULL)
		return;
	snprintf(advice->observation, sizeof(advice->observation),
		 "%s (%.0f %% of what is resident at the end) are whole pages without a live byte.",
		 bytes_text(value, free_bytes), 100 * free_bytes / resident);
	snprintf(advice->action, sizeof(advice->action),
		 "Let free pages go back sooner (allot list names purge and trim keys), or call "
		 "malloc_trim(0) after a phase ends; replay the trace on it to see what it costs: "
		 "allot replay --json --conf ... TRACE.");
	advice->risk = "page faults when the pages are needed again";
}

static void rounding_advise(struct report *report)
{
	const struct report_point *point = &report->shown->point;
	double rounding = (double)point->terms[REPORT_ROUNDING];
	double requested = (double)point->terms[REPORT_REQUESTED];
	const struct report_class *most = &report->count.classes[0];
	char value[VALUE_BYTES];
	unsigned index = 0;

	if (rounding < rounding_share_least * (rounding + requested))
		return;
	for (unsigned i = 0; i < REPORT_CLASSES; i++) {
		if (report->count.classes[i].rounding_bytes > most->rounding_bytes) {
			most = &report->count.classes[i];
			index = i;
		}
	}
	struct report_advice *advice =
		advice_add(report, "Blocks are much larger than requests", "classes", rounding);
	if (advice == NULL)
		return;
	snprintf(advice->observation, sizeof(advice->observation),
		 "Rounding takes %s, %.0f %% of live blocks; requests of %llu to %llu bytes lose "
		 "most.", bytes_text(value, rounding), 100 * rounding / (rounding + requested),
		 (unsigned long long)report_class_from(index),
		 (unsigned long long)report_class_from(index + 1) - 1);
	snprintf(advice->action, sizeof(advice->action),
		 "Request sizes just at or below a class, or replay on strategies that round less: "
		 "allot replay --json TRACE.");
	advice->risk = "none to measure";
}

static void temporary_advise(struct report *report)
{
	const struct report_count *count = &report->count;
	double share = (double)count->temporary / (double)(count->allocations + count->resizes + 1);
	char stack[STACK_BYTES], value[VALUE_BYTES];
	size_t most = 0;

	if (share < temporary_share_least)
		return;
	for (size_t i = 1; i < count->stack_count; i++)
		if (most == 0 || count->stacks[i].temporary > count->stacks[most].temporary)
			most = i;
	/* It costs time, not memory: behind all that is about bytes. */
	struct report_advice *advice =
		advice_add(report, "Many blocks are freed at once", "lifetimes", 1 + share);
	if (advice == NULL)
		return;
	snprintf(advice->observation, sizeof(advice->observation),
		 "%s allocations (%.0f %%) are freed before their thread allocates again.",
		 report_value_text(value, sizeof(value), (double)count->temporary, "count"),
		 100 * share);
	if (most > 0 && count->stacks[most].temporary > 0)
		snprintf(advice->action, sizeof(advice->action),
			 "Keep a buffer, or use the stack, in %s (%llu of them).",
			 report_names_stack(report->names, (uint32_t)most, stack, sizeof(stack)),
			 (unsigned long long)count->stacks[most].temporary);
	else
		snprintf(advice->action, sizeof(advice->action),
			 "Record with stacks to see where: allot record --depth 16 -- COMMAND.");
	advice->risk = "none to measure";
}

static void remote_advise(struct report *report)
{
	const struct report_metric *metric = report_metric_find(report, "remote_free_share");

	if (metric == NULL || !metric->is_known || metric->value < remote_share_least)
		return;
	struct report_advice *advice =
		advice_add(report, "Threads free each other's blocks", "threads", metric->value);
	if (advice == NULL)
		return;
	snprintf(advice->observation, sizeof(advice->observation),
		 "%.0f %% of frees are of blocks that another thread allocated.",
		 100 * metric->value);
	snprintf(advice->action, sizeof(advice->action),
		 "Hand blocks back to who made them, or replay with other numbers of arenas: allot "
		 "replay --json --conf arenas:1 TRACE.");
	advice->risk = "threads may wait for each other";
}

/* Two stacks share pages, and the blocks of one live much longer. */
static void interleaving_advise(struct report *report)
{
	const struct report_pins *pins = &report->shown->pins;
	char a[STACK_BYTES], b[STACK_BYTES];

	for (size_t i = 0; report->has_stacks && i < pins->pair_count && i < 50; i++) {
		const struct report_stack *first = &report->count.stacks[pins->pairs[i].stack_a];
		const struct report_stack *second = &report->count.stacks[pins->pairs[i].stack_b];
		double pages = (double)pins->pairs[i].pages;
		double bytes = pages * report->count.page_bytes;

		if (first->freed == 0 || second->freed == 0)
			continue;
		double life_a = first->lifetime_sum / (double)first->freed + 1;
		double life_b = second->lifetime_sum / (double)second->freed + 1;
		double ratio = life_a > life_b ? life_a / life_b : life_b / life_a;
		if (ratio < lifetime_ratio_least ||
		    bytes < gain_share_least * (double)report->shown->point.heap_bytes)
			continue;
		struct report_advice *advice = advice_add(
			report, "Blocks that live long lie among some that do not", "lifetimes",
			bytes / 2);
		if (advice == NULL)
			return;
		snprintf(advice->observation, sizeof(advice->observation),
			 "%.0f pages are shared by two stacks whose blocks live %.0f times as long "
			 "as the other's.", pages, ratio);
		snprintf(advice->action, sizeof(advice->action),
			 "Separate %s from %s: a pool for the one that lives long.",
			 report_names_stack(report->names, pins->pairs[i].stack_a, a, sizeof(a)),
			 report_names_stack(report->names, pins->pairs[i].stack_b, b, sizeof(b)));
		advice->risk = "none to measure; a change of the program";
		return;
	}
}

/* The row of the recorded configuration, replayed on memory. */
static bool recorded_find(const struct report *report, size_t *out_index)
{
	for (size_t i = 0; i < report_what_if_count(report->what_if); i++) {
		struct report_what_if_row row;

		report_what_if_row(report->what_if, i, &row);
		if (row.is_ok && row.is_recorded && strcmp(row.on, "memory") == 0) {
			*out_index = i;
			return true;
		}
	}
	return false;
}

/* Is a row's figure less than `before` whatever the program wrote to its blocks? */
static bool is_less_for_certain(const struct report *report, size_t index, const char *key,
				double before)
{
	double low, high;

	return !report_what_if_bounds(report->what_if, index, key, &low, &high) || high < before;
}

/*
 * The row that is best by `key`, with its gain over the recorded one beyond both spreads. For one
 * that shall be certain, its bounds do not reach to what is recorded.
 */
static bool better_find(const struct report *report, const char *key, bool is_less, bool is_certain,
			size_t recorded, size_t *out_index)
{
	double before, before_spread, best = 0;
	bool has = false;

	if (!report_what_if_value(report->what_if, recorded, key, &before, &before_spread))
		return false;
	for (size_t i = 0; i < report_what_if_count(report->what_if); i++) {
		struct report_what_if_row row;
		double value, spread;

		report_what_if_row(report->what_if, i, &row);
		if (!row.is_ok || i == recorded || strcmp(row.on, "memory") != 0 ||
		    !report_what_if_value(report->what_if, i, key, &value, &spread))
			continue;
		double gain = is_less ? before - value : value - before;
		bool is_repeated = before_spread > 0 && spread > 0;
		/* Of a time that was measured once nobody knows how far it spreads. */
		if ((!is_less && !is_repeated) || gain <= before_spread + spread ||
		    gain < gain_share_least * before ||
		    (is_certain && !is_less_for_certain(report, i, key, before)))
			continue;
		if (!has || gain > best) {
			best = gain;
			*out_index = i;
		}
		has = true;
	}
	return has;
}

/* Of memory: between what it lies by what the program writes, and whether that matters. */
static void bounds_append(const struct report *report, struct report_advice *advice, size_t index)
{
	char low[VALUE_BYTES], high[VALUE_BYTES], before[VALUE_BYTES];
	size_t length = strlen(advice->observation);
	bool is_memory = strcmp(advice->effect_unit, "bytes") == 0;

	advice->effect_label = is_memory ? "estimate" : "measured";
	advice->has_bounds = is_memory &&
			     report_what_if_bounds(report->what_if, index, advice->effect_metric,
						   &advice->after_low, &advice->after_high);
	if (!advice->has_bounds)
		return;
	advice->is_uncertain = advice->after_high >= advice->before;
	snprintf(advice->observation + length, sizeof(advice->observation) - length,
		 " That is an estimate: it lies between %s and %s, by what the program writes to "
		 "its blocks, %s %s.", bytes_text(low, advice->after_low),
		 bytes_text(high, advice->after_high),
		 advice->is_uncertain ? "so it may also be more than the" : "all below the",
		 bytes_text(before, advice->before));
}

/* Say what row `index` brings by `key`, and what it costs by `other`. */
static void row_advise(struct report *report, const char *title, const char *key, const char *unit,
		       const char *other, const char *other_name, size_t recorded, size_t index,
		       double weight)
{
	struct report_advice *advice = advice_add(report, title, "what_if", weight);
	const char *name = strcmp(unit, "bytes") == 0 ? "peak RSS" : "speed";
	struct report_what_if_row row;
	double other_before = 0, other_after = 0;

	if (advice == NULL)
		return;
	report_what_if_row(report->what_if, index, &row);
	advice->has_effect = true;
	advice->effect_metric = key;
	advice->effect_unit = unit;
	report_what_if_value(report->what_if, recorded, key, &advice->before, NULL);
	report_what_if_value(report->what_if, index, key, &advice->after, NULL);
	bool has_other =
		report_what_if_value(report->what_if, recorded, other, &other_before, NULL) &&
		report_what_if_value(report->what_if, index, other, &other_after, NULL) &&
		other_before > 0;
	snprintf(advice->observation, sizeof(advice->observation),
		 "Replayed on %.64s %s changes by %+.1f %%; %s changes by %+.1f %%.", row.name,
		 name, 100 * (advice->after / advice->before - 1), other_name,
		 has_other ? 100 * (other_after / other_before - 1) : 0.0);
	if (!has_other)
		snprintf(advice->observation, sizeof(advice->observation),
			 "Replayed on %.64s %s changes by %+.1f %%.", row.name, name,
			 100 * (advice->after / advice->before - 1));
	bounds_append(report, advice, index);
	if (row.conf[0] != '\0' || row.strategy[0] != '\0') {
		const char *prefix = row.conf[0] != '\0' ? "" : "strategy:";
		const char *value = row.conf[0] != '\0' ? row.conf : row.strategy;

		snprintf(advice->conf, sizeof(advice->conf), "%s%s", prefix, value);
		snprintf(advice->action, sizeof(advice->action), "Run with ALLOT_CONF=%s%.230s",
			 prefix, value);
	} else {
		snprintf(advice->action, sizeof(advice->action), "Run with %.64s instead.",
			 row.name);
	}
	if (advice->is_uncertain)
		strncat(advice->action, ", and look at its peak before relying on it.",
			sizeof(advice->action) - strlen(advice->action) - 1);
	advice->risk = advice->is_uncertain
			       ? "it may need more memory"
			       : "replayed for this recording; other inputs may differ";
}

static void what_if_advise(struct report *report)
{
	size_t recorded, index, certain = SIZE_MAX;
	double resident = (double)report->count.peak.heap_bytes;

	if (!recorded_find(report, &recorded))
		return;
	if (better_find(report, "peak_rss_bytes", true, true, recorded, &certain))
		row_advise(report, "Another configuration is leaner", "peak_rss_bytes", "bytes",
			   "operations_per_s", "speed", recorded, certain, resident + 3);
	if (better_find(report, "peak_rss_bytes", true, false, recorded, &index) &&
	    index != certain)
		row_advise(report, "Another configuration may be leaner", "peak_rss_bytes", "bytes",
			   "operations_per_s", "speed", recorded, index, resident + 2);
	if (better_find(report, "operations_per_s", false, false, recorded, &index))
		row_advise(report, "Another configuration is faster", "operations_per_s", "count",
			   "peak_rss_bytes", "peak RSS", recorded, index, resident + 1);
}

/* Without a replay the one thing to do is to make one. */
static void replay_advise(struct report *report)
{
	struct report_advice *advice =
		advice_add(report, "Nothing was replayed yet", "what_if", 0.5);

	if (advice == NULL)
		return;
	snprintf(advice->observation, sizeof(advice->observation),
		 "What another strategy would do with this trace is not known.");
	snprintf(advice->action, sizeof(advice->action),
		 "allot replay --json TRACE > replay.json, then allot report --replay replay.json "
		 "TRACE.");
	advice->risk = "none";
}

static int advice_compare(const void *a, const void *b)
{
	const struct report_advice *first = a, *second = b;

	return (first->weight < second->weight) - (first->weight > second->weight);
}

void report_advice_make(struct report *report)
{
	report_sentence_make(report);
	if (report->has_residency) {
		pinned_advise(report);
		reclaimable_advise(report);
		interleaving_advise(report);
	}
	rounding_advise(report);
	temporary_advise(report);
	remote_advise(report);
	if (report->what_if != NULL)
		what_if_advise(report);
	else
		replay_advise(report);
	qsort(report->advice, report->advice_count, sizeof(report->advice[0]), advice_compare);
}
