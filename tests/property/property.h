/* SPDX-License-Identifier: MIT */
/*
 * The property run: a stream of random operations on one heap, judged by a shadow.
 *
 * The heap is checked after every operation while at most 256 KiB are live (a small heap always
 * is), else after every 2^10; its walk and statistics are compared with the shadow after every
 * 2^4 or 2^10. At the end everything is freed, and the heap must be whole and empty.
 */
#ifndef PROPERTY_PROPERTY_H
#define PROPERTY_PROPERTY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "choice.h"
#include "shadow.h"

struct property_options {
	struct choice choice;
	const char *source; /* mmap, sbrk or buffer */
	const char *extra;  /* more of a configuration, or NULL */
	uint64_t operations;
	uint64_t seed;
	bool is_big;
};

struct property_result {
	double seconds;
	size_t live_bytes_peak;
	size_t mapped_bytes_peak;
	char message[SHADOW_MESSAGE_BYTES]; /* why it failed */
};

bool property_run(const struct property_options *options, struct property_result *out);

#endif
