/* SPDX-License-Identifier: MIT */
/*
 * Numbers: as one calculates on paper. Division is Knuth's algorithm D.
 */
#include "number.h"

#include "heap.h"

#include <assert.h>
#include <string.h>

enum {
	DIGIT_BITS = 32,
};

static const uint64_t base = (uint64_t)1 << DIGIT_BITS;

/* A number with room for `count` digits, all 0; to be trimmed once they are known. */
static struct number *number_take(size_t count)
{
	struct number *number = heap_take(sizeof(*number) + count * sizeof(uint32_t));
	number->count = count;
	memset(number->digits, 0, count * sizeof(uint32_t));
	return number;
}

static void number_trim(struct number *number)
{
	while (number->count > 0 && number->digits[number->count - 1] == 0)
		number->count--;
}

/* The digit at `index`, also behind the last. */
static uint64_t number_digit(const struct number *number, size_t index)
{
	return index < number->count ? number->digits[index] : 0;
}

static struct number *number_copy(const struct number *number)
{
	struct number *copy = number_take(number->count);
	memcpy(copy->digits, number->digits, number->count * sizeof(uint32_t));
	return copy;
}

struct number *number_make(uint64_t value)
{
	struct number *number = number_take(2);
	number->digits[0] = (uint32_t)value;
	number->digits[1] = (uint32_t)(value >> DIGIT_BITS);
	number_trim(number);
	return number;
}

void number_give(struct number *number)
{
	heap_give(number);
}

int number_compare(const struct number *a, const struct number *b)
{
	if (a->count != b->count)
		return a->count < b->count ? -1 : 1;
	for (size_t i = a->count; i > 0; i--)
		if (a->digits[i - 1] != b->digits[i - 1])
			return a->digits[i - 1] < b->digits[i - 1] ? -1 : 1;
	return 0;
}

struct number *number_add(const struct number *a, const struct number *b)
{
	struct number *sum = number_take((a->count > b->count ? a->count : b->count) + 1);
	uint64_t carry = 0;
	for (size_t i = 0; i < sum->count; i++) {
		carry += number_digit(a, i) + number_digit(b, i);
		sum->digits[i] = (uint32_t)carry;
		carry >>= DIGIT_BITS;
	}
	number_trim(sum);
	return sum;
}

struct number *number_distance(const struct number *a, const struct number *b)
{
	bool is_swapped = number_compare(a, b) < 0;
	const struct number *large = is_swapped ? b : a;
	const struct number *small = is_swapped ? a : b;
	struct number *distance = number_take(large->count);
	uint64_t borrow = 0;
	for (size_t i = 0; i < large->count; i++) {
		uint64_t digit = large->digits[i] - number_digit(small, i) - borrow;
		distance->digits[i] = (uint32_t)digit;
		borrow = digit >> DIGIT_BITS != 0;
	}
	number_trim(distance);
	return distance;
}

struct number *number_multiply(const struct number *a, const struct number *b)
{
	struct number *product = number_take(a->count + b->count);
	for (size_t i = 0; i < a->count; i++) {
		uint64_t carry = 0;
		for (size_t j = 0; j < b->count; j++) {
			carry += (uint64_t)a->digits[i] * b->digits[j] + product->digits[i + j];
			product->digits[i + j] = (uint32_t)carry;
			carry >>= DIGIT_BITS;
		}
		product->digits[i + b->count] = (uint32_t)carry;
	}
	number_trim(product);
	return product;
}

/* A number with all digits moved up by `bits`, below DIGIT_BITS, and one digit more, maybe 0. */
static struct number *number_shift_up(const struct number *number, unsigned int bits)
{
	struct number *shifted = number_take(number->count + 1);
	uint64_t carry = 0;
	for (size_t i = 0; i < shifted->count; i++) {
		carry |= number_digit(number, i) << bits;
		shifted->digits[i] = (uint32_t)carry;
		carry >>= DIGIT_BITS;
	}
	return shifted;
}

/* The reverse, in place. */
static void number_shift_down(struct number *number, unsigned int bits)
{
	for (size_t i = 0; i < number->count; i++) {
		uint64_t both = number_digit(number, i + 1) << DIGIT_BITS | number->digits[i];
		number->digits[i] = (uint32_t)(both >> bits);
	}
	number_trim(number);
}

/* Subtract `factor` times the divisor from the digits; false if they have become negative. */
static bool digits_subtract(uint32_t *digits, const struct number *divisor, uint64_t factor)
{
	uint64_t carry = 0;
	uint64_t borrow = 0;
	for (size_t i = 0; i <= divisor->count; i++) {
		carry += number_digit(divisor, i) * factor;
		uint64_t digit = digits[i] - (carry & (base - 1)) - borrow;
		digits[i] = (uint32_t)digit;
		borrow = digit >> DIGIT_BITS != 0;
		carry >>= DIGIT_BITS;
	}
	return borrow == 0;
}

static void digits_add(uint32_t *digits, const struct number *divisor)
{
	uint64_t carry = 0;
	for (size_t i = 0; i <= divisor->count; i++) {
		carry += (uint64_t)digits[i] + number_digit(divisor, i);
		digits[i] = (uint32_t)carry;
		carry >>= DIGIT_BITS;
	}
}

/*
 * Divide the digits, one more than the divisor has, in place; returns the digit of the quotient.
 * The divisor's highest bit is set, so that the guess from the first digits is at most two too
 * large.
 */
static uint32_t digits_divide(uint32_t *digits, const struct number *divisor)
{
	size_t count = divisor->count;
	uint64_t first = (uint64_t)digits[count] << DIGIT_BITS | digits[count - 1];
	uint64_t guess = first / divisor->digits[count - 1];
	if (guess >= base)
		guess = base - 1;
	if (!digits_subtract(digits, divisor, guess)) {
		guess--;
		digits_add(digits, divisor);
		if (digits[count] != 0) {
			guess--;
			digits_add(digits, divisor);
		}
	}
	return (uint32_t)guess;
}

void number_divide(const struct number *a, const struct number *b, struct number **out_quotient,
		   struct number **out_remainder)
{
	assert(b->count > 0);
	unsigned int bits = (unsigned int)__builtin_clz(b->digits[b->count - 1]);
	struct number *divisor = number_shift_up(b, bits);
	struct number *rest = number_shift_up(a, bits);
	size_t quotient_count = a->count >= b->count ? a->count - b->count + 1 : 0;
	struct number *quotient = number_take(quotient_count);
	number_trim(divisor);
	for (size_t i = quotient_count; i > 0; i--)
		quotient->digits[i - 1] = digits_divide(&rest->digits[i - 1], divisor);
	number_trim(quotient);
	number_shift_down(rest, bits);
	number_give(divisor);
	if (out_quotient != NULL)
		*out_quotient = quotient;
	else
		number_give(quotient);
	if (out_remainder != NULL)
		*out_remainder = rest;
	else
		number_give(rest);
}

struct number *number_gcd(const struct number *a, const struct number *b)
{
	struct number *larger = number_copy(a);
	struct number *smaller = number_copy(b);
	while (smaller->count > 0) {
		struct number *rest;
		number_divide(larger, smaller, NULL, &rest);
		number_give(larger);
		larger = smaller;
		smaller = rest;
	}
	number_give(smaller);
	return larger;
}

uint64_t number_low(const struct number *number)
{
	return number_digit(number, 1) << DIGIT_BITS | number_digit(number, 0);
}
