/* SPDX-License-Identifier: MIT */
/*
 * Writing packed traces. See packed_write.h and packed.h.
 */
#include "trace/packed_write.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>
#include <zstd.h>

#include "trace/dictionary.h"

/*
 * What zstd's first level costs is a tenth of what packing costs; its third makes files 5 % smaller
 * and takes a fifth more (`meson test --benchmark trace`).
 */
enum { LEVEL = 1 };

uint32_t packed_sum(const void *bytes, size_t count)
{
	const unsigned char *from = bytes;
	uint64_t sum = count * UINT64_C(0x9e3779b97f4a7c15), word;

	for (; count >= sizeof(word); from += sizeof(word), count -= sizeof(word)) {
		memcpy(&word, from, sizeof(word));
		sum = (sum ^ word) * UINT64_C(0xff51afd7ed558ccd);
		sum ^= sum >> 32;
	}
	word = 0;
	memcpy(&word, from, count);
	sum = (sum ^ word) * UINT64_C(0xc4ceb9fe1a85ec53);
	return (uint32_t)(sum ^ sum >> 32);
}

/* ---- the file ----------------------------------------------------------------------------- */

/* Write all of two pieces at the end, or nothing. */
static bool pieces_write(struct packed_writer *writer, const void *head, size_t head_bytes,
			 const void *body, size_t body_bytes)
{
	struct iovec pieces[2] = {{(void *)(uintptr_t)head, head_bytes},
				  {(void *)(uintptr_t)body, body_bytes}};
	uint64_t end = writer->offset + head_bytes + body_bytes, at = writer->offset;

	while (at < end && writer->error == 0) {
		ssize_t written = pwritev(writer->descriptor, pieces, 2, (off_t)at);
		if (written < 0 && errno != EINTR)
			writer->error = errno;
		for (size_t i = 0; written > 0 && i < 2; i++) {
			size_t of_this = (size_t)written < pieces[i].iov_len ?
						 (size_t)written : pieces[i].iov_len;
			pieces[i].iov_base = (char *)pieces[i].iov_base + of_this;
			pieces[i].iov_len -= of_this;
			written -= (ssize_t)of_this;
			at += of_this;
		}
	}
	if (writer->error != 0) {
		/* What was there before stays readable, whether this succeeds or not. */
		if (ftruncate(writer->descriptor, (off_t)writer->offset) != 0)
			return false;
		return false;
	}
	writer->offset = end;
	return true;
}

bool packed_writer_init(struct packed_writer *writer, int descriptor)
{
	const struct packed_head head = {
		.magic = PACKED_MAGIC,
		.version = PACKED_VERSION,
		.head_bytes = sizeof(head),
	};

	memset(writer, 0, sizeof(*writer));
	writer->descriptor = descriptor;
	writer->zstd = ZSTD_createCCtx();
	if (writer->zstd == NULL) {
		writer->error = ENOMEM;
		return false;
	}
	ZSTD_CCtx_setParameter(writer->zstd, ZSTD_c_compressionLevel, LEVEL);
	writer->other_bytes = sizeof(head);
	return pieces_write(writer, &head, sizeof(head), NULL, 0);
}

void packed_writer_finish(struct packed_writer *writer)
{
	ZSTD_freeCCtx(writer->zstd);
	column_finish(&writer->content);
	free(writer->entries);
	memset(writer, 0, sizeof(*writer));
}

/* Fill in what depends on the content. */
static void chunk_seal(struct packed_chunk *chunk, const struct column *content)
{
	chunk->magic = PACKED_CHUNK_MAGIC;
	chunk->stored_bytes = (uint32_t)content->used;
	chunk->content_sum = packed_sum(content->bytes, content->used);
	chunk->head_sum = packed_sum(chunk, offsetof(struct packed_chunk, head_sum));
}

/* Write a chunk and keep it for the index. */
static bool chunk_write(struct packed_writer *writer, struct packed_chunk *chunk,
			const struct column *content)
{
	if (writer->error != 0)
		return false;
	if (!array_reserve(&writer->entries, &writer->entry_capacity, writer->entry_count,
			   sizeof(*writer->entries))) {
		writer->error = ENOMEM;
		return false;
	}
	chunk_seal(chunk, content);
	uint64_t offset = writer->offset;
	if (!pieces_write(writer, chunk, sizeof(*chunk), content->bytes, content->used))
		return false;
	writer->entries[writer->entry_count++] = (struct packed_entry){
		.offset = offset,
		.chunk = *chunk,
	};
	writer->other_bytes += sizeof(*chunk);
	return true;
}

bool packed_write(struct packed_writer *writer, enum packed_kind kind,
		  const struct column *content)
{
	struct packed_chunk chunk = {.kind = (uint16_t)kind};

	if (!chunk_write(writer, &chunk, content))
		return false;
	writer->other_bytes += content->used;
	return true;
}

void packed_write_again(struct packed_writer *writer, uint64_t offset, enum packed_kind kind,
			const struct column *content)
{
	struct packed_chunk chunk = {.kind = (uint16_t)kind};
	struct iovec pieces[2] = {{&chunk, sizeof(chunk)}, {content->bytes, content->used}};

	chunk_seal(&chunk, content);
	/* A file that cannot be written to at all stays as it is. */
	if (pwritev(writer->descriptor, pieces, 2, (off_t)offset) < 0)
		return;
}

/* ---- compressed chunks -------------------------------------------------------------------- */

/* Append `plain` to the content, compressed if that is shorter; how long it is there. */
static bool plain_append(struct packed_writer *writer, const struct column *plain,
			 uint32_t *out_stored)
{
	struct column *content = &writer->content;
	size_t bound = ZSTD_compressBound(plain->used);

	if (!column_reserve(content, bound)) {
		writer->error = ENOMEM;
		return false;
	}
	size_t bytes = ZSTD_compress2(writer->zstd, content->bytes + content->used, bound,
				      plain->bytes, plain->used);
	if (ZSTD_isError(bytes) || bytes >= plain->used) {
		memcpy(content->bytes + content->used, plain->bytes, plain->used);
		bytes = plain->used;
	}
	content->used += bytes;
	*out_stored = (uint32_t)bytes;
	return true;
}

bool packed_write_compressed(struct packed_writer *writer, enum packed_kind kind,
			     const struct column *plain)
{
	struct packed_column column = {.plain_bytes = (uint32_t)plain->used};

	writer->content.used = 0;
	if (writer->error != 0 || !column_reserve(&writer->content, sizeof(column)))
		return false;
	writer->content.used = sizeof(column);
	if (!plain_append(writer, plain, &column.stored_bytes))
		return false;
	memcpy(writer->content.bytes, &column, sizeof(column));
	return packed_write(writer, kind, &writer->content);
}

/* The columns of `pack` as the content of a chunk. */
static bool columns_append(struct packed_writer *writer, const struct pack *pack)
{
	struct column *content = &writer->content;
	struct packed_column table[PACKED_COLUMNS];
	uint32_t count = 0, index = 0;

	for (size_t i = 0; i < PACKED_COLUMNS; i++)
		count += pack->columns[i].used > 0;
	content->used = 0;
	if (!column_reserve(content, sizeof(count) + sizeof(table)))
		return false;
	memcpy(content->bytes, &count, sizeof(count));
	content->used = sizeof(count) + count * sizeof(table[0]);
	for (uint32_t i = 0; i < PACKED_COLUMNS; i++) {
		const struct column *plain = &pack->columns[i];
		if (plain->used == 0)
			continue;
		table[index].column = i;
		table[index].plain_bytes = (uint32_t)plain->used;
		if (!plain_append(writer, plain, &table[index].stored_bytes))
			return false;
		index++;
	}
	memcpy(content->bytes + sizeof(count), table, count * sizeof(table[0]));
	return true;
}

static void columns_count(struct packed_writer *writer, const struct pack *pack)
{
	const unsigned char *table = writer->content.bytes + sizeof(uint32_t);
	uint32_t index = 0;

	for (size_t i = 0; i < PACKED_COLUMNS; i++) {
		struct packed_column column;
		if (pack->columns[i].used == 0)
			continue;
		memcpy(&column, table + index++ * sizeof(column), sizeof(column));
		writer->plain_bytes[i] += column.plain_bytes;
		writer->stored_bytes[i] += column.stored_bytes + sizeof(column);
	}
	writer->other_bytes += sizeof(uint32_t);
}

bool packed_write_events(struct packed_writer *writer, const struct pack *pack, uint32_t stream)
{
	struct packed_chunk chunk = {
		.kind = PACKED_EVENTS,
		.event_count = pack->event_count,
		.stream = stream,
		.thread = pack->first_thread,
		.first_time = pack->first_time,
		.last_time = pack->last_time,
	};

	if (writer->error == 0 && !columns_append(writer, pack))
		writer->error = ENOMEM;
	if (!chunk_write(writer, &chunk, &writer->content)) {
		writer->lost_events += pack->event_count;
		return false;
	}
	writer->event_count += pack->event_count;
	columns_count(writer, pack);
	return true;
}

bool packed_write_index(struct packed_writer *writer)
{
	struct packed_end end = {.index_offset = writer->offset, .magic = PACKED_END_MAGIC};
	struct column content = {
		.bytes = (unsigned char *)writer->entries,
		.used = writer->entry_count * sizeof(*writer->entries),
	};
	struct packed_chunk chunk = {
		.magic = PACKED_CHUNK_MAGIC,
		.kind = PACKED_INDEX,
		.stored_bytes = (uint32_t)content.used,
		.content_sum = packed_sum(content.bytes, content.used),
	};

	chunk.head_sum = packed_sum(&chunk, offsetof(struct packed_chunk, head_sum));
	writer->other_bytes += sizeof(chunk) + content.used + sizeof(end);
	return writer->error == 0 &&
	       pieces_write(writer, &chunk, sizeof(chunk), content.bytes, content.used) &&
	       pieces_write(writer, &end, sizeof(end), NULL, 0);
}
