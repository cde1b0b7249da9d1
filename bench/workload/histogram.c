/* SPDX-License-Identifier: MIT */
/*
 * Histograms: adding up, and reading quantiles from above, where they are small counts.
 */
#include "histogram.h"

/* The largest value of a place. */
static uint64_t place_value(size_t place)
{
	if (place < 2 * HISTOGRAM_FINE)
		return place;
	size_t shift = place / HISTOGRAM_FINE - 1;
	uint64_t first = (uint64_t)(place % HISTOGRAM_FINE + HISTOGRAM_FINE) << shift;
	return first + ((uint64_t)1 << shift) - 1;
}

void histogram_merge(struct histogram *histogram, const struct histogram *other)
{
	for (size_t i = 0; i < HISTOGRAM_COUNT; i++)
		histogram->counts[i] += other->counts[i];
	histogram->total += other->total;
	if (other->max > histogram->max)
		histogram->max = other->max;
}

uint64_t histogram_quantile(const struct histogram *histogram, double share)
{
	uint64_t above_limit = (uint64_t)((double)histogram->total * share);
	uint64_t above = 0;
	for (size_t place = HISTOGRAM_COUNT; place > 0; place--) {
		above += histogram->counts[place - 1];
		if (above > above_limit)
			return place_value(place - 1) < histogram->max ? place_value(place - 1)
								       : histogram->max;
	}
	return 0;
}
