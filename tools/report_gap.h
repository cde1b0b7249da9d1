/* SPDX-License-Identifier: MIT */
/*
 * Gaps: what is free between live blocks, and of what use it is.
 *
 * A gap is a longest run of bytes of mapped heap pages that belong to no live block, resident or
 * not. The unusable share for requests of r bytes is the share of all free bytes that lie in gaps
 * too small for a block of r bytes (Linux's unusable free index, in bytes and without powers of
 * two). It says what placement could do at best: what the strategy set aside for a class, or for
 * itself, counts as free.
 */
#ifndef ALLOT_TOOLS_REPORT_GAP_H
#define ALLOT_TOOLS_REPORT_GAP_H

#include <stdint.h>

#include "report_pages.h"
#include "report_range.h"

enum {
	REPORT_GAP_LOG2_FIRST = 4,  /* requests of 16 bytes */
	REPORT_GAP_LOG2_LAST = 30,  /* to 1 GiB */
	REPORT_GAP_SIZES = REPORT_GAP_LOG2_LAST - REPORT_GAP_LOG2_FIRST + 1,
};

struct report_gaps {
	uint64_t free_bytes, largest_bytes, count;
	/* Free bytes in gaps that have room for 16, 32, ... bytes and a tag. */
	uint64_t usable_bytes[REPORT_GAP_SIZES];
};

/*
 * Gaps of the heap's ranges as `pages`, with granules, has them. Without ranges: of what ever held
 * blocks, to the page.
 */
void report_gaps_make(struct report_gaps *gaps, const struct report_pages *pages,
		      const struct report_ranges *ranges, uint64_t tag_bytes);

/* Share of free bytes that requests of the size number `index` cannot use, 0 to 1; 1 if none. */
double report_gaps_unusable(const struct report_gaps *gaps, unsigned index);

#endif
