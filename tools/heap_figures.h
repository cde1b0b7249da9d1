/* SPDX-License-Identifier: MIT */
/*
 * Heap figures: what there is on a recorded heap, kept up to date event by event.
 *
 * What the program asked for and got is exact. What is resident is the kernel's figure at the last
 * sample (measured), and stays what it was until the next one.
 */
#ifndef ALLOT_TOOLS_HEAP_FIGURES_H
#define ALLOT_TOOLS_HEAP_FIGURES_H

#include <stdbool.h>
#include <stdint.h>

#include <allot/trace.h>

/* Start with zeros. Bytes unless a name ends otherwise. */
struct heap_figures {
	uint64_t time;            /* of the last event, ns */
	uint64_t event_count;
	uint64_t requested_bytes; /* of live blocks */
	uint64_t rounding_bytes;  /* usable beyond what was requested */
	uint64_t tag_bytes;       /* around blocks of the strategy */
	uint64_t block_count;     /* live */
	uint64_t allocation_count, free_count, resize_count, failure_count;
	uint64_t unknown_count;   /* blocks freed or resized that were older than the recording */
	uint64_t turnover_bytes;  /* allocated so far, and freed so far, together */

	uint64_t sample_count;
	uint64_t sample_time;     /* of the last one */
	bool has_runs;            /* it told what of the heap is resident */
	uint64_t process_resident_bytes;
	uint64_t process_resident_bytes_peak; /* as the kernel tells it (VmHWM) */
	uint64_t heap_resident_bytes[TRACE_USES];
	uint64_t unaccounted_bytes; /* resident then, but in no live block's request, rounding or
				     * tag: what is free, and tables. 0 where less was resident */
	uint64_t swapped_bytes;
	uint64_t minor_fault_count, major_fault_count;
};

/* Take an event into account. `info` is of its trace. */
void heap_figures_add(struct heap_figures *figures, const struct trace_info *info,
		      const struct trace_event *event);

/* Resident bytes of the heap at the last sample, all uses but the recorder's. */
uint64_t heap_figures_resident(const struct heap_figures *figures);

/* What of a block is usable beyond the request. */
static inline uint64_t trace_block_rounding(const struct trace_block *block)
{
	return block->usable_bytes > block->bytes ? block->usable_bytes - block->bytes : 0;
}

#endif
