/* SPDX-License-Identifier: MIT */
/*
 * Sizes: how large the blocks of programs are, in three distributions. All are 8 bytes at least.
 */
#ifndef ALLOT_WORKLOAD_SIZES_H
#define ALLOT_WORKLOAD_SIZES_H

#include "chance.h"

/* 8 to 1000 bytes as most programs ask for: six in ten up to 64, nine in ten up to 256. */
static inline size_t size_small(struct chance *chance)
{
	size_t point = chance_below(chance, 10);
	if (point < 6)
		return 8 + chance_below(chance, 57);
	if (point < 9)
		return 65 + chance_below(chance, 192);
	return 257 + chance_below(chance, 744);
}

/* From 2^first_log2 to below 2^last_log2 bytes, each doubling as likely as any other. */
static inline size_t size_log_uniform(struct chance *chance, unsigned int first_log2,
				      unsigned int last_log2)
{
	size_t octave = (size_t)1 << (first_log2 + chance_below(chance, last_log2 - first_log2));
	return octave + chance_below(chance, octave);
}

/* From 16 to below 2^last_log2 bytes by a power law: each doubling half as likely as the last. */
static inline size_t size_power_law(struct chance *chance, unsigned int last_log2)
{
	enum { FIRST_LOG2 = 4 };
	uint64_t coins = chance_next(chance) | (uint64_t)1 << (last_log2 - FIRST_LOG2 - 1);
	size_t octave = (size_t)1 << (FIRST_LOG2 + (unsigned int)__builtin_ctzll(coins));
	return octave + chance_below(chance, octave);
}

#endif
