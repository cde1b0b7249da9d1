/* SPDX-License-Identifier: MIT */
/*
 * Columns: bytes that grow at their end and are read from their start; varints in them.
 */
#ifndef TRACE_COLUMN_H
#define TRACE_COLUMN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { VARINT_BYTES_MAX = 10 };

struct column {
	unsigned char *bytes;
	size_t used, capacity;
};

/* What is left of one to be read. */
struct column_reader {
	const unsigned char *next, *end;
	bool is_short; /* it ended too early, or held no number */
};

/* Room for `bytes` more. False: out of memory. */
bool column_reserve(struct column *column, size_t bytes);
void column_finish(struct column *column);

/* Append; there must be room. */
static inline void column_byte(struct column *column, unsigned char byte)
{
	column->bytes[column->used++] = byte;
}

static inline void column_varint(struct column *column, uint64_t number)
{
	unsigned char *to = column->bytes + column->used;

	for (; number >= 0x80; number >>= 7)
		*to++ = (unsigned char)(number | 0x80);
	*to++ = (unsigned char)number;
	column->used = (size_t)(to - column->bytes);
}

static inline uint64_t zigzag(int64_t number)
{
	return (uint64_t)number << 1 ^ (uint64_t)(number >> 63);
}

static inline int64_t unzigzag(uint64_t number)
{
	return (int64_t)(number >> 1 ^ -(number & 1));
}

uint64_t column_read_long(struct column_reader *reader);

static inline uint64_t column_read(struct column_reader *reader)
{
	if (__builtin_expect(reader->next < reader->end && *reader->next < 0x80, 1))
		return *reader->next++;
	return column_read_long(reader);
}

static inline unsigned char column_read_byte(struct column_reader *reader)
{
	if (__builtin_expect(reader->next < reader->end, 1))
		return *reader->next++;
	reader->is_short = true;
	return 0;
}

/* `bytes` bytes, or NULL if there are less. */
const unsigned char *column_read_bytes(struct column_reader *reader, uint64_t bytes);

/* Fields: which, how long, and its bytes. For chunks of a few words. */
bool field_put(struct column *column, unsigned which, const void *bytes, size_t count);
bool field_number(struct column *column, unsigned which, uint64_t number);

/* The next field, false at the end; its number, if it is one, is `*out_number`. */
bool field_next(struct column_reader *reader, unsigned *out_which, struct column_reader *out_field,
		uint64_t *out_number);

#endif
