/* SPDX-License-Identifier: MIT */
/*
 * Heap figures: a block comes, a block goes, a sample says what is resident.
 */
#include "heap_figures.h"

#include "sample_peak.h"

static uint64_t tag_bytes(const struct trace_info *info, const struct trace_block *block)
{
	return block->place == TRACE_IN_BLOCK ? info->tag_bytes : 0;
}

static void block_come(struct heap_figures *figures, const struct trace_info *info,
		       const struct trace_block *block)
{
	figures->requested_bytes += block->bytes;
	figures->rounding_bytes += trace_block_rounding(block);
	figures->tag_bytes += tag_bytes(info, block);
	figures->turnover_bytes += block->bytes;
	figures->block_count++;
}

static void block_go(struct heap_figures *figures, const struct trace_info *info,
		     const struct trace_block *block)
{
	figures->requested_bytes -= block->bytes;
	figures->rounding_bytes -= trace_block_rounding(block);
	figures->tag_bytes -= tag_bytes(info, block);
	figures->turnover_bytes += block->bytes;
	figures->block_count--;
}

uint64_t heap_figures_resident(const struct heap_figures *figures)
{
	return sample_heap_bytes(figures->heap_resident_bytes);
}

static void sample_take(struct heap_figures *figures, const struct trace_sample *sample)
{
	uint64_t accounted =
		figures->requested_bytes + figures->rounding_bytes + figures->tag_bytes;

	figures->sample_count++;
	figures->sample_time = figures->time;
	figures->process_resident_bytes = sample->resident_bytes;
	figures->process_resident_bytes_peak = sample->resident_bytes_peak;
	figures->swapped_bytes = sample->swapped_bytes;
	figures->minor_fault_count = sample->minor_faults;
	figures->major_fault_count = sample->major_faults;
	figures->has_runs = sample->has_runs;
	for (int use = 0; use < TRACE_USES; use++)
		figures->heap_resident_bytes[use] = sample->heap_resident_bytes[use];
	uint64_t resident = heap_figures_resident(figures);
	figures->unaccounted_bytes = resident > accounted ? resident - accounted : 0;
}

void heap_figures_add(struct heap_figures *figures, const struct trace_info *info,
		      const struct trace_event *event)
{
	figures->time = event->time;
	figures->event_count++;
	switch (event->kind) {
	case TRACE_ALLOCATE:
		figures->allocation_count++;
		block_come(figures, info, &event->block);
		break;
	case TRACE_FREE:
		figures->free_count++;
		if (event->is_unknown)
			figures->unknown_count++;
		else
			block_go(figures, info, &event->block);
		break;
	case TRACE_RESIZE:
		figures->resize_count++;
		if (event->is_unknown)
			figures->unknown_count++;
		else
			block_go(figures, info, &event->old);
		block_come(figures, info, &event->block);
		break;
	case TRACE_FAIL:
		figures->failure_count++;
		break;
	case TRACE_SAMPLE:
		sample_take(figures, event->sample);
		break;
	case TRACE_PAGES:
	case TRACE_MARK:
		break;
	}
}
