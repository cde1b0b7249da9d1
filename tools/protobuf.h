/* SPDX-License-Identifier: MIT */
/*
 * Protocol buffers: messages of numbers, texts and other messages, as they are sent.
 *
 * A field is a key (its number and how its value is stored) and a value. Fields that are 0 or ""
 * are left out, as readers take what is missing for that; texts of a repeated field are written
 * always, since their position counts. The wire format is in "Encoding" of the documentation of
 * protocol buffers.
 */
#ifndef ALLOT_TOOLS_PROTOBUF_H
#define ALLOT_TOOLS_PROTOBUF_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of a message. Start with zeros, end with free(bytes). */
struct protobuf {
	unsigned char *bytes;
	size_t count;
	size_t room;
};

void protobuf_number(struct protobuf *message, unsigned field, uint64_t value);
void protobuf_text(struct protobuf *message, unsigned field, const char *text);

/* Repeated numbers, one behind another without keys. */
void protobuf_numbers(struct protobuf *message, unsigned field, const uint64_t *values,
		      size_t count);

/* Put `inner` into `message` and empty it, for the next one. */
void protobuf_message(struct protobuf *message, unsigned field, struct protobuf *inner);

#endif
