/* SPDX-License-Identifier: MIT */
/*
 * Exports as massif writes: snapshots over time, the one at the peak with its stacks.
 *
 * mem_heap_B is what was requested. mem_heap_extra_B, which massif makes up of rounding and eight
 * bytes a block, is what there really was: rounding, tags, and what else of the heap was resident
 * at the last sample (free blocks, tables), where the kernel was asked.
 *
 * Time is in milliseconds, or in bytes allocated and freed where the trace has no times or the
 * program was too quick for milliseconds.
 */
#include "export.h"

#include <inttypes.h>

#include "heap_series.h"
#include "massif_tree.h"

enum {
	GROUPS_MAX = 60,     /* of steps; two snapshots each */
	NS_PER_MS = 1000000,
	DURATION_MS_MIN = 200,
};

struct massif {
	struct export *export;
	const struct trace_info *info;
	struct heap_series series;
	struct stack_totals totals;
	bool is_by_bytes;
	size_t snapshot_count;
	uint64_t time_last; /* of the last snapshot: readers want no way back */
};

static void massif_take(void *context, const struct trace_event *event)
{
	struct massif *massif = context;

	heap_series_add(&massif->series, massif->info, event);
	stack_totals_add(&massif->totals, event);
}

static void snapshot_write(struct massif *massif, const struct heap_figures *figures)
{
	FILE *out = massif->export->out;
	bool is_peak = figures->event_count == massif->series.peak.event_count &&
		       figures->event_count > 0;
	uint64_t time = massif->is_by_bytes ? figures->turnover_bytes : figures->time / NS_PER_MS;

	if (time < massif->time_last)
		time = massif->time_last;
	massif->time_last = time;
	fprintf(out, "#-----------\nsnapshot=%zu\n#-----------\n", massif->snapshot_count++);
	fprintf(out, "time=%" PRIu64 "\nmem_heap_B=%" PRIu64 "\nmem_heap_extra_B=%" PRIu64
		"\nmem_stacks_B=0\nheap_tree=%s\n", time, figures->requested_bytes,
		figures->rounding_bytes + figures->tag_bytes + figures->unaccounted_bytes,
		is_peak ? "peak" : "empty");
	if (is_peak)
		massif_tree_write(massif->export, &massif->totals);
}

/* Of the steps [first, end) the largest moment and the last one. */
static void group_write(struct massif *massif, size_t first, size_t end)
{
	const struct heap_series_step *steps = massif->series.steps;
	const struct heap_figures *peak = &steps[first].peak;
	const struct heap_figures *last = &steps[end - 1].last;

	for (size_t i = first + 1; i < end; i++)
		if (steps[i].peak.requested_bytes > peak->requested_bytes)
			peak = &steps[i].peak;
	snapshot_write(massif, peak);
	if (last->event_count > peak->event_count)
		snapshot_write(massif, last);
}

static void snapshots_write(struct massif *massif)
{
	static const struct heap_figures start;
	size_t count = massif->series.step_count;
	size_t stride = (count + GROUPS_MAX - 1) / GROUPS_MAX;

	snapshot_write(massif, &start);
	for (size_t first = 0; first < count; first += stride)
		group_write(massif, first, first + stride < count ? first + stride : count);
}

bool export_massif(struct export *export)
{
	struct massif massif = { .export = export, .info = trace_info_get(export->trace) };

	heap_series_init(&massif.series, massif.info);
	stack_totals_init(&massif.totals, STACK_AT_PEAK, 0);
	bool is_read = export_pass(export, massif_take, &massif);
	if (is_read) {
		heap_series_settle(&massif.series);
		stack_totals_settle(&massif.totals);
		massif.is_by_bytes = massif.series.is_by_event ||
				     massif.series.now.time / NS_PER_MS < DURATION_MS_MIN;
		fprintf(export->out, "desc: written by allot export\ncmd: %s\ntime_unit: %s\n",
			massif.info->command, massif.is_by_bytes ? "B" : "ms");
		snapshots_write(&massif);
	}
	heap_series_finish(&massif.series);
	stack_totals_finish(&massif.totals);
	return is_read;
}
