/* SPDX-License-Identifier: MIT */
/*
 * Blocks: what part of the address space a live block takes up, and what for.
 *
 *   in a slab      its usable bytes: those asked for, and rounding up to the class
 *   in a block     the same, and the strategy's tag before them
 *   in a mapping   whole pages: what lies before the address counts as tags, the rest as rounding
 */
#ifndef ALLOT_TOOLS_REPORT_BLOCK_H
#define ALLOT_TOOLS_REPORT_BLOCK_H

#include <stdint.h>

#include <allot/trace.h>

/* [begin, end) is the sum of the three parts. */
struct report_block {
	uint64_t begin, end;
	uint64_t requested_bytes, rounding_bytes, tag_bytes;
};

/* 1 TiB. What is larger lies in a damaged trace rather than in a heap, and counts as empty. */
#define REPORT_BLOCK_BYTES_MAX (UINT64_C(1) << 40)

static inline struct report_block report_block_of(const struct trace_block *block,
						  uint64_t tag_bytes, uint64_t page_bytes)
{
	uint64_t begin = block->address;
	uint64_t bytes = block->bytes < REPORT_BLOCK_BYTES_MAX ? block->bytes : 0;
	uint64_t usable = block->usable_bytes < REPORT_BLOCK_BYTES_MAX ? block->usable_bytes : 0;
	uint64_t end;

	if (usable < bytes)
		usable = bytes;
	if (begin > UINT64_MAX - 2 * REPORT_BLOCK_BYTES_MAX)
		begin = 0;
	end = begin + usable;
	if (block->place == TRACE_IN_BLOCK && begin >= tag_bytes) {
		begin -= tag_bytes;
	} else if (block->place == TRACE_IN_MAPPING) {
		begin -= begin & (page_bytes - 1);
		end = (end + page_bytes - 1) & ~(page_bytes - 1);
	}
	return (struct report_block){
		.begin = begin,
		.end = end,
		.requested_bytes = bytes,
		.tag_bytes = (block->address <= end ? block->address : begin) - begin,
		.rounding_bytes = (end - begin) - bytes -
				  ((block->address <= end ? block->address : begin) - begin),
	};
}

#endif
