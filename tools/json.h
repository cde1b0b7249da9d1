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
	bool is_compact;   /* from here on without lines and indents; set and cleared by the user */
};

/* In all of these `key` is NULL inside an array and at the top. */

/* Open an object, '{', or an array, '['; close it with the same. */
void json_open(struct json *json, const char *key, char bracket);
void json_close(struct json *json, char bracket);

/* `value` NULL writes null. Bytes that are not UTF-8 become U+FFFD. */
void json_text(struct json *json, const char *key, const char *value);
void json_number(struct json *json, const char *key, int64_t value);
/* With as many digits as it takes to read the same value again; null when it is not finite. */
void json_real(struct json *json, const char *key, double value);
/* As text, "0x1000": numbers of JSON cannot be relied on beyond 53 bits. */
void json_hex(struct json *json, const char *key, uint64_t value);
void json_bool(struct json *json, const char *key, bool value);
/* As text in base64 (RFC 4648). */
void json_bytes(struct json *json, const char *key, const unsigned char *bytes, size_t count);
/* What stands before a value, which the caller then writes to json->out. */
void json_value(struct json *json, const char *key);

#endif
