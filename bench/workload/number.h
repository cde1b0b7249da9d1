/* SPDX-License-Identifier: MIT */
/*
 * Numbers: natural ones of any size, each in a block of its own that never changes.
 *
 * Every function that returns a number returns a new one, which the caller owns.
 */
#ifndef ALLOT_WORKLOAD_NUMBER_H
#define ALLOT_WORKLOAD_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The digits are to the base 2^32, the lowest first; the highest is not 0. */
struct number {
	size_t count; /* 0 for the number 0 */
	uint32_t digits[];
};

struct number *number_make(uint64_t value);
void number_give(struct number *number);

/* Negative, 0 or positive, as `a` is below, equal to or above `b`. */
int number_compare(const struct number *a, const struct number *b);

struct number *number_add(const struct number *a, const struct number *b);

/* The difference of the two, whichever is larger. */
struct number *number_distance(const struct number *a, const struct number *b);

struct number *number_multiply(const struct number *a, const struct number *b);

/* `a` by `b`, which is not 0. Either output may be NULL. */
void number_divide(const struct number *a, const struct number *b, struct number **out_quotient,
		   struct number **out_remainder);

/* The greatest common divisor. */
struct number *number_gcd(const struct number *a, const struct number *b);

/* The lowest 64 bits. */
uint64_t number_low(const struct number *number);

#endif
