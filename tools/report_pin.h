/* SPDX-License-Identifier: MIT */
/*
 * Pins: which stacks' live blocks keep which pages at one moment.
 *
 * Of a resident page with L live bytes and W free ones, the blocks of stack s with L(s) bytes on it
 * pin W * L(s) / L: over all stacks that sums to the pinned free bytes of the ledger, to the byte
 * (what division leaves goes to whoever comes later on the page). A page whose live bytes all are
 * of one stack is exclusive to it: freeing the stack's blocks returns the page. That is the
 * dominator of a heap graph, for pages.
 *
 * Pages wholly inside one block are counted without being looked at one by one.
 */
#ifndef ALLOT_TOOLS_REPORT_PIN_H
#define ALLOT_TOOLS_REPORT_PIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report_live.h"

enum {
	REPORT_OCCUPANCIES = 22, /* empty; (0,5], ... (95,100) in steps of 5; full */
};

/* One stack. */
struct report_pin {
	uint32_t stack;
	uint64_t live_bytes;      /* requested */
	uint64_t rounding_bytes;
	uint64_t objects;
	uint64_t pages;           /* resident ones with a byte of it */
	uint64_t exclusive_pages;
	uint64_t pinned_bytes;
	uint64_t median_age_ns;   /* 0 but for the first ones */
};

/* Pages that two stacks share. */
struct report_pair {
	uint32_t stack_a, stack_b; /* a < b */
	uint64_t pages;
};

struct report_occupancy {
	uint64_t pages, free_bytes;
};

/* Start with zeros. */
struct report_pins {
	struct report_pin *rows; /* only stacks with live blocks, most pinned bytes first */
	size_t row_count;
	struct report_pair *pairs; /* most pages first */
	size_t pair_count;
	struct report_occupancy occupancy[REPORT_OCCUPANCIES];
	uint64_t pinned_bytes, exclusive_pages, resident_pages, shared_pages;
	double entropy_bits; /* of stacks on a page, mean over pages with live blocks */
};

/* What pins are made from. */
struct report_pin_input {
	const struct report_live_entry *entries; /* by address */
	size_t count;
	const struct trace_run *runs; /* resident pages; NULL: every page with a live byte is */
	size_t run_count;
	uint64_t page_bytes, tag_bytes, time;
	size_t stack_count;
};

/* False: no memory. */
bool report_pins_make(struct report_pins *pins, const struct report_pin_input *input);
void report_pins_free(struct report_pins *pins);

/* Forget all that has to do with pages, for traces with made-up addresses; most live first then. */
void report_pins_forget_pages(struct report_pins *pins);

/* Bytes that come back when all blocks of the row are freed. */
static inline uint64_t report_pin_returns(const struct report_pin *row, uint64_t page_bytes)
{
	return row->exclusive_pages * page_bytes;
}

#endif
