/* SPDX-License-Identifier: MIT */
/*
 * Big numbers: Pollard's method. In the sequence x -> x * x + c modulo n a number soon differs from
 * an earlier one by a multiple of a factor; the differences are multiplied up, for one search of a
 * common divisor in many.
 */
#include "bignum.h"

#include "crew.h"
#include "number.h"

enum {
	PRIME_COUNT = 6,     /* factors of a product */
	PRIME_BITS_MIN = 18, /* the least they have ... */
	PRIME_BITS_MAX = 20, /* ... and what is above all of them */
	GATHER_COUNT = 16,   /* differences multiplied before a common divisor is looked for */
};

/* What has no more bits is a prime: a product of two has at least this many. */
static const uint64_t composite_least = (uint64_t)1 << (2 * PRIME_BITS_MIN);

static bool is_prime(uint64_t odd)
{
	for (uint64_t divisor = 3; divisor * divisor <= odd; divisor += 2)
		if (odd % divisor == 0)
			return false;
	return true;
}

static uint64_t prime_draw(struct chance *chance)
{
	const size_t first = (size_t)1 << PRIME_BITS_MIN;
	const size_t end = (size_t)1 << PRIME_BITS_MAX;
	uint64_t candidate;
	do
		candidate = (first + chance_below(chance, end - first)) | 1;
	while (!is_prime(candidate));
	return candidate;
}

/* `*number` becomes `result`, and what it was is freed. */
static void number_replace(struct number **number, struct number *result)
{
	number_give(*number);
	*number = result;
}

static struct number *multiply_modulo(const struct number *a, const struct number *b,
				      const struct number *modulus)
{
	struct number *rest;
	struct number *product = number_multiply(a, b);
	number_divide(product, modulus, NULL, &rest);
	number_give(product);
	return rest;
}

/* The next of the sequence. */
static void sequence_step(struct number **x, const struct number *shift,
			  const struct number *modulus)
{
	struct number *square = multiply_modulo(*x, *x, modulus);
	number_replace(x, number_add(square, shift));
	number_give(square);
}

/* A divisor of n above 1, which may be n itself when the sequence with this shift is no good. */
static struct number *divisor_find(const struct number *n, uint64_t shift_value)
{
	struct number *shift = number_make(shift_value);
	struct number *slow = number_make(2);
	struct number *fast = number_make(2);
	struct number *divisor = number_make(1);
	while (divisor->count == 1 && divisor->digits[0] == 1) {
		struct number *gathered = number_make(1);
		for (size_t i = 0; i < GATHER_COUNT; i++) {
			sequence_step(&slow, shift, n);
			sequence_step(&fast, shift, n);
			sequence_step(&fast, shift, n);
			struct number *distance = number_distance(slow, fast);
			number_replace(&gathered, multiply_modulo(gathered, distance, n));
			number_give(distance);
		}
		number_replace(&divisor, number_gcd(n, gathered));
		number_give(gathered);
	}
	number_give(shift);
	number_give(slow);
	number_give(fast);
	return divisor;
}

/* Factor n, which is freed, completely; returns the sum of the squares of its prime factors. */
static uint64_t number_factor(struct number *n)
{
	if (n->count <= 2 && number_low(n) < composite_least) {
		uint64_t prime = number_low(n);
		number_give(n);
		return prime * prime;
	}
	struct number *quotient;
	struct number *divisor = divisor_find(n, 1);
	for (uint64_t shift = 3; number_compare(divisor, n) == 0; shift += 2)
		number_replace(&divisor, divisor_find(n, shift));
	number_divide(n, divisor, &quotient, NULL);
	number_give(n);
	return number_factor(divisor) + number_factor(quotient);
}

static void bignum_work(struct worker *worker)
{
	size_t step_count = run_step_count(worker->run);
	for (size_t step = 0; step < step_count; step++) {
		struct number *product = number_make(1);
		uint64_t expected = 0;
		for (size_t i = 0; i < PRIME_COUNT; i++) {
			uint64_t prime = prime_draw(&worker->chance);
			struct number *factor = number_make(prime);
			expected += prime * prime;
			number_replace(&product, number_multiply(product, factor));
			number_give(factor);
		}
		uint64_t found = number_factor(product);
		if (found != expected)
			run_fail("a number has other factors than it was made of");
		worker->checksum = worker->checksum * 31 + found;
	}
}

void bignum_run(struct run *run)
{
	crew_run(run, bignum_work);
}
