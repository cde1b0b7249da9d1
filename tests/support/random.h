/* SPDX-License-Identifier: MIT */
/*
 * Random numbers that are the same on every machine for the same seed: splitmix64 (Steele, Lea
 * and Flood 2014). Every random test prints its seed, so that a failure can be had again.
 */
#ifndef SUPPORT_RANDOM_H
#define SUPPORT_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct random_source {
	uint64_t state;
};

static inline uint64_t random_next(struct random_source *source)
{
	uint64_t z = source->state += 0x9E3779B97F4A7C15u;
	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
	z = (z ^ z >> 27) * 0x94D049BB133111EBu;
	return z ^ z >> 31;
}

/* Uniform in [0, bound), bound > 0; the bias of the remainder is far below what tests notice. */
static inline size_t random_below(struct random_source *source, size_t bound)
{
	return random_next(source) % bound;
}

/* Uniform in [least, most]. */
static inline size_t random_between(struct random_source *source, size_t least, size_t most)
{
	return least + random_below(source, most - least + 1);
}

#endif
