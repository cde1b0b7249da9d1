/* SPDX-License-Identifier: MIT */
/*
 * Writing packed traces: chunks to a file, and its index.
 *
 * Where a write fails, the file is cut back to its last whole chunk, and from then on only counts
 * what is lost. What was written before can be read.
 */
#ifndef TRACE_PACKED_WRITE_H
#define TRACE_PACKED_WRITE_H

#include "trace/column.h"
#include "trace/pack.h"
#include "trace/packed.h"

struct ZSTD_CCtx_s;

struct packed_writer {
	int descriptor;
	uint64_t offset;
	struct packed_entry *entries;
	size_t entry_count, entry_capacity;
	struct ZSTD_CCtx_s *zstd;
	struct column content; /* of the chunk that is being made */
	int error;             /* errno of what failed, or 0 */
	uint64_t event_count, lost_events;
	uint64_t plain_bytes[PACKED_COLUMNS], stored_bytes[PACKED_COLUMNS];
	uint64_t other_bytes;  /* of chunks without events, and of heads */
};

/* Begin at the start of the empty file of `descriptor`, which stays the caller's. */
bool packed_writer_init(struct packed_writer *writer, int descriptor);
void packed_writer_finish(struct packed_writer *writer);

/* All return false when nothing more is written; writer->error says why. */

/* A chunk of `kind` that holds `content`; the rest of its head is 0. */
bool packed_write(struct packed_writer *writer, enum packed_kind kind,
		  const struct column *content);
/* The events of `pack`, of stream `stream`; they are lost if this fails. */
bool packed_write_events(struct packed_writer *writer, const struct pack *pack, uint32_t stream);
/* The same, compressed as one. */
bool packed_write_compressed(struct packed_writer *writer, enum packed_kind kind,
			     const struct column *plain);
/* What a chunk of as many bytes says at `offset`, in its place, also when writes have failed. */
void packed_write_again(struct packed_writer *writer, uint64_t offset, enum packed_kind kind,
			const struct column *content);
/* The index and the end. */
bool packed_write_index(struct packed_writer *writer);

/* The sum of a head or a content. */
uint32_t packed_sum(const void *bytes, size_t count);

#endif
