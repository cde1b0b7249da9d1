/* SPDX-License-Identifier: MIT */
/*
 * JSON: a writer of RFC 8259 text.
 */
#include "json.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void indent_write(struct json *json)
{
	fputc('\n', json->out);
	for (int i = 0; i < json->depth; i++)
		fputs("  ", json->out);
}

/* Length of the UTF-8 sequence at `text`, 0 when there is none. */
static size_t utf8_length(const unsigned char *text)
{
	static const struct {
		unsigned char mask, lead;
		uint32_t least;  /* smaller ones must be written shorter */
	} forms[] = {
		{ 0x80, 0x00, 0 }, { 0xe0, 0xc0, 0x80 }, { 0xf0, 0xe0, 0x800 },
		{ 0xf8, 0xf0, 0x10000 },
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if ((text[0] & forms[i].mask) != forms[i].lead)
			continue;
		uint32_t point = text[0] & (unsigned char)~forms[i].mask;
		for (size_t j = 1; j <= i; j++) {
			if ((text[j] & 0xc0) != 0x80)
				return 0;
			point = point << 6 | (text[j] & 0x3f);
		}
		bool is_surrogate = point >= 0xd800 && point <= 0xdfff;
		return point < forms[i].least || point > 0x10ffff || is_surrogate ? 0 : i + 1;
	}
	return 0;
}

static void string_write(struct json *json, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	fputc('"', json->out);
	while (*p != '\0') {
		size_t length = utf8_length(p);

		if (length == 0)
			fputs("\\ufffd", json->out);
		else if (*p == '"' || *p == '\\')
			fprintf(json->out, "\\%c", *p);
		else if (*p < ' ')
			fprintf(json->out, "\\u%04x", *p);
		else
			fwrite(p, 1, length, json->out);
		p += length > 0 ? length : 1;
	}
	fputc('"', json->out);
}

/* What stands before a value: the comma, the line, the key. */
static void value_begin(struct json *json, const char *key)
{
	if (json->has_sibling)
		fputc(',', json->out);
	if (json->depth > 0 && !json->is_compact)
		indent_write(json);
	if (key != NULL) {
		string_write(json, key);
		fputs(json->is_compact ? ":" : ": ", json->out);
	}
	json->has_sibling = true;
}

void json_open(struct json *json, const char *key, char bracket)
{
	value_begin(json, key);
	fputc(bracket, json->out);
	json->depth++;
	json->has_sibling = false;
}

void json_close(struct json *json, char bracket)
{
	json->depth--;
	if (json->has_sibling && !json->is_compact)
		indent_write(json);
	fputc(bracket == '{' ? '}' : ']', json->out);
	json->has_sibling = true;
	if (json->depth == 0)
		fputc('\n', json->out);
}

void json_text(struct json *json, const char *key, const char *value)
{
	value_begin(json, key);
	if (value != NULL)
		string_write(json, value);
	else
		fputs("null", json->out);
}

void json_number(struct json *json, const char *key, int64_t value)
{
	value_begin(json, key);
	fprintf(json->out, "%" PRId64, value);
}

void json_real(struct json *json, const char *key, double value)
{
	enum { DIGITS_SHORT = 15, DIGITS_EXACT = 17 };
	char text[32];

	value_begin(json, key);
	if (!isfinite(value)) {
		fputs("null", json->out);
		return;
	}
	snprintf(text, sizeof(text), "%.*g", DIGITS_SHORT, value);
	if (strtod(text, NULL) != value)
		snprintf(text, sizeof(text), "%.*g", DIGITS_EXACT, value);
	fputs(text, json->out);
}

void json_hex(struct json *json, const char *key, uint64_t value)
{
	value_begin(json, key);
	fprintf(json->out, "\"0x%" PRIx64 "\"", value);
}

void json_bool(struct json *json, const char *key, bool value)
{
	value_begin(json, key);
	fputs(value ? "true" : "false", json->out);
}

void json_bytes(struct json *json, const char *key, const unsigned char *bytes, size_t count)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	value_begin(json, key);
	fputc('"', json->out);
	for (size_t i = 0; i < count; i += 3) {
		uint32_t group = (uint32_t)bytes[i] << 16;

		group |= i + 1 < count ? (uint32_t)bytes[i + 1] << 8 : 0;
		group |= i + 2 < count ? bytes[i + 2] : 0;
		fputc(digits[group >> 18], json->out);
		fputc(digits[group >> 12 & 63], json->out);
		fputc(i + 1 < count ? digits[group >> 6 & 63] : '=', json->out);
		fputc(i + 2 < count ? digits[group & 63] : '=', json->out);
	}
	fputc('"', json->out);
}

void json_value(struct json *json, const char *key)
{
	value_begin(json, key);
}
