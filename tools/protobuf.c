/* SPDX-License-Identifier: MIT */
/*
 * Protocol buffers: numbers seven bits a byte, the lowest first, the top bit saying "more".
 */
#include "protobuf.h"

#include <string.h>

#include "room.h"

enum {
	WIRE_NUMBER = 0,
	WIRE_BYTES = 2,
	WIRE_BITS = 3,
	GROUP_BITS = 7,
	MORE = 1 << GROUP_BITS,
	NUMBER_BYTES_MAX = 10,
};

static void number_append(struct protobuf *message, uint64_t value)
{
	message->bytes = room_grow(message->bytes, &message->room,
				   message->count + NUMBER_BYTES_MAX, 1);
	for (; value >= MORE; value >>= GROUP_BITS)
		message->bytes[message->count++] = (unsigned char)(value | MORE);
	message->bytes[message->count++] = (unsigned char)value;
}

static void bytes_append(struct protobuf *message, unsigned field, const void *bytes, size_t count)
{
	number_append(message, (uint64_t)field << WIRE_BITS | WIRE_BYTES);
	number_append(message, count);
	message->bytes = room_grow(message->bytes, &message->room, message->count + count, 1);
	if (count > 0)
		memcpy(message->bytes + message->count, bytes, count);
	message->count += count;
}

void protobuf_number(struct protobuf *message, unsigned field, uint64_t value)
{
	if (value == 0)
		return;
	number_append(message, (uint64_t)field << WIRE_BITS | WIRE_NUMBER);
	number_append(message, value);
}

void protobuf_text(struct protobuf *message, unsigned field, const char *text)
{
	bytes_append(message, field, text, strlen(text));
}

void protobuf_numbers(struct protobuf *message, unsigned field, const uint64_t *values,
		      size_t count)
{
	size_t byte_count = 0;

	for (size_t i = 0; i < count; i++) {
		byte_count++;
		for (uint64_t value = values[i]; value >= MORE; value >>= GROUP_BITS)
			byte_count++;
	}
	if (count == 0)
		return;
	number_append(message, (uint64_t)field << WIRE_BITS | WIRE_BYTES);
	number_append(message, byte_count);
	for (size_t i = 0; i < count; i++)
		number_append(message, values[i]);
}

void protobuf_message(struct protobuf *message, unsigned field, struct protobuf *inner)
{
	bytes_append(message, field, inner->bytes, inner->count);
	inner->count = 0;
}
