/* SPDX-License-Identifier: MIT */
/*
 * Metrics: the figures fragmentation is spoken of in, each with its formula and who defines it so.
 *
 * Resident is the kernel's figure for the heap's pages. Where the trace has none, metrics that need
 * it are unknown rather than guessed.
 */
#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "report_what_if.h"

enum {
	PERCENTILE = 95,
	GAP_MIB = 20 - REPORT_GAP_LOG2_FIRST, /* index of requests of 1 MiB */
};

static struct report_metric *metric_add(struct report *report, const char *key, const char *name,
					const char *unit, const char *label, const char *formula,
					const char *source)
{
	struct report_metric *metric = &report->metrics[report->metric_count++];

	*metric = (struct report_metric){
		.key = key, .name = name, .unit = unit, .label = label,
		.formula = formula, .source = source,
	};
	return metric;
}

static void value_set(struct report_metric *metric, bool is_known, double value)
{
	metric->is_known = is_known;
	metric->value = is_known ? value : 0;
	if (!is_known)
		metric->label = "n/a";
}

bool report_has_gaps(const struct report *report)
{
	bool is_cut = report->info->lost_time != 0; /* what there is lacks nothing */

	return (report->info->lost_events > 0 && !is_cut) || report->count.unknown_frees > 0;
}

static void share_set(struct report_metric *metric, bool is_known, double part, double whole)
{
	value_set(metric, is_known && whole > 0, whole > 0 ? part / whole : 0);
}

static const struct report_point *point_at(const struct report *report, size_t index)
{
	static const struct report_point none;

	return report->series->count > 0 ? &report->series->all[index] : &none;
}

const struct report_metric *report_metric_find(const struct report *report, const char *key)
{
	for (size_t i = 0; i < report->metric_count; i++)
		if (strcmp(report->metrics[i].key, key) == 0)
			return &report->metrics[i];
	return NULL;
}

static double ratio_of(const struct report_point *point)
{
	double requested = (double)point->terms[REPORT_REQUESTED];

	return requested > 0 ? (double)point->heap_bytes / requested : 0;
}

static int double_compare(const void *a, const void *b)
{
	double first = *(const double *)a, second = *(const double *)b;

	return (first > second) - (first < second);
}

/* The value that PERCENTILE per cent of the samples do not exceed (nearest rank). */
static bool ratio_percentile(const struct report *report, double *out)
{
	size_t count = report->series->count, known = 0;
	double *ratios = calloc(count + 1, sizeof(*ratios));

	for (size_t i = 0; ratios != NULL && i < count; i++)
		if (ratio_of(&report->series->all[i]) > 0)
			ratios[known++] = ratio_of(&report->series->all[i]);
	if (known > 0) {
		qsort(ratios, known, sizeof(*ratios), double_compare);
		*out = ratios[(known * PERCENTILE + 99) / 100 - 1];
	}
	free(ratios);
	return known > 0;
}

/* Mean of resident bytes over time; each sample stands until the next. */
static double resident_mean(const struct report *report)
{
	const struct report_series *series = report->series;
	double sum = 0, time = 0;

	for (size_t i = 0; i + 1 < series->count; i++) {
		double step = (double)(series->all[i + 1].time - series->all[i].time);

		sum += step * (double)series->all[i].heap_bytes;
		time += step;
	}
	return time > 0 ? sum / time : (double)point_at(report, 0)->heap_bytes;
}

/* The sample with the most requested bytes. */
static const struct report_point *requested_peak(const struct report *report)
{
	const struct report_point *most = point_at(report, 0);

	for (size_t i = 1; i < report->series->count; i++)
		if (report->series->all[i].terms[REPORT_REQUESTED] >
		    most->terms[REPORT_REQUESTED])
			most = &report->series->all[i];
	return most;
}

static void sizes_add(struct report *report)
{
	const struct report_count *count = &report->count;
	const struct report_point *end = point_at(report, report->end_index);
	bool has = report->has_residency;

	value_set(metric_add(report, "peak_rss", "peak RSS of the heap", "bytes", "measured",
			     "most resident bytes of the heap's pages at any sample, "
			     "without the recorder's own",
			     "kernel: /proc/PID/pagemap or mincore(2)"),
		  has, (double)count->peak.heap_bytes);
	value_set(metric_add(report, "mean_rss", "mean RSS of the heap", "bytes", "measured",
			     "resident bytes, mean over time between samples", "kernel"),
		  has, resident_mean(report));
	value_set(metric_add(report, "end_rss", "RSS of the heap at the end", "bytes", "measured",
			     "resident bytes at the last sample", "kernel"),
		  has, (double)end->heap_bytes);
	value_set(metric_add(report, "peak_process_rss", "peak RSS of the process", "bytes",
			     "measured", "most resident bytes of the process, between samples too",
			     "kernel: VmHWM"),
		  count->has_process, (double)count->process_bytes_peak);
	value_set(metric_add(report, "peak_missed", "peak RSS that samples may have missed",
			     "bytes", "bounds 0..value",
			     "most resident bytes of the process less the most at a sample",
			     "kernel: VmHWM, VmRSS"),
		  count->has_process && has,
		  (double)(count->process_bytes_peak - count->process_bytes_sampled));
	value_set(metric_add(report, "peak_requested", "peak requested", "bytes", "exact",
			     "most bytes asked for and not freed, at any event", "trace"),
		  true, (double)count->requested_bytes_peak);
	value_set(metric_add(report, "end_requested", "requested at the end", "bytes", "exact",
			     "bytes asked for and never freed", "trace"),
		  true, (double)count->requested_bytes);
	value_set(metric_add(report, "peak_mapped", "peak mapped", "bytes", "exact",
			     "most bytes mapped for blocks", "trace"),
		  count->has_ranges, (double)count->mapped_bytes_peak);
}

/* Utilization and fragmentation, by their several definitions. */
static void ratios_add(struct report *report)
{
	const struct report_count *count = &report->count;
	const struct report_point *peak = &count->peak;
	const struct report_point *live = requested_peak(report);
	double requested = (double)peak->terms[REPORT_REQUESTED], most = 0;
	bool has = report->has_residency;

	share_set(metric_add(report, "u", "peak utilization U", "share", "exact",
			     "most requested bytes / most bytes mapped for blocks", "CS:APP 9.9"),
		  count->has_ranges, (double)count->requested_bytes_peak,
		  (double)count->mapped_bytes_peak);
	share_set(metric_add(report, "realized", "realized fragmentation", "share", "measured",
			     "(resident - requested) / requested, at the peak of resident",
			     "tcmalloc, stats.md"),
		  has && requested > 0, (double)peak->heap_bytes - requested, requested);
	share_set(metric_add(report, "johnstone_wilson_1", "Johnstone and Wilson 1", "ratio",
			     "measured", "resident / requested, mean over time",
			     "Johnstone and Wilson 1998"),
		  has, count->ratio_sum, count->ratio_time);
	share_set(metric_add(report, "johnstone_wilson_2", "Johnstone and Wilson 2", "ratio",
			     "measured", "resident / requested, at the sample with most requested",
			     "Johnstone and Wilson 1998"),
		  has, (double)live->heap_bytes, (double)live->terms[REPORT_REQUESTED]);
	share_set(metric_add(report, "johnstone_wilson_3", "Johnstone and Wilson 3", "ratio",
			     "measured", "most resident / requested at that sample",
			     "Johnstone and Wilson 1998"),
		  has, (double)peak->heap_bytes, requested);
	share_set(metric_add(report, "johnstone_wilson_4", "Johnstone and Wilson 4", "ratio",
			     "measured", "most resident / most requested, whenever",
			     "Johnstone and Wilson 1998"),
		  has, (double)peak->heap_bytes, (double)count->requested_bytes_peak);
	bool has_percentile = has && ratio_percentile(report, &most);
	value_set(metric_add(report, "ratio_p95", "resident / requested, 95th percentile",
			     "ratio", "measured", "nearest rank over samples", "allot"),
		  has_percentile, most);
	const struct report_point *end = point_at(report, report->end_index);
	share_set(metric_add(report, "ratio_end", "resident / requested at the end", "ratio",
			     "measured", "at the last sample", "allot"),
		  has, (double)end->heap_bytes, (double)end->terms[REPORT_REQUESTED]);
}

/* Parts of the ledger at the peak. */
static void parts_add(struct report *report)
{
	const struct report_point *peak = point_at(report, report->peak_index);
	const struct report_point *end = point_at(report, report->end_index);
	double requested = (double)peak->terms[REPORT_REQUESTED];
	double overhead = (double)(peak->terms[REPORT_ROUNDING] + peak->terms[REPORT_TAGS]);
	double resident = (double)peak->heap_bytes;
	bool has = report->has_residency;

	share_set(metric_add(report, "internal_share", "internal fragmentation", "share", "exact",
			     "(rounding + tags) / bytes of live blocks, at the peak",
			     "Knuth; CS:APP 9.9"),
		  true, overhead, requested + overhead);
	value_set(metric_add(report, "pinned", "pinned free bytes", "bytes", "measured",
			     "free bytes on resident pages with a live byte, at the peak", "allot"),
		  has, (double)peak->terms[REPORT_PINNED_FREE]);
	share_set(metric_add(report, "pinned_share", "pinned share", "share", "measured",
			     "pinned free / resident, at the peak", "allot"),
		  has, (double)peak->terms[REPORT_PINNED_FREE], resident);
	value_set(metric_add(report, "reclaimable", "reclaimable at the peak", "bytes", "measured",
			     "resident pages without a live byte, at the peak", "allot"),
		  has, (double)peak->terms[REPORT_RECLAIMABLE_FREE]);
	value_set(metric_add(report, "reclaimable_end", "reclaimable at the end", "bytes",
			     "measured", "resident pages without a live byte, at the last sample",
			     "allot"),
		  has, (double)end->terms[REPORT_RECLAIMABLE_FREE]);
	share_set(metric_add(report, "metadata_share", "metadata share", "share", "measured",
			     "resident tables of the heap / resident, at the peak", "allot"),
		  has, (double)peak->terms[REPORT_METADATA], resident);
	const struct report_moment *shown = report->shown;
	value_set(metric_add(report, "unusable_1m", "unusable for requests of 1 MiB", "share",
			     report->count.has_ranges ? "exact" : "estimate (extent of blocks)",
			     "free bytes in gaps too small for it / free bytes of the heap, at the "
			     "moment shown", "Linux mm/vmstat.c, in bytes"),
		  shown->is_made && report->info->has_addresses,
		  report_gaps_unusable(&shown->gaps, GAP_MIB));
	value_set(metric_add(report, "interleaving", "interleaving of stacks", "count",
			     has ? "measured" : "estimate (live pages taken as resident)",
			     "entropy in bits of whose bytes a page holds, mean over pages, at the "
			     "moment shown", "Shannon 1948"),
		  shown->is_made && report->has_stacks && report->info->has_addresses,
		  shown->pins.entropy_bits);
}

static void counts_add(struct report *report)
{
	const struct report_count *count = &report->count;
	double frees = 0, others = 0;

	for (size_t i = 0; i < count->thread_count; i++) {
		frees += (double)count->threads[i].frees;
		others += (double)count->threads[i].frees_of_others;
	}
	value_set(metric_add(report, "allocations", "allocations", "count", "exact",
			     "successful calls that return a new block", "trace"),
		  true, (double)count->allocations);
	share_set(metric_add(report, "temporary_share", "temporary allocations", "share", "exact",
			     "freed before their thread allocated anything else / allocations",
			     "heaptrack"),
		  true, (double)count->temporary, (double)(count->allocations + count->resizes));
	share_set(metric_add(report, "remote_free_share", "frees by other threads", "share",
			     "exact", "frees of blocks that another thread allocated / frees",
			     "allot"),
		  true, others, frees);
	value_set(metric_add(report, "failures", "failed requests", "count", "exact",
			     "calls that returned no memory", "trace"),
		  true, (double)count->failures);
	value_set(metric_add(report, "ledger_difference", "largest difference of the ledger",
			     "bytes", "exact", "most |resident - sum of terms| over all samples",
			     "allot"),
		  report->has_residency, (double)count->largest_difference_bytes);
	value_set(metric_add(report, "stray_blocks", "blocks on no mapping", "count", "exact",
			     "blocks handed out where the trace tells of no pages: its fault",
			     "allot"),
		  count->has_ranges, (double)count->stray_blocks);
}

static void blow_up_add(struct report *report)
{
	double best = 0, recorded = 0;
	bool is_known = report->what_if != NULL &&
			report_what_if_extremes(report->what_if, "peak_rss_bytes", &recorded,
						&best);

	share_set(metric_add(report, "blow_up", "blow-up against the best replayed", "ratio",
			     "estimate",
			     "peak RSS replayed as recorded / least peak RSS of all replayed",
			     "Berger and others 2000, with the best instead of the ideal"),
		  is_known, recorded, best);
}

void report_metrics_make(struct report *report)
{
	sizes_add(report);
	ratios_add(report);
	parts_add(report);
	counts_add(report);
	blow_up_add(report);
	for (size_t i = 0; report_has_gaps(report) && i < report->metric_count; i++)
		if (strcmp(report->metrics[i].label, "exact") == 0)
			report->metrics[i].label = "estimate";
}
