/* SPDX-License-Identifier: MIT */
/*
 * The two-level table. See address_map.h.
 */
#include "pages/address_map.h"

#include <assert.h>

#include "base/compiler.h"
#include "os/map.h"

enum { ROOTS_BYTES = ROOT_ENTRIES * sizeof(struct address_leaf *) };

ALLOT_START bool address_map_init(struct address_map *map)
{
	map->roots = os_map(ROOTS_BYTES);
	return map->roots != NULL;
}

void address_map_finish(struct address_map *map)
{
	for (size_t i = 0; i < ROOT_ENTRIES; i++) {
		struct address_leaf *leaf = atomic_load(&map->roots[i]);
		if (leaf != NULL)
			os_unmap((uintptr_t)leaf, sizeof(*leaf));
	}
	os_unmap((uintptr_t)map->roots, ROOTS_BYTES);
	map->roots = NULL;
}

/* The leaf for `address`, made if missing; of two threads that make one, one wins. */
static struct address_leaf *leaf_obtain(struct address_map *map, uintptr_t address)
{
	struct address_leaf *_Atomic *root = &map->roots[address >> (GRANULE_SHIFT + LEAF_SHIFT)];
	struct address_leaf *leaf = atomic_load_explicit(root, memory_order_acquire);
	if (likely(leaf != NULL))
		return leaf;
	struct address_leaf *fresh = os_map(sizeof(*fresh));
	if (fresh == NULL)
		return NULL;
	if (atomic_compare_exchange_strong_explicit(root, &leaf, fresh, memory_order_acq_rel,
						    memory_order_acquire))
		return fresh;
	os_unmap((uintptr_t)fresh, sizeof(*fresh));
	return leaf;
}

static _Atomic uint64_t *entry_of(struct address_leaf *leaf, uintptr_t address)
{
	return &leaf->entries[address >> GRANULE_SHIFT & (LEAF_ENTRIES - 1)];
}

bool address_map_set(struct address_map *map, uintptr_t address, uint64_t entry)
{
	assert(address >> ADDRESS_BITS == 0);
	struct address_leaf *leaf = leaf_obtain(map, address);
	if (leaf == NULL)
		return false;
	atomic_store_explicit(entry_of(leaf, address), entry, memory_order_release);
	return true;
}

bool address_map_replace(struct address_map *map, uintptr_t address, uint64_t old, uint64_t entry)
{
	assert(address >> ADDRESS_BITS == 0);
	struct address_leaf *leaf = leaf_obtain(map, address);
	return leaf != NULL && atomic_compare_exchange_strong_explicit(
				       entry_of(leaf, address), &old, entry, memory_order_acq_rel,
				       memory_order_acquire);
}

uint64_t address_map_find_below(const struct address_map *map, uintptr_t address,
				uintptr_t *out_granule)
{
	if (address >> ADDRESS_BITS != 0)
		return 0;
	uintptr_t root = address >> (GRANULE_SHIFT + LEAF_SHIFT);
	uintptr_t last = address >> GRANULE_SHIFT & (LEAF_ENTRIES - 1);
	for (;; root--, last = LEAF_ENTRIES - 1) {
		struct address_leaf *leaf =
			atomic_load_explicit(&map->roots[root], memory_order_acquire);
		for (uintptr_t i = last + 1; leaf != NULL && i-- > 0;) {
			uint64_t entry =
				atomic_load_explicit(&leaf->entries[i], memory_order_acquire);
			if (entry != 0) {
				*out_granule = (root << LEAF_SHIFT | i) << GRANULE_SHIFT;
				return entry;
			}
		}
		if (root == 0)
			return 0;
	}
}

static bool leaf_walk(struct address_leaf *leaf, uintptr_t base,
		      bool (*visit)(uintptr_t granule, uint64_t entry, void *context),
		      void *context)
{
	for (uintptr_t i = 0; i < LEAF_ENTRIES; i++) {
		uint64_t entry = atomic_load_explicit(&leaf->entries[i], memory_order_acquire);
		if (entry != 0 && !visit(base + (i << GRANULE_SHIFT), entry, context))
			return false;
	}
	return true;
}

bool address_map_walk(const struct address_map *map,
		      bool (*visit)(uintptr_t granule, uint64_t entry, void *context),
		      void *context)
{
	for (uintptr_t i = 0; i < ROOT_ENTRIES; i++) {
		struct address_leaf *leaf =
			atomic_load_explicit(&map->roots[i], memory_order_acquire);
		if (leaf != NULL &&
		    !leaf_walk(leaf, i << (GRANULE_SHIFT + LEAF_SHIFT), visit, context))
			return false;
	}
	return true;
}

bool address_map_visit_memory(const struct address_map *map,
			      bool (*visit)(uintptr_t base, size_t bytes, void *context),
			      void *context)
{
	if (!visit((uintptr_t)map->roots, ROOTS_BYTES, context))
		return false;
	for (uintptr_t i = 0; i < ROOT_ENTRIES; i++) {
		struct address_leaf *leaf =
			atomic_load_explicit(&map->roots[i], memory_order_acquire);
		if (leaf != NULL && !visit((uintptr_t)leaf, sizeof(*leaf), context))
			return false;
	}
	return true;
}
