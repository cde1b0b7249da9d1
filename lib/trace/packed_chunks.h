/* SPDX-License-Identifier: MIT */
/*
 * Chunks of a packed file: where they are, and what is in them. See packed.h.
 */
#ifndef TRACE_PACKED_CHUNKS_H
#define TRACE_PACKED_CHUNKS_H

#include "trace/column.h"
#include "trace/dictionary.h"
#include "trace/packed.h"

struct packed_chunks {
	int descriptor; /* owned; -1: none */
	uint64_t file_bytes;
	struct packed_entry *entries; /* in the order of the file */
	size_t count, capacity;
	bool has_index;
};

/* Find the chunks; what is missing is told to the dictionary. False: out of memory. */
bool packed_chunks_find(struct packed_chunks *chunks, struct trace_dictionary *dictionary);
void packed_chunks_finish(struct packed_chunks *chunks);

/* Read a chunk's content: what is wrong with it, or NULL. */
const char *packed_content_read(const struct packed_chunks *chunks,
				const struct packed_entry *entry, struct column *content);

/* Expand a content that is compressed as one: what is wrong with it, or NULL. */
const char *packed_content_expand(struct column *content);

#endif
