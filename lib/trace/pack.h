/* SPDX-License-Identifier: MIT */
/*
 * Packing: records of one stream as the columns of a chunk (trace/packed.h).
 */
#ifndef TRACE_PACK_H
#define TRACE_PACK_H

#include "trace/column.h"
#include "trace/model.h"
#include "trace/packed.h"
#include "trace/record.h"

/* The chunk of a stream that is being filled. */
struct pack {
	struct model *model;
	uint32_t *index; /* sequence of the allocation at an address, see pack.c */
	uint32_t event_count;
	uint32_t thread, first_thread;
	uint64_t time, first_time, last_time;
	uint64_t still_count;    /* events since the time changed */
	uint32_t last_miss;      /* stack that was not guessed */
	struct column columns[PACKED_COLUMNS];
};

/* NULL: out of memory. */
struct pack *pack_create(void);
void pack_destroy(struct pack *pack);

/* Begin a chunk. */
void pack_begin(struct pack *pack);

/* Add a record; its thread is a number. False: out of memory, and the chunk must be given up. */
bool pack_add(struct pack *pack, const struct trace_record *record);

/* May no more be added? */
bool pack_is_full(const struct pack *pack);

/* Bytes of columns so far. */
size_t pack_plain_bytes(const struct pack *pack);

#endif
