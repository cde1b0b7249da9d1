/* SPDX-License-Identifier: MIT */
/*
 * Bits: every helper over its whole small domain against the plainest way to say it, and at the
 * edges of size_t.
 */
#include "base/bits.h"

#include <criterion/criterion.h>

enum { SMALL = 4096 };

static bool is_pow2_plainly(size_t n)
{
	for (size_t power = 1; power != 0; power <<= 1) {
		if (power == n)
			return true;
	}
	return false;
}

Test(bits, is_pow2_knows_exactly_the_powers)
{
	for (size_t n = 0; n <= SMALL; n++)
		cr_assert_eq(is_pow2(n), is_pow2_plainly(n), "%zu", n);
	for (unsigned k = 0; k < 64; k++) {
		cr_assert(is_pow2((size_t)1 << k));
		cr_assert_not(is_pow2(~((size_t)1 << k)));
	}
}

Test(bits, align_gives_the_nearest_multiples)
{
	for (size_t align = 1; align <= SMALL; align <<= 1) {
		for (uintptr_t n = 0; n <= SMALL; n++) {
			cr_assert_eq(align_down(n, align), n / align * align);
			cr_assert_eq(align_up(n, align), (n + align - 1) / align * align);
			cr_assert_eq(is_aligned(n, align), n % align == 0);
		}
	}
}

Test(bits, align_works_up_to_the_last_multiple)
{
	uintptr_t last = UINTPTR_MAX - 4095;
	cr_assert_eq(align_up(last, 4096), last);
	cr_assert_eq(align_up(last - 1, 4096), last);
	cr_assert_eq(align_down(UINTPTR_MAX, 4096), last);
}

Test(bits, log2_is_the_exponent_below_and_above)
{
	for (size_t n = 1; n <= SMALL; n++) {
		unsigned floor = 0, ceil = 0;
		while ((size_t)2 << floor <= n)
			floor++;
		while ((size_t)1 << ceil < n)
			ceil++;
		cr_assert_eq(log2_floor(n), floor, "%zu", n);
		cr_assert_eq(log2_ceil(n), ceil, "%zu", n);
	}
	cr_assert_eq(log2_floor(SIZE_MAX), 63);
	cr_assert_eq(log2_ceil(SIZE_MAX), 64);
	cr_assert_eq(log2_ceil((size_t)1 << 63), 63);
}

Test(bits, lowest_bit_is_the_lowest)
{
	for (size_t n = 1; n <= SMALL; n++)
		cr_assert_eq((size_t)1 << lowest_bit(n), n & -n);
	cr_assert_eq(lowest_bit((uint64_t)1 << 63), 63);
}

/* Values around every edge a sum or product can have. */
static const size_t edges[] = {
	0, 1, 2, 15, 16, 17, 4095, 4096, (size_t)1 << 31, ((size_t)1 << 32) - 1, (size_t)1 << 32,
	((size_t)1 << 32) + 1, SIZE_MAX / 3, SIZE_MAX / 2, SIZE_MAX / 2 + 1, SIZE_MAX - 16,
	SIZE_MAX - 1, SIZE_MAX,
};
enum { EDGES = sizeof(edges) / sizeof(edges[0]) };

__extension__ typedef unsigned __int128 wide;

Test(bits, sums_and_products_are_right_or_refused)
{
	for (size_t i = 0; i < EDGES; i++) {
		for (size_t j = 0; j < EDGES; j++) {
			size_t a = edges[i], b = edges[j], out;
			wide sum = (wide)a + b, product = (wide)a * b;
			cr_assert_eq(size_add(a, b, &out), sum <= SIZE_MAX);
			cr_assert(sum > SIZE_MAX || out == (size_t)sum);
			cr_assert_eq(size_multiply(a, b, &out), product <= SIZE_MAX);
			cr_assert(product > SIZE_MAX || out == (size_t)product);
		}
	}
}

Test(bits, size_minus_stops_at_zero)
{
	for (size_t i = 0; i < EDGES; i++) {
		for (size_t j = 0; j < EDGES; j++) {
			size_t a = edges[i], b = edges[j];
			cr_assert_eq(size_minus(a, b), a > b ? a - b : 0);
			cr_assert_eq(size_min(a, b), a < b ? a : b);
			cr_assert_eq(size_max(a, b), a < b ? b : a);
		}
	}
}
