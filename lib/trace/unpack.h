/* SPDX-License-Identifier: MIT */
/*
 * Unpacking: the columns of a chunk as records of one stream. See packed.h.
 *
 * Nothing of a chunk is believed: whatever its columns say, reading them ends, and what records
 * name is there. A chunk whose sum was right and that still says what cannot be is given up where
 * it does.
 */
#ifndef TRACE_UNPACK_H
#define TRACE_UNPACK_H

#include "trace/column.h"
#include "trace/dictionary.h"
#include "trace/model.h"
#include "trace/packed.h"
#include "trace/record.h"
#include "trace/sample.h"

struct ZSTD_DCtx_s;

struct unpack {
	struct model *model;
	struct ZSTD_DCtx_s *zstd;
	const struct trace_dictionary *dictionary;
	struct column plain; /* all columns */
	struct column_reader columns[PACKED_COLUMNS];
	uint32_t left_count; /* events of the chunk not read yet */
	uint32_t thread;     /* as readers are told */
	uint64_t time, still_count, later; /* of times */
	uint32_t last_miss;
	struct sample_builder sample;
	struct column text;
	const char *damage; /* what was wrong with the chunk, or NULL */
	bool is_told;
};

/* NULL: out of memory. The dictionary is the caller's. */
struct unpack *unpack_create(const struct trace_dictionary *dictionary);
void unpack_destroy(struct unpack *unpack);

/* Begin with a chunk of events. What is wrong with it, unpack_read() tells. */
void unpack_begin(struct unpack *unpack, const struct packed_chunk *chunk,
		  const unsigned char *content);

/* As a source's stream_read(): TRACE_END when the chunk has no more. */
enum trace_status unpack_read(struct unpack *unpack, struct trace_record *out, size_t *out_count);

#endif
