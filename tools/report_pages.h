/* SPDX-License-Identifier: MIT */
/*
 * Pages: how many bytes of live blocks lie on each page of an address space, kept block by block.
 *
 * Addresses are cut into regions of 2 MiB, found by a hash; a region has a counter a page. A block
 * within one page costs one addition; one that covers whole regions only raises a counter of each,
 * so that a large block does not cost by its pages. If asked to, a region also keeps a bit for
 * every 8 bytes (no block of ours ends elsewhere): where free bytes lie between blocks.
 *
 * Bytes are counted, never looked at; the addresses are another process's.
 */
#ifndef ALLOT_TOOLS_REPORT_PAGES_H
#define ALLOT_TOOLS_REPORT_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <allot/trace.h>

enum {
	REPORT_REGION_SHIFT = 21,
	REPORT_REGION_BYTES = 1 << REPORT_REGION_SHIFT,
	REPORT_GRANULE_BYTES = 8,
};

/* 2 TiB: an extent beyond that lies in a damaged trace rather than in a heap. */
#define REPORT_EXTENT_BYTES_MAX (UINT64_C(1) << 41)

struct report_region {
	uint64_t base;
	uint32_t *live;       /* bytes of live blocks, by page; NULL: none so far */
	uint64_t *granules;   /* a bit for every 8 bytes; NULL when not asked for, or none so far */
	uint32_t whole_count; /* blocks that cover all of it; more than 1 is a fault of the trace */
	uint32_t page_first, page_end; /* pages that ever had live bytes or were resident */
};

/* Start with report_pages_init(). */
struct report_pages {
	struct report_region **slots; /* open addressing; NULL: empty */
	size_t slot_count, region_count;
	struct report_region *last;   /* found last */
	uint32_t page_bytes, page_shift;
	bool has_granules;
	bool is_full;                 /* no memory, or too many regions: figures are not right */
};

/* Sums over resident pages. */
struct report_page_sum {
	uint64_t live_bytes;
	uint64_t pinned_bytes;      /* free bytes of pages with live ones */
	uint64_t reclaimable_bytes; /* pages without */
	uint64_t overlap_bytes;     /* live bytes beyond the size of their page: a faulty trace */
};

/* `page_bytes` is a power of two; what is not one, or no size of pages, counts as 4096. */
bool report_pages_init(struct report_pages *pages, uint32_t page_bytes, bool has_granules);
void report_pages_free(struct report_pages *pages);

/* A block takes up, or leaves, [begin, end). */
void report_pages_add(struct report_pages *pages, uint64_t begin, uint64_t end);
void report_pages_remove(struct report_pages *pages, uint64_t begin, uint64_t end);

/* Note that the pages of [begin, end) were resident: report_region.page_first and page_end. */
void report_pages_touch(struct report_pages *pages, uint64_t begin, uint64_t end);

/* Bytes of live blocks on the page at `address`. */
uint64_t report_pages_live(const struct report_pages *pages, uint64_t address);

/* Add the pages of [begin, end), which are resident, to `out`. */
void report_pages_sum(const struct report_pages *pages, uint64_t begin, uint64_t end,
		      struct report_page_sum *out);

/* Add what a sample says is resident and holds blocks to `out`. */
void report_pages_sum_sample(const struct report_pages *pages, const struct trace_sample *sample,
			     struct report_page_sum *out);

/* The region at `address`, a multiple of its size, or NULL when nothing ever was there. */
const struct report_region *report_pages_find(const struct report_pages *pages, uint64_t address);

/* All regions by address, in an array of region_count the caller frees, or NULL. */
const struct report_region **report_pages_sorted(const struct report_pages *pages);

#endif
