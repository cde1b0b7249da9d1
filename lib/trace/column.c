/* SPDX-License-Identifier: MIT */
/*
 * Columns: bytes that grow, varints, fields. See column.h.
 */
#include "trace/column.h"

#include <stdlib.h>
#include <string.h>

bool column_reserve(struct column *column, size_t bytes)
{
	enum { FIRST = 256 };

	if (column->capacity - column->used >= bytes)
		return true;
	size_t capacity = column->capacity * 2 + bytes + FIRST;
	unsigned char *grown = realloc(column->bytes, capacity);
	if (grown == NULL)
		return false;
	column->bytes = grown;
	column->capacity = capacity;
	return true;
}

void column_finish(struct column *column)
{
	free(column->bytes);
	memset(column, 0, sizeof(*column));
}

uint64_t column_read_long(struct column_reader *reader)
{
	uint64_t number = 0;

	for (unsigned shift = 0; shift < 64 && reader->next < reader->end; shift += 7) {
		unsigned char byte = *reader->next++;
		number |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return number;
	}
	reader->is_short = true;
	return 0;
}

const unsigned char *column_read_bytes(struct column_reader *reader, uint64_t bytes)
{
	const unsigned char *from = reader->next;

	if ((uint64_t)(reader->end - reader->next) < bytes) {
		reader->is_short = true;
		return NULL;
	}
	reader->next += bytes;
	return from;
}

bool field_put(struct column *column, unsigned which, const void *bytes, size_t count)
{
	if (!column_reserve(column, 2 * VARINT_BYTES_MAX + count))
		return false;
	column_varint(column, which);
	column_varint(column, count);
	if (count > 0)
		memcpy(column->bytes + column->used, bytes, count);
	column->used += count;
	return true;
}

bool field_number(struct column *column, unsigned which, uint64_t number)
{
	unsigned char bytes[VARINT_BYTES_MAX];
	struct column value = {.bytes = bytes, .capacity = sizeof(bytes)};

	column_varint(&value, number);
	return field_put(column, which, bytes, value.used);
}

bool field_next(struct column_reader *reader, unsigned *out_which, struct column_reader *out_field,
		uint64_t *out_number)
{
	if (reader->next >= reader->end)
		return false;
	*out_which = (unsigned)column_read(reader);
	uint64_t bytes = column_read(reader);
	const unsigned char *from = column_read_bytes(reader, bytes);
	if (from == NULL || reader->is_short)
		return false;
	*out_field = (struct column_reader){.next = from, .end = from + bytes};
	struct column_reader number = *out_field;
	*out_number = column_read(&number);
	return true;
}
