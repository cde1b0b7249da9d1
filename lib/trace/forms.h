/* SPDX-License-Identifier: MIT */
/*
 * Forms: the kinds of file that can be read, each with a way to tell it by its first bytes.
 */
#ifndef TRACE_FORMS_H
#define TRACE_FORMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace/record.h"

enum {
	FORM_HEAD_BYTES = 4096, /* of a file, after decompression, that are looked at */
};

/* A file that is being opened. */
struct form_file {
	int descriptor; /* the source closes it, once it is open */
	const char *path;
	uint64_t bytes;
	const char *head; /* what it begins with, not ended by a 0 */
	size_t head_bytes;
	char *message; /* why it could not be opened, of TRACE_LINE_BYTES */
};

/*
 * A source of the file, or NULL with a message, or NULL without: it is of another form. The
 * descriptor is the source's from then on, but for NULL.
 */
typedef struct trace_source *form_open(const struct form_file *file);

form_open raw_file_open, packed_file_open;

/* What a raw header says, but for what depends on the clock. */
struct raw_header;
void raw_info_fill(struct trace_dictionary *dictionary, const struct raw_header *header);
/* From when on events are missing, in units since the start; 0: they are not, or nobody knows. */
uint64_t raw_lost_units(const struct raw_header *header);

/* Read up to `bytes` at `offset`, whatever interrupts; how much there was. */
size_t file_read(int descriptor, void *out, size_t bytes, uint64_t offset);

/* Nanoseconds times 2^32 that a unit of 2^6 ticks takes, by a clock of two moments. */
uint64_t clock_rate(uint64_t start_ticks, uint64_t start_ns, uint64_t last_ticks,
		    uint64_t last_ns);

static inline uint64_t clock_ns(uint64_t unit, uint64_t ns_per_unit)
{
	return (uint64_t)(((unsigned __int128)unit * ns_per_unit) >> 32);
}

#endif
