/* SPDX-License-Identifier: MIT */
/*
 * Claims: what a program says of itself to the runner that started it.
 *
 * A broken claim becomes one line on stderr and the program goes on, so that one run names all
 * that is wrong; claims_end() is then the program's exit status. Nothing here allocates, for the
 * heap is what is under suspicion. Read by C and by C++.
 */
#ifndef TESTS_PRELOAD_CLAIM_H
#define TESTS_PRELOAD_CLAIM_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* No function of any library sets errno to this. */
enum { ERRNO_UNTOUCHED = 4242 };

/* More lines than this say nothing new, neither in all nor from one place in the source. */
enum { CLAIM_LINES_MAX = 40, CLAIM_REPEATS_MAX = 3 };

static int claims_broken;
static int claim_line_last;
static int claim_repeats;

__attribute__((format(printf, 3, 4), unused)) static bool claim(int line, bool is_true,
								const char *format, ...)
{
	if (is_true)
		return true;
	if (__atomic_exchange_n(&claim_line_last, line, __ATOMIC_RELAXED) != line)
		__atomic_store_n(&claim_repeats, 0, __ATOMIC_RELAXED);
	if (__atomic_fetch_add(&claim_repeats, 1, __ATOMIC_RELAXED) >= CLAIM_REPEATS_MAX ||
	    __atomic_fetch_add(&claims_broken, 1, __ATOMIC_RELAXED) >= CLAIM_LINES_MAX)
		return false;
	char text[512];
	int length = snprintf(text, sizeof text, "line %d: ", line);
	va_list list;
	va_start(list, format);
	length += vsnprintf(text + length, sizeof text - (size_t)length - 1, format, list);
	va_end(list);
	if (length > (int)sizeof text - 2)
		length = (int)sizeof text - 2;
	text[length] = '\n';
	ssize_t written = write(2, text, (size_t)length + 1);
	(void)written;
	return false;
}

/* Say `...`, a printf format and its values, unless `condition` holds; is the condition. */
#define CLAIM(condition, ...) claim(__LINE__, (condition), __VA_ARGS__)

/* The exit status: 0 when every claim held. */
__attribute__((unused)) static int claims_end(void)
{
	return __atomic_load_n(&claims_broken, __ATOMIC_RELAXED) == 0 ? 0 : 1;
}

/* Bytes of a pattern repeat after so many. */
enum { PATTERN_PERIOD = 256 };

static inline unsigned char pattern_byte(uint32_t seed, size_t i)
{
	return (unsigned char)((seed + i) * 167 + (seed >> 8) + 13);
}

/* Fill and test a block with bytes that depend on `seed`, so that mixed-up blocks show. */
__attribute__((unused)) static void pattern_fill(void *block, size_t bytes, uint32_t seed)
{
	unsigned char *byte = (unsigned char *)block;
	for (size_t i = 0; i < bytes && i < PATTERN_PERIOD; i++)
		byte[i] = pattern_byte(seed, i);
	for (size_t done = PATTERN_PERIOD, more; done < bytes; done += more) {
		more = bytes - done < done ? bytes - done : done;
		memcpy(byte + done, byte, more);
	}
}

__attribute__((unused)) static bool pattern_holds(const void *block, size_t bytes, uint32_t seed)
{
	const unsigned char *byte = (const unsigned char *)block;
	for (size_t i = 0; i < bytes && i < PATTERN_PERIOD; i++) {
		if (byte[i] != pattern_byte(seed, i))
			return false;
	}
	return bytes <= PATTERN_PERIOD ||
	       memcmp(byte, byte + PATTERN_PERIOD, bytes - PATTERN_PERIOD) == 0;
}

/* A small generator, the same numbers everywhere for the same seed. */
__attribute__((unused)) static uint32_t random_next(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

#endif
