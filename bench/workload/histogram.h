/* SPDX-License-Identifier: MIT */
/*
 * Histograms: how often which value occurred, exact to three percent, in little memory.
 */
#ifndef ALLOT_WORKLOAD_HISTOGRAM_H
#define ALLOT_WORKLOAD_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

enum {
	HISTOGRAM_FINE_LOG2 = 5, /* a doubling has 2^5 places */
	HISTOGRAM_FINE = 1 << HISTOGRAM_FINE_LOG2,
	HISTOGRAM_COUNT = (64 - HISTOGRAM_FINE_LOG2 + 1) * HISTOGRAM_FINE,
};

struct histogram {
	uint64_t counts[HISTOGRAM_COUNT];
	uint64_t total;
	uint64_t max; /* the largest value, as it was */
};

/* The place of a value: itself while small, then its first bits below the leading one. */
static inline size_t histogram_place(uint64_t value)
{
	if (value < HISTOGRAM_FINE)
		return (size_t)value;
	unsigned int shift = 63 - (unsigned int)__builtin_clzll(value) - HISTOGRAM_FINE_LOG2;
	return (size_t)(shift * HISTOGRAM_FINE + (value >> shift));
}

static inline void histogram_add(struct histogram *histogram, uint64_t value)
{
	histogram->counts[histogram_place(value)]++;
	histogram->total++;
	if (value > histogram->max)
		histogram->max = value;
}

/* Add all values of `other`. */
void histogram_merge(struct histogram *histogram, const struct histogram *other);

/* The least value, to a place, that at most `share` of one of all values exceed. */
uint64_t histogram_quantile(const struct histogram *histogram, double share);

#endif
