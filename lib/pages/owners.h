/* SPDX-License-Identifier: MIT */
/*
 * Owners: whose is this address?
 *
 * Two kinds of memory answer to us. A *region* is a run of pages that a strategy cuts into
 * blocks; it starts at a granule boundary and every granule it reaches into names it. A *mapping*
 * is one large block with pages of its own; it is at least a granule long, so no two mappings
 * start in the same granule, and the granule of its first byte says where it starts and how many
 * bytes were asked for. That one entry is all that is known of a mapping: no header in its pages,
 * no table to lock. Freeing it is one compare-and-swap, which is also what finds a double free.
 *
 * A freed mapping's entry stays as a mark until the address is used again, so that freeing it
 * once more is told apart from freeing a stranger's pointer.
 *
 * Lookups take no lock. Regions are never taken out before the whole set of owners is.
 */
#ifndef PAGES_OWNERS_H
#define PAGES_OWNERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pages/address_map.h"

/* Pages a strategy works on. Written under the lock of the heap that owns it. */
struct region {
	uintptr_t base;        /* first byte; a granule boundary at least */
	size_t bytes;          /* usable from base on */
	size_t reserved_bytes; /* of address space from base on that is ours */
	struct region *next;   /* next region of the same source, older first */
	void *heap;            /* who owns it, for whoever looked it up */
	bool is_break;         /* made of program break, given back by moving it */
};

/* Its bytes, for who does not hold the lock: regions grow. */
static inline size_t region_bytes(const struct region *region)
{
	return __atomic_load_n(&region->bytes, __ATOMIC_RELAXED);
}

/* Its reserved_bytes, for who does not hold the lock: program break grows them. */
static inline size_t region_reserved_bytes(const struct region *region)
{
	return __atomic_load_n(&region->reserved_bytes, __ATOMIC_RELAXED);
}

/* What becomes of pages that blocks lie in. */
enum pages_change {
	PAGES_ADDED,    /* they may be used from here on */
	PAGES_REMOVED,  /* no longer */
	PAGES_RELEASED, /* still there, but their content was dropped */
	PAGES_MOVED,    /* from another address, with their content */
};

struct owners {
	struct address_map map;
	/*
	 * Told of every change, before pages go and after they came; NULL: nobody is. The caller
	 * may hold the lock of a heap's arena, so it must not call into the heap.
	 */
	void (*changed)(enum pages_change change, bool is_mapping, uintptr_t base, size_t bytes,
			uintptr_t old_base);
	/* Asked of the system once: later it may no longer answer, in a sandbox. */
	size_t page_bytes;
	size_t address_space_bytes; /* SIZE_MAX: not limited */
	/* Over all live mappings: what was asked for, and what the address space pays. */
	_Atomic size_t mapping_count;
	_Atomic size_t mapping_requested_bytes;
	_Atomic size_t mapping_mapped_bytes;
	_Atomic size_t mapping_idle_count; /* freed ones that could not be unmapped */
	_Atomic uint64_t mapping_calls;    /* system calls made for mappings */
};

bool owners_init(struct owners *owners);

static inline void owners_tell(const struct owners *owners, enum pages_change change,
			       bool is_mapping, uintptr_t base, size_t bytes, uintptr_t old_base)
{
	if (owners->changed != NULL)
		owners->changed(change, is_mapping, base, bytes, old_base);
}
/* Unmaps all mappings, idle ones too. Regions are their sources' to unmap, before this. */
void owners_finish(struct owners *owners);

/* The region whose granules include `address`, or NULL. The address may lie past its end. */
static inline struct region *owners_region(const struct owners *owners, uintptr_t address)
{
	uint64_t entry = address_map_get(&owners->map, address);
	return (entry & 1) != 0 ? NULL : (struct region *)(uintptr_t)entry;
}

/*
 * Name `region` as the owner of [begin, end). False, with the range unowned again, when the
 * table cannot grow or a live mapping starts in one of the granules.
 */
bool owners_claim(struct owners *owners, struct region *region, uintptr_t begin, uintptr_t end);
/* Name nobody as the owner of the granules that lie wholly in [begin, end). */
void owners_disclaim(struct owners *owners, uintptr_t begin, uintptr_t end);

/* ---- mappings ---- */

/* What is known of a mapping. */
struct mapping {
	uintptr_t base;
	size_t requested_bytes;
	size_t mapped_bytes; /* all usable */
	bool is_live;        /* false: freed, the address not used again yet */
};

/* A zeroed block with pages of its own at a multiple of `align`, or NULL. */
void *mapping_create(struct owners *owners, size_t bytes, size_t align);

/* Is there a mapping, live or freed, that starts at exactly `p`? */
bool mapping_find(const struct owners *owners, const void *p, struct mapping *out);

/* The live mapping `p` points into, at its start or not. Slow: for messages. */
bool mapping_containing(const struct owners *owners, const void *p, struct mapping *out);

/* Free a mapping. False when `p` is none or another thread freed it first. */
bool mapping_free(struct owners *owners, void *p);

/*
 * Change a mapping's size; its pages may move, their content does not change. Returns where it
 * is now, or NULL when it is as it was. The caller owns the mapping; nobody else may free it
 * meanwhile.
 */
void *mapping_resize(struct owners *owners, void *p, size_t bytes, bool may_move);

/* Ask the kernel for huge pages in a live mapping of `bytes` at `p`, where it has none yet. */
void mapping_want_huge(struct owners *owners, void *p, size_t bytes);

/* Try again to unmap what could not be unmapped when freed. Returns bytes given back. */
size_t mapping_retry_idle(struct owners *owners);

/* Visit every live mapping; stops and returns false when `visit` does. */
bool mapping_walk(const struct owners *owners,
		  bool (*visit)(const struct mapping *mapping, void *context), void *context);

#endif
