/* SPDX-License-Identifier: MIT */
/*
 * Points: the ledger at moments of a trace, and the few of them that are kept.
 *
 *   resident = requested + rounding + tags + pinned_free + reclaimable_free + metadata + recorder
 *              - untouched
 *
 * Requested, rounding and tags are those of all live blocks; what of them lies on pages that are
 * not resident is untouched. Free bytes are what live blocks leave of resident pages: pinned where
 * the page holds a live byte, reclaimable where it holds none. (Words of the heap itself between
 * blocks, such as a slab's, are no block's and therefore count as free.)
 *
 * A series holds a bounded number of points: when it is full every other one is left out, and from
 * then on only every second one is taken. Peaks are kept apart by who makes the points.
 */
#ifndef ALLOT_TOOLS_REPORT_POINT_H
#define ALLOT_TOOLS_REPORT_POINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The terms, in the order they are stacked. */
enum report_term {
	REPORT_REQUESTED,
	REPORT_ROUNDING,
	REPORT_TAGS,
	REPORT_PINNED_FREE,
	REPORT_RECLAIMABLE_FREE,
	REPORT_METADATA,
	REPORT_RECORDER,
	REPORT_UNTOUCHED, /* counts negative */
	REPORT_TERMS,
};

struct report_point {
	uint64_t time;
	uint64_t ordinal;        /* events up to and with this one */
	uint64_t terms[REPORT_TERMS];
	uint64_t resident_bytes; /* the kernel's, of the heap's pages; valid with has_resident */
	uint64_t heap_bytes;     /* of these, without what the recording takes itself */
	uint64_t mapped_bytes;
	uint64_t process_bytes;  /* RSS of the process; 0: unknown */
	uint64_t live_blocks;
	uint64_t minor_faults, major_faults, swapped_bytes;
	bool has_resident;
};

struct report_series {
	struct report_point *all;
	size_t count, capacity;
	uint64_t stride, skipped; /* one of so many offered is kept */
};

const char *report_term_key(enum report_term term);
const char *report_term_name(enum report_term term);
const char *report_term_meaning(enum report_term term);

/* Sum of the terms, untouched taken off. */
uint64_t report_point_sum(const struct report_point *point);

/* What of a term is resident: untouched bytes are taken to be of what was requested, beyond that of
 * rounding, then of tags. These add up to report_point_sum(). */
uint64_t report_point_touched(const struct report_point *point, enum report_term term);

/* Bytes that are resident but hold nothing the program asked for: heap_bytes less touched requested
 * bytes. */
uint64_t report_point_waste(const struct report_point *point);

/* False: no memory. */
bool report_series_init(struct report_series *series, size_t capacity);
void report_series_free(struct report_series *series);
void report_series_offer(struct report_series *series, const struct report_point *point);
/* Add `point` whatever the stride says, in the order of ordinals, unless it is there. */
bool report_series_insert(struct report_series *series, const struct report_point *point);
/* Leave out evenly until at most `count` are left; the first, the last and those with one of the
 * ordinals in `kept` stay. */
void report_series_thin(struct report_series *series, size_t count, const uint64_t *kept,
			size_t kept_count);
/* Index of the point with that ordinal, or the last one before it; 0 when none is. */
size_t report_series_find(const struct report_series *series, uint64_t ordinal);

#endif
