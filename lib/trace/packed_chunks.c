/* SPDX-License-Identifier: MIT */
/*
 * Chunks of a packed file. See packed_chunks.h.
 */
#include "trace/packed_chunks.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "trace/forms.h"
#include "trace/packed_write.h"

enum { SEARCH_BYTES = 64 * 1024 };

void packed_chunks_finish(struct packed_chunks *chunks)
{
	if (chunks->descriptor >= 0)
		close(chunks->descriptor);
	free(chunks->entries);
}

/* ---- contents ----------------------------------------------------------------------------- */

const char *packed_content_read(const struct packed_chunks *chunks,
				const struct packed_entry *entry, struct column *content)
{
	size_t bytes = entry->chunk.stored_bytes;

	content->used = 0;
	if (bytes > PACKED_CONTENT_BYTES_MAX)
		return "impossibly long";
	if (!column_reserve(content, bytes + 1))
		return "more than there is memory for";
	content->used = file_read(chunks->descriptor, content->bytes, bytes,
				  entry->offset + sizeof(entry->chunk));
	if (content->used < bytes)
		return "cut off";
	if (packed_sum(content->bytes, bytes) != entry->chunk.content_sum)
		return "its sum is wrong";
	return NULL;
}

const char *packed_content_expand(struct column *content)
{
	struct packed_column column;
	struct column plain = {0};

	if (content->used < sizeof(column))
		return "too short";
	memcpy(&column, content->bytes, sizeof(column));
	if (column.stored_bytes != content->used - sizeof(column) ||
	    column.plain_bytes > PACKED_CONTENT_BYTES_MAX)
		return "of an impossible size";
	if (column.stored_bytes == column.plain_bytes) {
		memmove(content->bytes, content->bytes + sizeof(column), column.plain_bytes);
		content->used = column.plain_bytes;
		return NULL;
	}
	if (!column_reserve(&plain, column.plain_bytes + 1))
		return "more than there is memory for";
	plain.used = ZSTD_decompress(plain.bytes, column.plain_bytes,
				     content->bytes + sizeof(column), column.stored_bytes);
	column_finish(content);
	*content = plain;
	if (plain.used != column.plain_bytes) {
		content->used = 0;
		return "it cannot be decompressed";
	}
	return NULL;
}

/* ---- finding them ------------------------------------------------------------------------- */

static bool entry_add(struct packed_chunks *chunks, uint64_t offset,
		      const struct packed_chunk *chunk)
{
	if (!array_reserve(&chunks->entries, &chunks->capacity, chunks->count,
			   sizeof(*chunks->entries)))
		return false;
	chunks->entries[chunks->count++] = (struct packed_entry){
		.offset = offset,
		.chunk = *chunk,
	};
	return true;
}

/* Read the head of a chunk. False: there is none. */
static bool head_read(const struct packed_chunks *chunks, uint64_t offset,
		      struct packed_chunk *out)
{
	return file_read(chunks->descriptor, out, sizeof(*out), offset) == sizeof(*out) &&
	       out->magic == PACKED_CHUNK_MAGIC &&
	       out->head_sum == packed_sum(out, offsetof(struct packed_chunk, head_sum));
}

/* The first head from `offset` on; the end of the file if there is none. */
static uint64_t head_search(const struct packed_chunks *chunks, uint64_t offset)
{
	const uint32_t magic = PACKED_CHUNK_MAGIC;
	unsigned char *bytes = malloc(SEARCH_BYTES);
	struct packed_chunk chunk;
	uint64_t found = chunks->file_bytes;

	while (bytes != NULL && offset + sizeof(chunk) <= chunks->file_bytes) {
		size_t count = file_read(chunks->descriptor, bytes, SEARCH_BYTES, offset);
		const unsigned char *at = count < sizeof(magic) ? NULL :
			memmem(bytes, count, &magic, sizeof(magic));
		if (at == NULL) {
			if (count < SEARCH_BYTES)
				break;
			offset += count - sizeof(magic) + 1;
			continue;
		}
		offset += (uint64_t)(at - bytes);
		if (head_read(chunks, offset, &chunk)) {
			found = offset;
			break;
		}
		offset++;
	}
	free(bytes);
	return found;
}

/* Go from head to head. False: out of memory. */
static bool chunks_scan(struct packed_chunks *chunks, struct trace_dictionary *dictionary,
			uint64_t offset)
{
	chunks->count = 0;
	while (offset < chunks->file_bytes) {
		struct packed_chunk chunk;
		if (!head_read(chunks, offset, &chunk)) {
			uint64_t next = head_search(chunks, offset + 1);
			dictionary_message(dictionary, "bytes %llu to %llu are no chunk: skipped",
					   (unsigned long long)offset,
					   (unsigned long long)next);
			offset = next;
			continue;
		}
		if (chunk.kind != PACKED_INDEX && !entry_add(chunks, offset, &chunk))
			return false;
		uint64_t end = offset + sizeof(chunk) + chunk.stored_bytes;
		/* Where it is cut off, or its length cannot be, the next head may be nearer. */
		offset = end <= chunks->file_bytes ? end : head_search(chunks, offset + 1);
	}
	return true;
}

/* Do the entries lie one behind another in the file? */
static bool entries_check(const struct packed_entry *entries, size_t count, uint64_t begin,
			  uint64_t end)
{
	for (size_t i = 0; i < count; i++) {
		const struct packed_entry *entry = &entries[i];
		if (entry->offset < begin || entry->offset > end ||
		    end - entry->offset < sizeof(entry->chunk) + entry->chunk.stored_bytes)
			return false;
		begin = entry->offset + sizeof(entry->chunk) + entry->chunk.stored_bytes;
	}
	return true;
}

/* Take the entries of the index, if there is a sound one. */
static bool index_take(struct packed_chunks *chunks, uint64_t begin)
{
	struct packed_end end;
	struct packed_entry index;
	struct column content = {0};

	if (chunks->file_bytes < begin + sizeof(end) ||
	    file_read(chunks->descriptor, &end, sizeof(end), chunks->file_bytes - sizeof(end)) <
		    sizeof(end) ||
	    end.magic != PACKED_END_MAGIC || end.index_offset >= chunks->file_bytes ||
	    !head_read(chunks, end.index_offset, &index.chunk) ||
	    index.chunk.kind != PACKED_INDEX)
		return false;
	index.offset = end.index_offset;
	const char *wrong = packed_content_read(chunks, &index, &content);
	size_t count = content.used / sizeof(struct packed_entry);
	bool is_sound = wrong == NULL && content.used % sizeof(struct packed_entry) == 0 &&
			entries_check((const void *)content.bytes, count, begin, index.offset);
	for (size_t i = 0; i < count && is_sound; i++) {
		const struct packed_entry *entry =
			(const struct packed_entry *)(const void *)content.bytes + i;
		is_sound = entry_add(chunks, entry->offset, &entry->chunk);
	}
	column_finish(&content);
	return is_sound;
}

bool packed_chunks_find(struct packed_chunks *chunks, struct trace_dictionary *dictionary)
{
	struct packed_head head;
	uint64_t begin = sizeof(head);

	if (file_read(chunks->descriptor, &head, sizeof(head), 0) < sizeof(head)) {
		dictionary_message(dictionary, "the file is cut off inside its head");
		return true;
	}
	if (head.version != PACKED_VERSION)
		dictionary_message(dictionary, "a trace of version %u; what this allot, of "
				   "version %u, knows of it is used", head.version,
				   PACKED_VERSION);
	if (head.head_bytes >= sizeof(head) && head.head_bytes < chunks->file_bytes)
		begin = head.head_bytes;
	chunks->has_index = index_take(chunks, begin);
	if (chunks->has_index)
		return true;
	if (!chunks_scan(chunks, dictionary, begin))
		return false;
	dictionary_message(dictionary, "no index: the file was cut off or is still written; "
			   "%zu chunks were found by scanning", chunks->count);
	return true;
}
