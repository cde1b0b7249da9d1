/* SPDX-License-Identifier: MIT */
/*
 * Arithmetic on sizes and bits, each helper with its domain. Nothing here overflows silently:
 * what can is checked by the size_* helpers, and align_up() says what its caller must ensure.
 */
#ifndef BASE_BITS_H
#define BASE_BITS_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool is_pow2(size_t n)
{
	return n != 0 && (n & (n - 1)) == 0;
}

/* Is `n` a multiple of `align`, a power of two? */
static inline bool is_aligned(uintptr_t n, size_t align)
{
	return (n & (align - 1)) == 0;
}

static inline uintptr_t align_down(uintptr_t n, size_t align)
{
	assert(is_pow2(align));
	return n & ~((uintptr_t)align - 1);
}

/* Round up to a multiple of `align`, a power of two; n + align - 1 must not overflow. */
static inline uintptr_t align_up(uintptr_t n, size_t align)
{
	assert(is_pow2(align));
	return (n + align - 1) & ~((uintptr_t)align - 1);
}

/* Index of the highest set bit; n > 0. */
static inline unsigned log2_floor(size_t n)
{
	assert(n != 0);
	/* So written that it is one instruction where there is one for it. */
	return 63u ^ (unsigned)__builtin_clzl(n);
}

/* Smallest k with 2^k >= n; n > 0. */
static inline unsigned log2_ceil(size_t n)
{
	assert(n != 0);
	return n == 1 ? 0 : log2_floor(n - 1) + 1;
}

/* Index of the lowest set bit; n > 0. */
static inline unsigned lowest_bit(uint64_t n)
{
	assert(n != 0);
	return (unsigned)__builtin_ctzl(n);
}

/* a + b in *out, or false when that overflows. */
static inline bool size_add(size_t a, size_t b, size_t *out)
{
	return !__builtin_add_overflow(a, b, out);
}

/* a * b in *out, or false when that overflows. */
static inline bool size_multiply(size_t a, size_t b, size_t *out)
{
	return !__builtin_mul_overflow(a, b, out);
}

static inline size_t size_min(size_t a, size_t b)
{
	return a < b ? a : b;
}

static inline size_t size_max(size_t a, size_t b)
{
	return a > b ? a : b;
}

/* a - b, but 0 where that would be negative. */
static inline size_t size_minus(size_t a, size_t b)
{
	return a > b ? a - b : 0;
}

#endif
