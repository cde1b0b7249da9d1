/* SPDX-License-Identifier: MIT */
/*
 * JSON: writing it, indented, with commas where they belong.
 */
#ifndef ALLOT_TOOLS_JSON_H
#define ALLOT_TOOLS_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A document being written. Start with { .out = stream }. */
struct json {
	FILE *out;
	int depth;
	bool has_sibling;  /* something stands before in the open object or array */
};

/* In all of these `key` is NULL inside an array and at the top. */

/* Open an object, '{', or an array, '['; close it with the same. */
void json_open(struct json *json, const char *key, char bracket);
void json_close(struct json *json, char bracket);

/* `value` NULL writes null. Bytes that are not UTF-8 become U+FFFD. */
void json_text(struct json *json, const char *key, const char *value);
void json_number(struct json *json, const char *key, int64_t value);
/* As text, "0x1000": numbers of JSON cannot be relied on beyond 53 bits. */
void json_hex(struct json *json, const char *key, uint64_t value);
void json_bool(struct json *json, const char *key, bool value);

#endif
