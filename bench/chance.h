/* SPDX-License-Identifier: MIT */
/*
 * Chance: numbers that look random and are the same in every run, as every run starts from a seed.
 *
 * The generator is xorshift64*, small enough to stand inside a timed loop.
 */
#ifndef ALLOT_BENCH_CHANCE_H
#define ALLOT_BENCH_CHANCE_H

#include <stddef.h>
#include <stdint.h>

/* A generator of 64-bit numbers. */
struct chance {
	uint64_t value; /* never 0 */
};

static inline uint64_t chance_next(struct chance *chance)
{
	uint64_t x = chance->value;
	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	chance->value = x;
	return x * 0x2545F4914F6CDD1DULL;
}

/* A number below `limit`, which is below 2^32. Takes the upper half, the better one. */
static inline size_t chance_below(struct chance *chance, size_t limit)
{
	return (size_t)(((chance_next(chance) >> 32) * limit) >> 32);
}

/* Generator number `index` of a family: unlike its neighbours from the first number on. */
static inline struct chance chance_of(uint64_t index)
{
	uint64_t x = (index + 1) * 0x9E3779B97F4A7C15ULL;
	x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
	x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
	return (struct chance){(x ^ (x >> 31)) | 1};
}

#endif
