/* SPDX-License-Identifier: MIT */
/*
 * Covers: sets of cubes, which are products of variables or their negations.
 *
 * A cube has two bits a variable: the first says that the variable may be 0, the second that it may
 * be 1. A cover is true where one of its cubes is. Every cube is a block of its own, and a cover an
 * array of them that grows.
 */
#ifndef ALLOT_WORKLOAD_COVER_H
#define ALLOT_WORKLOAD_COVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	COVER_VARIABLE_COUNT_MAX = 32,
};

struct cube {
	uint64_t bits;
	size_t literal_count; /* variables that are not free */
};

/* Owns its cubes. */
struct cover {
	unsigned int variable_count;
	size_t count;
	size_t room;
	struct cube **cubes; /* NULL while there is no room */
};

/* The bits of a variable that must be 0 or 1. */
static inline uint64_t literal_bits(unsigned int variable, bool is_one)
{
	return (uint64_t)(is_one ? 2 : 1) << (2 * variable);
}

/* A new cover that is true nowhere. */
struct cover *cover_make(unsigned int variable_count);

void cover_give(struct cover *cover);

/* Add a cube, unless its bits leave a variable no value. */
void cover_add(struct cover *cover, uint64_t bits);

/* Take out the cube at `index`, whose place the last one takes. */
void cover_drop(struct cover *cover, size_t index);

/* Is the cover true at this point, a bit a variable? */
bool cover_is_true_at(const struct cover *cover, uint64_t point);

/* A new cover that is true where this one is false. */
struct cover *cover_complement(const struct cover *cover);

/* Make cubes larger where they stay clear of `off`, and drop those which others then contain. */
void cover_expand(struct cover *cover, const struct cover *off);

/* Drop cubes without which the cover is true at the same points. */
void cover_reduce(struct cover *cover);

#endif
