/* SPDX-License-Identifier: MIT */
/*
 * Sources of pages: where the memory a strategy cuts up comes from, and how it goes back.
 *
 * A source hands out *regions*, runs of pages that grow at their end as far as the source can
 * manage. With program break or a reserved range this is one region that grows for ever; when
 * something stands in the way (the program moved the break itself, the range is used up, the
 * address space is limited) the next one starts elsewhere, and a strategy must cope with several.
 *
 * Huge pages. A source that has grown to `huge_from_bytes`, and grows for small blocks, commits a
 * huge page at a time, asks the kernel for it and touches it: a fault instead of 512, and fewer
 * misses of the TLB. It may cost a page that is used in part, the last. Whether it gains anything
 * is measured each time, against what pages cost some at a time; if not, there are no more. (In a
 * virtual machine that tells its host of free memory, free huge pages are what the host has taken
 * back.) Only while the process has one thread: others would find the heap locked for that long.
 * When pages inside are dropped the wish is taken back for all there is, or the kernel's khugepaged
 * would fill the holes again.
 *
 * A source belongs to one heap and is called under that heap's lock. It knows nothing of blocks.
 * Memory it hands out reads as zero. Every address it owns is entered in `owners`.
 */
#ifndef PAGES_SOURCE_H
#define PAGES_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/lock.h"
#include "pages/owners.h"
#include "pages/range.h"

/* New memory at the end of a region. */
struct span {
	uintptr_t base;
	size_t bytes;
	struct region *region; /* base == region->base: the region is new */
};

struct page_source;

/* What a kind of source can do. Each is called through the functions below. */
struct page_source_type {
	const char *name;
	/* At least `bytes` more, as span->bytes; false leaves everything as it was. */
	bool (*grow)(struct page_source *source, size_t bytes, struct span *out_span);
	/* Give back the last `bytes` of a region; false: it is as it was. */
	bool (*shrink)(struct page_source *source, struct region *region, size_t bytes);
	/* Drop the content of whole pages; false: it is still there. */
	bool (*release)(struct page_source *source, uintptr_t base, size_t bytes);
	/* Give everything back; the source is used no more. */
	void (*finish)(struct page_source *source);
};

enum { REGIONS_INLINE = 4, HUGE_PAGE_BYTES = 2 << 20 };

/* A region without an address, for whoever has none. */
extern struct region region_none;

struct page_source {
	const struct page_source_type *type;
	struct owners *owners;
	struct range *range;     /* where regions are cut from first; NULL: anywhere */
	void *heap;              /* entered in each region */
	size_t unit_bytes;       /* regions start at and grow by multiples of this */
	size_t page_bytes;
	struct region *first;    /* regions, oldest first */
	struct region *last;     /* the newest: the only one that grows or shrinks */
	/*
	 * The first region made by reserving, whose reserved_bytes never change: what any thread
	 * may compare an address with before it asks `owners`. An empty region until then.
	 */
	struct region *_Atomic home;
	/*
	 * Set by the heap when there are other sources that may have room: from then on this one
	 * grows only while it is let. NULL: it is always let.
	 */
	const _Atomic bool *has_others;
	bool is_let;
	size_t mapped_bytes;     /* over all regions */
	size_t mapped_bytes_peak;
	size_t huge_from_bytes;  /* mapped, from where on huge pages are asked for; 0: never */
	uintptr_t huge_from;     /* in the newest region they were asked for from here on; 0: not */
	_Atomic uint32_t page_ns; /* to make a page resident, of some at once; 0: not known */
	uint32_t huge_page_ns;    /* the same of a huge page's 512 */
	const char *is_alone;     /* 0 there: the process has threads. The C library's own flag */
	uint64_t calls;          /* to the system */
	/* Where struct region come from: four here, more from a mapped page. */
	struct region inline_regions[REGIONS_INLINE];
	struct region *spare_regions;
	size_t spare_count;
	/* Of the kinds. */
	struct lock *break_lock; /* sbrk: serialises all our moves of the break */
	uintptr_t buffer_base;   /* buffer: the caller's memory */
	size_t buffer_bytes;
	bool buffer_is_used;
};

/*
 * Make a source for `heap`. `unit_bytes` is a power of two of at least a page. No memory is asked
 * for before the first source_grow().
 */
void source_mmap_init(struct page_source *source, struct owners *owners, void *heap,
		      size_t unit_bytes);
/* All sources on the break of a process share one `break_lock`. */
void source_sbrk_init(struct page_source *source, struct owners *owners, void *heap,
		      size_t unit_bytes, struct lock *break_lock);
/* On memory of the caller's: one region, handed out whole, which then never grows or shrinks. */
void source_buffer_init(struct page_source *source, struct owners *owners, void *heap,
			size_t unit_bytes, void *buffer, size_t buffer_bytes);

/* At least `bytes` more, rounded up to units. False: the system has no more, or it is not let. */
bool source_grow(struct page_source *source, size_t bytes, struct span *out_span);

/* Give back the last `bytes`, whole units, of a region, or part of them. Returns bytes given. */
size_t source_shrink(struct page_source *source, struct region *region, size_t bytes);

/*
 * Drop the content of the whole pages inside [begin, end): they stop being resident and read as
 * zero when touched again. Returns the bytes dropped, 0 when the source or the system cannot.
 */
size_t source_release(struct page_source *source, uintptr_t begin, uintptr_t end);

/*
 * Make pages that a source has handed out resident, as writing to them would; where the system
 * cannot, the program's own accesses will. Needs no lock.
 */
void source_populate(struct page_source *source, uintptr_t base, size_t bytes);

void source_finish(struct page_source *source);

/* ---- for the kinds of source ---- */

/* What all kinds begin with. */
void source_init(struct page_source *source, const struct page_source_type *type,
		 struct owners *owners, void *heap, size_t unit_bytes);
/* A fresh struct region, entered as the newest with 0 bytes; NULL when out of memory. */
struct region *source_region_add(struct page_source *source, uintptr_t base);
/* Count a change of a region's size. */
void source_region_resized(struct page_source *source, struct region *region, size_t bytes);
/* Drop the newest region, still of 0 bytes. */
void source_region_drop_last(struct page_source *source);
/* Reserve address space for a new region and commit its first `bytes`: the mmap kind's way, and
 * everybody's way out. */
bool source_region_map(struct page_source *source, size_t bytes, struct span *out_span);
/* Make `region`, made by source_region_map(), longer within its reservation. */
bool source_region_extend(struct page_source *source, struct region *region, size_t bytes,
			  struct span *out_span);
/* Shorten it. */
bool source_region_cut(struct page_source *source, struct region *region, size_t bytes);

#endif
