/* SPDX-License-Identifier: MIT */
/*
 * Building text and comparing words. See text.h.
 */
#include "base/text.h"

#include <stdarg.h>
#include <string.h>

#include "base/bits.h"
#include "base/compiler.h"

ALLOT_START void text_init(struct text *text, char *buffer, size_t buffer_bytes)
{
	*text = (struct text){.chars = buffer, .capacity = buffer_bytes};
	if (buffer_bytes > 0)
		buffer[0] = '\0';
}

void text_char(struct text *text, char c)
{
	if (text->length + 1 >= text->capacity)
		return;
	text->chars[text->length++] = c;
	text->chars[text->length] = '\0';
}

void text_bytes(struct text *text, const char *chars, size_t count)
{
	for (size_t i = 0; i < count; i++)
		text_char(text, chars[i]);
}

void text_string(struct text *text, const char *string)
{
	text_bytes(text, string, strlen(string));
}

void text_decimal(struct text *text, uint64_t n)
{
	char digits[20]; /* 2^64 has 20 */
	size_t count = 0;
	do {
		digits[count++] = (char)('0' + n % 10);
		n /= 10;
	} while (n != 0);
	while (count > 0)
		text_char(text, digits[--count]);
}

void text_pointer(struct text *text, const void *p)
{
	uintptr_t n = (uintptr_t)p;
	unsigned shift = n == 0 ? 0 : log2_floor(n) / 4 * 4;
	text_string(text, "0x");
	for (;; shift -= 4) {
		text_char(text, "0123456789abcdef"[n >> shift & 15]);
		if (shift == 0)
			return;
	}
}

void text_ratio(struct text *text, uint64_t n, uint64_t divisor, unsigned digits)
{
	if (divisor == 0) {
		text_string(text, "n/a");
		return;
	}
	text_decimal(text, n / divisor);
	text_char(text, '.');
	uint64_t rest = n % divisor;
	while (digits-- > 0) {
		rest *= 10;
		text_char(text, (char)('0' + rest / divisor));
		rest %= divisor;
	}
}

void text_format(struct text *text, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	for (const char *f = format; *f != '\0'; f++) {
		if (*f != '%') {
			text_char(text, *f);
			continue;
		}
		switch (*++f) {
		case 's':
			text_string(text, va_arg(arguments, const char *));
			break;
		case 'u':
			text_decimal(text, va_arg(arguments, size_t));
			break;
		case 'p':
			text_pointer(text, va_arg(arguments, const void *));
			break;
		default:
			text_char(text, *f);
		}
	}
	va_end(arguments);
}

ALLOT_START bool string_equal(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

bool string_is(const char *chars, size_t count, const char *word)
{
	return strlen(word) == count && memcmp(chars, word, count) == 0;
}

size_t string_distance(const char *a, size_t a_length, const char *b)
{
	/* The optimal string alignment distance, by three rows; long words are cut. */
	enum { LONGEST = 32 };
	size_t rows[3][LONGEST + 1];
	size_t b_length = size_min(strlen(b), LONGEST);
	a_length = size_min(a_length, LONGEST);
	for (size_t j = 0; j <= b_length; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a_length; i++) {
		size_t *row = rows[i % 3];
		const size_t *above = rows[(i - 1) % 3];
		const size_t *above2 = rows[(i + 1) % 3];
		row[0] = i;
		for (size_t j = 1; j <= b_length; j++) {
			size_t replace = above[j - 1] + (a[i - 1] != b[j - 1]);
			row[j] = size_min(replace, size_min(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = size_min(row[j], above2[j - 2] + 1);
		}
	}
	return rows[a_length % 3][b_length];
}
