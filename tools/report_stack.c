/* SPDX-License-Identifier: MIT */
/*
 * Stacks: a row for each frame, then the lightest are given to their callers, from the innermost
 * frames on, until few enough are left.
 */
#include "report_stack.h"

#include <stdlib.h>
#include <string.h>

#include "report_names.h"

const struct report_stack_text report_stack_texts[REPORT_STACK_METRICS] = {
	[REPORT_STACK_LIVE] = { "live_bytes", "live bytes", true },
	[REPORT_STACK_TOTAL] = { "total_bytes", "bytes allocated in all", false },
	[REPORT_STACK_ALLOCATIONS] = { "allocations", "allocations", false },
	[REPORT_STACK_TEMPORARY] = { "temporary", "temporary allocations", false },
	[REPORT_STACK_ROUNDING] = { "rounding_bytes", "rounding", true },
	[REPORT_STACK_PINNED] = { "pinned_bytes", "pinned free bytes", true },
	[REPORT_STACK_PEAK] = { "peak_bytes", "most bytes ever live", false },
	[REPORT_STACK_END] = { "end_bytes", "live bytes at the end", false },
};

/* A frame and what it weighs. */
struct weight {
	uint32_t frame;
	double weight;
};

static int weight_compare(const void *a, const void *b)
{
	const struct weight *first = a, *second = b;

	if (first->weight != second->weight)
		return first->weight > second->weight ? -1 : 1;
	return (first->frame > second->frame) - (first->frame < second->frame);
}

static void rows_fill(const struct report *report, struct report_stack_row *rows)
{
	const struct report_count *count = &report->count;

	for (size_t i = 0; i < count->stack_count; i++) {
		rows[i].frame = (uint32_t)i;
		rows[i].values[REPORT_STACK_TOTAL] = count->stacks[i].total_bytes;
		rows[i].values[REPORT_STACK_ALLOCATIONS] = count->stacks[i].allocations;
		rows[i].values[REPORT_STACK_TEMPORARY] = count->stacks[i].temporary;
		rows[i].values[REPORT_STACK_PEAK] = count->stacks[i].live_bytes_peak;
	}
	for (size_t m = 0; m < report->moment_count; m++) {
		const struct report_moment *moment = &report->moments[m];
		const struct report_pins *pins = &moment->pins;
		bool is_end = strcmp(moment->key, "end") == 0;

		for (size_t i = 0; i < pins->row_count; i++) {
			struct report_stack_row *row = &rows[pins->rows[i].stack];

			if (moment == report->shown) {
				row->values[REPORT_STACK_LIVE] = pins->rows[i].live_bytes;
				row->values[REPORT_STACK_ROUNDING] = pins->rows[i].rounding_bytes;
				row->values[REPORT_STACK_PINNED] = pins->rows[i].pinned_bytes;
			}
			if (is_end)
				row->values[REPORT_STACK_END] = pins->rows[i].live_bytes;
		}
	}
}

/* The largest of the shares a row has of the sums. */
static double row_weight(const struct report_stack_row *row, const double *sums)
{
	double weight = 0;

	for (int metric = 0; metric < REPORT_STACK_METRICS; metric++) {
		double share = sums[metric] > 0 ? (double)row->values[metric] / sums[metric] : 0;

		if (share > weight)
			weight = share;
	}
	return weight;
}

static void row_add(struct report_stack_row *to, struct report_stack_row *from)
{
	for (int metric = 0; metric < REPORT_STACK_METRICS; metric++) {
		to->values[metric] += from->values[metric];
		from->values[metric] = 0;
	}
}

/* Give what the frames from `first` on have to the nearest caller that is kept, or to frame 0. */
static void rows_fold(const struct report *report, struct report_stack_row *rows,
		      const struct weight *weights, size_t first, size_t count, const bool *is_kept)
{
	for (size_t i = first; i < count; i++) {
		uint32_t frame = weights[i].frame;

		if (frame == 0 || weights[i].weight <= 0)
			continue;
		for (int depth = 0; depth < REPORT_DEPTH_MAX && frame != 0 && !is_kept[frame];
		     depth++)
			frame = report_names_parent(report->names, frame);
		if (!is_kept[frame])
			frame = 0;
		row_add(&rows[frame], &rows[weights[i].frame]);
	}
}

struct report_stack_row *report_stacks_make(const struct report *report, size_t *out_count)
{
	size_t count = report->count.stack_count, kept = 0;
	struct report_stack_row *rows = calloc(count, sizeof(*rows));
	struct weight *weights = calloc(count, sizeof(*weights));
	bool *is_kept = calloc(count, sizeof(*is_kept));
	double sums[REPORT_STACK_METRICS] = { 0 };

	if (rows == NULL || weights == NULL || is_kept == NULL)
		goto done;
	rows_fill(report, rows);
	for (size_t i = 0; i < count; i++)
		for (int metric = 0; metric < REPORT_STACK_METRICS; metric++)
			sums[metric] += (double)rows[i].values[metric];
	for (size_t i = 0; i < count; i++)
		weights[i] = (struct weight){ (uint32_t)i, row_weight(&rows[i], sums) };
	qsort(weights, count, sizeof(*weights), weight_compare);
	for (size_t i = 0; i < count && i < REPORT_STACKS_SHOWN; i++)
		is_kept[weights[i].frame] = true;
	if (count > REPORT_STACKS_SHOWN)
		rows_fold(report, rows, weights, REPORT_STACKS_SHOWN, count, is_kept);
	for (size_t i = 0; i < count; i++)
		if (row_weight(&rows[i], sums) > 0)
			rows[kept++] = rows[i];
	*out_count = kept;
done:
	free(weights);
	free(is_kept);
	if (kept == 0 && rows != NULL && count > 0)
		*out_count = 0;
	return rows;
}
