/* SPDX-License-Identifier: MIT */
/*
 * Replay, figures: from what helpers saw at each moment to the columns of a row.
 *
 * Memory is taken from the first round, in which nothing was different from the others but the
 * time; time is the median of all rounds. A spread is half of what the rounds lie apart.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay_work.h"
#include "sample_peak.h"

enum {
	ROUNDS_MAX = 64,
	CALLS_A_MOMENT_MIN = 50,
	SAMPLES_MEAN_MIN = 30,
};

static void value_set(struct replay_row *row, enum replay_column column, double value)
{
	row->values[column].value = value;
	row->values[column].is_known = true;
}

/* Between the two, in whatever order, and with the figure itself among them. */
static void bounds_set(struct replay_row *row, enum replay_column column, double one, double other)
{
	double own = row->values[column].value;

	row->values[column].low = fmin(own, fmin(one, other));
	row->values[column].high = fmax(own, fmax(one, other));
	row->values[column].has_bounds = true;
}

/* Largest, and mean over time, of what one space had resident. */
struct series_sums {
	uint64_t peak, peak_at_samples, peak_live;
	double mean;
};

static struct series_sums series_sum(const struct replay_round *round, enum replay_space space)
{
	struct series_sums sums = {0};
	uint64_t count = round->outcome.sample_count, span = 0;
	double area = 0, plain = 0;

	for (uint64_t i = 0; i < count; i++) {
		uint64_t bytes = round->samples[i].resident_bytes[space];
		uint64_t live = round->samples[i].live_bytes;
		if (sample_is_higher(bytes, live, sums.peak, sums.peak_live)) {
			sums.peak = bytes;
			sums.peak_live = live;
		}
		if (round->moments[i].heap_resident_bytes != REPLAY_UNKNOWN &&
		    bytes > sums.peak_at_samples)
			sums.peak_at_samples = bytes;
		plain += (double)bytes / (double)count;
		if (i + 1 < count) {
			uint64_t step = round->moments[i + 1].time_ns - round->moments[i].time_ns;
			area += (double)bytes * (double)step;
			span += step;
		}
	}
	sums.mean = span > 0 ? area / (double)span : plain;
	return sums;
}

/* The curve, thinned out: of each stretch the moment with most resident. */
static void curve_draw(struct replay_row *row, const struct replay_round *round,
		       enum replay_space space)
{
	uint64_t count = round->outcome.sample_count;
	uint64_t points = count < REPLAY_POINTS_MAX ? count : REPLAY_POINTS_MAX;

	for (uint64_t point = 0; point < points; point++) {
		uint64_t best = point * count / points;
		for (uint64_t i = best; i < (point + 1) * count / points; i++)
			if (round->samples[i].resident_bytes[space] >
			    round->samples[best].resident_bytes[space])
				best = i;
		row->time_ns[point] = round->moments[best].time_ns;
		row->rss_bytes[point] = round->samples[best].resident_bytes[space];
	}
	row->point_count = (uint32_t)points;
}

static void utilization_set(struct replay_row *row, const struct replay_work *work,
			    const struct replay_round *round)
{
	uint64_t mapped = 0;

	for (uint64_t i = 0; i < round->outcome.sample_count; i++)
		if (round->samples[i].mapped_bytes > mapped)
			mapped = round->samples[i].mapped_bytes;
	if (mapped > 0)
		value_set(row, REPLAY_U, (double)work->survey->live_bytes_peak / (double)mapped);
	const struct replay_outcome *outcome = &round->outcome;
	if (outcome->usable_bytes_peak > 0)
		value_set(row, REPLAY_INTERNAL_SHARE,
			  1 - (double)outcome->live_bytes_peak /
				      (double)outcome->usable_bytes_peak);
	if (outcome->resident_bytes_then > 0)
		value_set(row, REPLAY_PINNED_SHARE,
			  (double)outcome->pinned_bytes_peak /
				  (double)outcome->resident_bytes_then);
}

/* Were as many bytes live as in the trace, at every moment? */
static void live_compare(struct replay_row *row, const struct replay_round *round)
{
	const struct replay_outcome *outcome = &round->outcome;

	row->is_live_exact = true;
	row->moments = outcome->sample_count;
	for (uint64_t i = 0; i < outcome->sample_count; i++)
		if (round->samples[i].live_bytes != round->moments[i].live_bytes)
			row->is_live_exact = false;
	if (outcome->refused > 0)
		snprintf(row->status, sizeof(row->status), "%llu of %llu requests were refused",
			 (unsigned long long)outcome->refused,
			 (unsigned long long)outcome->operations);
	else if (!row->is_live_exact)
		snprintf(row->status, sizeof(row->status), "live bytes are not the trace's");
}

static void memory_set(struct replay_row *row, const struct replay_work *work,
		       const struct replay_round *round)
{
	enum replay_space space =
		row->kind == REPLAY_ROW_MODEL ? REPLAY_SPACE_CHOSEN : REPLAY_SPACE_NONE;
	struct series_sums sums = series_sum(round, space);
	uint64_t peak = sums.peak;

	if (row->kind != REPLAY_ROW_MODEL && round->outcome.resident_bytes_peak > peak)
		peak = round->outcome.resident_bytes_peak;
	if (row->kind == REPLAY_ROW_MODEL && round->outcome.resident_bytes_peaks[space] > peak)
		peak = round->outcome.resident_bytes_peaks[space];
	value_set(row, REPLAY_PEAK_RSS, (double)peak);
	if (work->survey->samples_with_runs > 0)
		value_set(row, REPLAY_PEAK_RSS_AT_SAMPLES, (double)sums.peak_at_samples);
	value_set(row, REPLAY_MEAN_RSS, sums.mean);
	if (sums.peak_live > 0)
		value_set(row, REPLAY_REALIZED, (double)sums.peak / (double)sums.peak_live - 1);
	value_set(row, REPLAY_MINOR_FAULTS, (double)round->outcome.minor_faults[space]);
	value_set(row, REPLAY_MAJOR_FAULTS, (double)round->outcome.major_faults);
	utilization_set(row, work, round);
	curve_draw(row, round, space);
}

/*
 * A model: bounds by what the program could have written, nothing and everything. A page that the
 * heap reads before anybody writes to it faults twice, so that nothing may take more faults.
 */
static void model_set(struct replay_row *row, const struct replay_round *round)
{
	const struct replay_outcome *outcome = &round->outcome;
	/* Tables are not on the machine: a page of them is written at once, or read before. */
	uint64_t table_faults_most = 2 * outcome->metadata_bytes / outcome->page_bytes;
	struct series_sums none = series_sum(round, REPLAY_SPACE_NONE);
	struct series_sums all = series_sum(round, REPLAY_SPACE_ALL);

	bounds_set(row, REPLAY_PEAK_RSS, (double)outcome->resident_bytes_peaks[REPLAY_SPACE_NONE],
		   (double)outcome->resident_bytes_peaks[REPLAY_SPACE_ALL]);
	bounds_set(row, REPLAY_MEAN_RSS, none.mean, all.mean);
	bounds_set(row, REPLAY_MINOR_FAULTS, (double)outcome->minor_faults[REPLAY_SPACE_NONE],
		   (double)outcome->minor_faults[REPLAY_SPACE_ALL]);
	row->values[REPLAY_MINOR_FAULTS].high += (double)table_faults_most;
	/* Some tables are data of the library, which on memory count as the program's. */
	row->values[REPLAY_PEAK_RSS].low -= (double)outcome->metadata_bytes;
	row->values[REPLAY_MEAN_RSS].low -= (double)outcome->metadata_bytes;
	if (outcome->tlb_accesses > 0)
		value_set(row, REPLAY_TLB_MISS_SHARE,
			  (double)outcome->tlb_walks / (double)outcome->tlb_accesses);
	memcpy(row->by_reason, outcome->by_reason, sizeof(row->by_reason));
	row->pages_compared = outcome->pages_compared;
	row->pages_different = outcome->pages_different;
	row->kernel_faults = outcome->kernel_faults;
	row->lab = outcome->lab;
	if (outcome->pages_different > 0)
		snprintf(row->status, sizeof(row->status),
			 "the model differs from the kernel in %llu of %llu pages",
			 (unsigned long long)outcome->pages_different,
			 (unsigned long long)outcome->pages_compared);
}

static void both_set(struct replay_row *row, enum replay_column column, double low, double high)
{
	if (row->values[column].is_known)
		bounds_set(row, column, low, high);
}

void replay_figures_bound(struct replay_row *row, const struct replay_round *chosen,
			  const struct replay_round *none, const struct replay_round *all)
{
	static const char ok[] = "ok";
	bool has_none = strcmp(none->status, ok) == 0, has_all = strcmp(all->status, ok) == 0;
	struct series_sums least = { 0 }, most = { 0 };

	if (!replay_row_is_ok(row))
		return;
	if (has_none)
		least = series_sum(none, REPLAY_SPACE_NONE);
	if (has_all)
		most = series_sum(all, REPLAY_SPACE_NONE);
	for (uint64_t i = 0; !has_all && i < chosen->outcome.sample_count; i++) {
		const struct replay_sample *sample = &chosen->samples[i];
		if (sample->mapped_bytes > most.peak)
			most.peak = sample->mapped_bytes;
		most.mean = (double)most.peak;
	}
	if (has_all && all->outcome.resident_bytes_peak > most.peak)
		most.peak = all->outcome.resident_bytes_peak;
	both_set(row, REPLAY_PEAK_RSS, (double)least.peak, (double)most.peak);
	both_set(row, REPLAY_MEAN_RSS, least.mean, most.mean);
	if (has_none && has_all)
		both_set(row, REPLAY_MINOR_FAULTS, (double)none->outcome.minor_faults[0],
			 (double)all->outcome.minor_faults[0]);
	/* Realized fragmentation has none: the moment of the peak is another one in each. */
}

static int doubles_compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

/* Median and spread of a figure of all rounds, which are put in order. */
static void rounds_set(struct replay_row *row, enum replay_column column, double *values,
		       size_t count)
{
	qsort(values, count, sizeof(*values), doubles_compare);
	value_set(row, column, (values[(count - 1) / 2] + values[count / 2]) / 2);
	row->values[column].spread = (values[count - 1] - values[0]) / 2;
	row->values[column].has_spread = count > 1;
}

static void time_set(struct replay_row *row, const struct replay_round *rounds, size_t count)
{
	double cpu_ns[ROUNDS_MAX], per_s[ROUNDS_MAX];

	const struct replay_outcome *first = &rounds[0].outcome;

	/* The clock is stopped at each moment: too often for the time between to mean anything. */
	if (first->loop_cpu_ns == 0 || row->kind == REPLAY_ROW_MODEL || count > ROUNDS_MAX ||
	    first->operations < CALLS_A_MOMENT_MIN * (first->sample_count + 1))
		return;
	for (size_t i = 0; i < count; i++) {
		cpu_ns[i] = (double)rounds[i].outcome.loop_cpu_ns;
		per_s[i] = (double)rounds[i].outcome.operations * 1e9 / (cpu_ns[i] + 1);
	}
	rounds_set(row, REPLAY_CPU_NS, cpu_ns, count);
	rounds_set(row, REPLAY_OPERATIONS_PER_S, per_s, count);
}

static void spread_set(struct replay_row *row, enum replay_column column, double low, double high)
{
	row->values[column].spread = (high - low) / 2;
	row->values[column].has_spread = true;
}

/* How far memory lies apart between the rounds. */
static void memory_spread(struct replay_row *row, const struct replay_round *rounds, size_t count)
{
	double peak[2] = {0}, faults[2] = {0};

	if (count < 2 || row->kind == REPLAY_ROW_MODEL)
		return;
	for (size_t i = 0; i < count; i++) {
		double bytes = (double)series_sum(&rounds[i], REPLAY_SPACE_NONE).peak;
		double minor = (double)rounds[i].outcome.minor_faults[0];
		peak[0] = i == 0 || bytes < peak[0] ? bytes : peak[0];
		peak[1] = bytes > peak[1] ? bytes : peak[1];
		faults[0] = i == 0 || minor < faults[0] ? minor : faults[0];
		faults[1] = minor > faults[1] ? minor : faults[1];
	}
	spread_set(row, REPLAY_PEAK_RSS, peak[0], peak[1]);
	spread_set(row, REPLAY_MINOR_FAULTS, faults[0], faults[1]);
}

void replay_figures(struct replay_row *row, const struct replay_work *work,
		    const struct replay_round *rounds, size_t count)
{
	snprintf(row->status, sizeof(row->status), "%s", rounds[count - 1].status);
	if (!replay_row_is_ok(row))
		return;
	if (row->kind != REPLAY_ROW_LOOP) {
		live_compare(row, &rounds[0]);
		memory_set(row, work, &rounds[0]);
		memory_spread(row, rounds, count);
	}
	if (row->kind == REPLAY_ROW_MODEL)
		model_set(row, &rounds[0]);
	time_set(row, rounds, count);
}

void replay_figures_recorded(struct replay_row *row, const struct replay_survey *survey)
{
	row->is_live_exact = true;
	row->moments = survey->samples_with_runs;
	if (survey->samples_with_runs == 0) {
		snprintf(row->status, sizeof(row->status), "the recording has no samples");
		return;
	}
	snprintf(row->status, sizeof(row->status), "ok");
	value_set(row, REPLAY_PEAK_RSS, (double)survey->heap_bytes_peak);
	value_set(row, REPLAY_PEAK_RSS_AT_SAMPLES, (double)survey->heap_bytes_peak);
	/* Of few samples, most of them at the start, a mean would say nothing. */
	if (survey->samples_with_runs >= SAMPLES_MEAN_MIN)
		value_set(row, REPLAY_MEAN_RSS, replay_survey_heap_mean(survey));
	if (survey->heap_peak_live_bytes > 0)
		value_set(row, REPLAY_REALIZED, (double)survey->heap_bytes_peak /
						 (double)survey->heap_peak_live_bytes - 1);
}
