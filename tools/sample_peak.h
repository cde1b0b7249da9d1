/* SPDX-License-Identifier: MIT */
/*
 * Samples: what of them is the heap's, and which one is its peak. All commands go by this, so that
 * they speak of the same moment.
 */
#ifndef ALLOT_TOOLS_SAMPLE_PEAK_H
#define ALLOT_TOOLS_SAMPLE_PEAK_H

#include <stdbool.h>
#include <stdint.h>

#include <allot/trace.h>

/* Resident bytes, by use, without the recorder's own. */
static inline uint64_t sample_heap_bytes(const uint64_t resident_bytes[TRACE_USES])
{
	uint64_t bytes = 0;

	for (int use = 0; use < TRACE_USES; use++)
		bytes += use != TRACE_USE_RECORDER ? resident_bytes[use] : 0;
	return bytes;
}

/*
 * Is a moment higher than the highest so far? One with more resident is; of equals, which are
 * frequent where pages go back late, the one with more live.
 */
static inline bool sample_is_higher(uint64_t resident_bytes, uint64_t live_bytes,
				    uint64_t resident_bytes_peak, uint64_t live_bytes_then)
{
	return resident_bytes > resident_bytes_peak ||
	       (resident_bytes == resident_bytes_peak && live_bytes > live_bytes_then);
}

#endif
