/* SPDX-License-Identifier: MIT */
/*
 * Text without stdio: a bounded buffer that lines are built in, for messages written while the
 * heap itself may be what is broken. Too long a text is cut, never overrun; it is always
 * NUL-terminated. A text with no room at all (capacity 0) is allowed and stays empty.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
	char *chars;     /* the caller's buffer */
	size_t capacity; /* its size, the NUL included */
	size_t length;   /* characters so far, the NUL not counted */
};

void text_init(struct text *text, char *buffer, size_t buffer_bytes);
void text_char(struct text *text, char c);
void text_string(struct text *text, const char *string);
void text_bytes(struct text *text, const char *chars, size_t count);
void text_decimal(struct text *text, uint64_t n);
void text_pointer(struct text *text, const void *p);

/* n / divisor with `digits` decimals, cut not rounded: 0.873. */
void text_ratio(struct text *text, uint64_t n, uint64_t divisor, unsigned digits);

/*
 * A line by a format of %s (string), %u (size_t), %p (pointer) and %%: what messages need and no
 * more. Arguments of %u are size_t.
 */
void text_format(struct text *text, const char *format, ...);

bool string_equal(const char *a, const char *b);
/* Do the first `count` characters of `chars` spell `word` exactly? */
bool string_is(const char *chars, size_t count, const char *word);
/* Insertions, deletions, replacements and swaps of neighbours between two short words. */
size_t string_distance(const char *a, size_t a_length, const char *b);

#endif
