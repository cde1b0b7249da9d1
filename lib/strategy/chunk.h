/* SPDX-License-Identifier: MIT */
/*
 * Chunks: memory in large aligned pieces, for strategies that keep no tag at a block but a table
 * at the start of its chunk, found by address arithmetic.
 */
#ifndef STRATEGY_CHUNK_H
#define STRATEGY_CHUNK_H

#include "base/bits.h"
#include "strategy/strategy.h"

enum {
	CHUNK_SHIFT = 22,
	CHUNK_BYTES = 1 << CHUNK_SHIFT,
};

static inline uintptr_t chunk_base(uintptr_t address)
{
	return align_down(address, CHUNK_BYTES);
}

static inline bool region_has(const struct region *region, uintptr_t address)
{
	return address - region->base < region_bytes(region);
}

#endif
