/* SPDX-License-Identifier: MIT */
/*
 * The map: pages of the heap over time. A row is a range of addresses, a column a moment.
 *
 * Rows cover what ever held a block or was resident; the addresses between are left out, and where
 * that was done is remembered. A cell is the occupancy of the row's resident pages in per cent, or
 * what else can be said of it.
 */
#ifndef ALLOT_TOOLS_REPORT_MAP_H
#define ALLOT_TOOLS_REPORT_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <allot/trace.h>

#include "report_pages.h"
#include "report_range.h"

enum report_cell {
	REPORT_CELL_FULL = 100,   /* 0 to 100: occupancy */
	REPORT_CELL_FREE,         /* resident, no live byte */
	REPORT_CELL_RELEASED,     /* not resident, was so in an earlier column */
	REPORT_CELL_METADATA,
	REPORT_CELL_UNTOUCHED,    /* mapped, not resident so far */
	REPORT_CELL_UNMAPPED,
	REPORT_CELL_SWAPPED,
};

enum {
	REPORT_MAP_ROWS = 384,
	REPORT_MAP_COLUMNS = 160,
};

/* Start with zeros. */
struct report_map {
	uint64_t row_bytes;
	uint64_t *row_address;
	size_t *breaks; /* rows before which addresses were left out */
	size_t row_count, break_count;
	uint64_t *time; /* of columns */
	size_t column_count;
	uint8_t *cells; /* REPORT_MAP_COLUMNS a row */
	bool *was_resident;
};

/* Lay rows over what `pages` ever held. False: no memory. */
bool report_map_init(struct report_map *map, const struct report_pages *pages);
void report_map_free(struct report_map *map);

/*
 * Add a column, while there is room. `sample` NULL: residency is unknown, what is live counts as
 * resident.
 */
void report_map_add(struct report_map *map, uint64_t time, const struct report_pages *pages,
		    const struct report_ranges *ranges, const struct trace_sample *sample);

#endif
