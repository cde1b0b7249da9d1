/* SPDX-License-Identifier: MIT */
/*
 * Address map: one 64-bit entry for each granule of 64 KiB of the address space.
 *
 * A two-level table over 48 bits of address: 2^16 roots, each covering 4 GiB by a leaf of 2^16
 * entries. Both levels are mapped lazily, so that only the pages in use are resident: about
 * 8 bytes for 64 KiB of heap. Reads take two loads and no lock; entries change by single atomic
 * stores, so the map is whole at every instruction: in a signal handler, in the child of a fork.
 * Leaves are never freed before the map is.
 *
 * What an entry means is the business of owners.h.
 */
#ifndef PAGES_ADDRESS_MAP_H
#define PAGES_ADDRESS_MAP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	GRANULE_SHIFT = 16,
	GRANULE_BYTES = 1 << GRANULE_SHIFT,
	ADDRESS_BITS = 48, /* the kernel gives no higher address unless asked for it */
	LEAF_SHIFT = 16,
	LEAF_ENTRIES = 1 << LEAF_SHIFT,
	ROOT_ENTRIES = 1 << (ADDRESS_BITS - GRANULE_SHIFT - LEAF_SHIFT),
};

struct address_leaf {
	_Atomic uint64_t entries[LEAF_ENTRIES];
};

struct address_map {
	struct address_leaf *_Atomic *roots; /* ROOT_ENTRIES of them */
};

/* Make an empty map. False when the system has no memory. */
bool address_map_init(struct address_map *map);
void address_map_finish(struct address_map *map);

/* The entry of the granule `address` lies in; 0 where none was set. Any address is allowed. */
static inline uint64_t address_map_get(const struct address_map *map, uintptr_t address)
{
	if (address >> ADDRESS_BITS != 0)
		return 0;
	struct address_leaf *leaf =
		atomic_load_explicit(&map->roots[address >> (GRANULE_SHIFT + LEAF_SHIFT)],
				     memory_order_acquire);
	if (leaf == NULL)
		return 0;
	return atomic_load_explicit(&leaf->entries[address >> GRANULE_SHIFT & (LEAF_ENTRIES - 1)],
				    memory_order_acquire);
}

/* Set an entry. False, and nothing changed, when a leaf was needed and could not be had. */
bool address_map_set(struct address_map *map, uintptr_t address, uint64_t entry);

/* Change an entry from `old` to `entry`, or fail if it is not `old` (any more). */
bool address_map_replace(struct address_map *map, uintptr_t address, uint64_t old, uint64_t entry);

/*
 * The nearest entry that is not 0 at or below `address`, with its granule's first address; 0 when
 * there is none. Empty parts of the map are skipped.
 */
uint64_t address_map_find_below(const struct address_map *map, uintptr_t address,
				uintptr_t *out_granule);

/* Visit the memory the map itself takes. Stops and returns false when `visit` does. */
bool address_map_visit_memory(const struct address_map *map,
			      bool (*visit)(uintptr_t base, size_t bytes, void *context),
			      void *context);

/*
 * Visit every entry that is not 0 in address order, with the granule's first address. Stops and
 * returns false when `visit` does. Entries set meanwhile may or may not be seen.
 */
bool address_map_walk(const struct address_map *map,
		      bool (*visit)(uintptr_t granule, uint64_t entry, void *context),
		      void *context);

#endif
