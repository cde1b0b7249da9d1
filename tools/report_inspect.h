/* SPDX-License-Identifier: MIT */
/*
 * The inspector: a few pages of one moment with every block on them.
 */
#ifndef ALLOT_TOOLS_REPORT_INSPECT_H
#define ALLOT_TOOLS_REPORT_INSPECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report_live.h"
#include "report_pin.h"

enum report_reason {
	REPORT_PINS_MOST,     /* most free bytes beside a live one */
	REPORT_TYPICAL,       /* the median occupancy of pages that are not full */
	REPORT_LARGEST_WASTE, /* most rounding and tags */
	REPORT_REASONS,
};

enum {
	REPORT_INSPECTED_EACH = 6,
	REPORT_INSPECTED = REPORT_INSPECTED_EACH * REPORT_REASONS,
};

/* A block, or free bytes, on a page. What lies on other pages too begins before or ends after. */
struct report_piece {
	int64_t offset;           /* of its first byte, from the page's; may be negative */
	uint64_t block_bytes;
	uint64_t usable_bytes, requested_bytes, tag_bytes, age_ns;
	uint32_t stack, thread;
	uint8_t call;
	bool is_live;
};

struct report_inspected_page {
	uint64_t address;
	enum report_reason reason;
	uint64_t live_bytes, free_bytes, overhead_bytes; /* overhead: rounding and tags, by share */
	struct report_piece *pieces;
	size_t piece_count;
};

/* Start with zeros. */
struct report_inspected {
	struct report_inspected_page pages[REPORT_INSPECTED];
	size_t count;
};

/* Choose pages among the resident ones. False: no memory. */
bool report_inspect(struct report_inspected *out, const struct report_pin_input *input);
void report_inspect_free(struct report_inspected *out);

const char *report_reason_name(enum report_reason reason);

#endif
