/* SPDX-License-Identifier: MIT */
/*
 * Covers: all recursion splits by a variable, into the cover where it is 0 and where it is 1
 * (Shannon's expansion), taking the variable on which most cubes depend.
 */
#include "cover.h"

#include "heap.h"

#include <assert.h>

enum {
	ROOM_FIRST = 4,
};

static const size_t no_index = SIZE_MAX;

/* The place of a variable's first bit, for each. */
static const uint64_t first_places = 0x5555555555555555ULL;

/* Both bits of each variable. */
static uint64_t universe_bits(unsigned int variable_count)
{
	return variable_count == COVER_VARIABLE_COUNT_MAX
		       ? UINT64_MAX
		       : ((uint64_t)1 << (2 * variable_count)) - 1;
}

/* The first places of variables that have both bits, which are free. */
static uint64_t free_places(uint64_t bits)
{
	return bits & bits >> 1 & first_places;
}

/* True when a variable of the universe has neither bit. */
static bool bits_are_void(uint64_t bits, uint64_t universe)
{
	uint64_t has_value = (bits | bits >> 1) & first_places;
	return has_value != (universe & first_places);
}

struct cover *cover_make(unsigned int variable_count)
{
	assert(variable_count <= COVER_VARIABLE_COUNT_MAX);
	struct cover *cover = heap_take(sizeof(*cover));
	*cover = (struct cover){.variable_count = variable_count};
	return cover;
}

void cover_give(struct cover *cover)
{
	for (size_t i = 0; i < cover->count; i++)
		heap_give(cover->cubes[i]);
	if (cover->cubes != NULL)
		heap_give(cover->cubes);
	heap_give(cover);
}

static size_t literal_count(uint64_t bits, unsigned int variable_count)
{
	return variable_count - (size_t)__builtin_popcountll(free_places(bits));
}

void cover_add(struct cover *cover, uint64_t bits)
{
	if (bits_are_void(bits, universe_bits(cover->variable_count)))
		return;
	if (cover->count == cover->room) {
		cover->room = cover->room == 0 ? ROOM_FIRST : cover->room * 2;
		cover->cubes = heap_resize(cover->cubes, cover->room * sizeof(struct cube *));
	}
	struct cube *cube = heap_take(sizeof(*cube));
	*cube = (struct cube){bits, literal_count(bits, cover->variable_count)};
	cover->cubes[cover->count++] = cube;
}

void cover_drop(struct cover *cover, size_t index)
{
	assert(index < cover->count);
	heap_give(cover->cubes[index]);
	cover->cubes[index] = cover->cubes[--cover->count];
}

bool cover_is_true_at(const struct cover *cover, uint64_t point)
{
	uint64_t bits = 0;
	for (unsigned int i = 0; i < cover->variable_count; i++)
		bits |= literal_bits(i, point >> i & 1);
	for (size_t i = 0; i < cover->count; i++)
		if ((cover->cubes[i]->bits & bits) == bits)
			return true;
	return false;
}

/* Is one cube of the cover true everywhere? */
static bool cover_has_universe(const struct cover *cover)
{
	for (size_t i = 0; i < cover->count; i++)
		if (cover->cubes[i]->literal_count == 0)
			return true;
	return false;
}

/* The variable on which most cubes depend. */
static unsigned int cover_variable(const struct cover *cover)
{
	unsigned int chosen = 0;
	size_t chosen_count = 0;
	for (unsigned int variable = 0; variable < cover->variable_count; variable++) {
		size_t count = 0;
		for (size_t i = 0; i < cover->count; i++)
			count += !(free_places(cover->cubes[i]->bits) >> (2 * variable) & 1);
		if (count > chosen_count) {
			chosen = variable;
			chosen_count = count;
		}
	}
	return chosen;
}

/*
 * The cover as it is within `bits`, where the variables that these fix do not matter any more;
 * without the cube at `left_out`.
 */
static struct cover *cover_within(const struct cover *cover, uint64_t bits, size_t left_out)
{
	uint64_t universe = universe_bits(cover->variable_count);
	struct cover *within = cover_make(cover->variable_count);
	for (size_t i = 0; i < cover->count; i++) {
		uint64_t cube_bits = cover->cubes[i]->bits;
		if (i != left_out && !bits_are_void(cube_bits & bits, universe))
			cover_add(within, cube_bits | (universe & ~bits));
	}
	return within;
}

/* The bits of a cube that is free but for one variable. */
static uint64_t half_bits(const struct cover *cover, unsigned int variable, bool is_one)
{
	return universe_bits(cover->variable_count) & ~literal_bits(variable, !is_one);
}

/* A cover for what is outside of one cube: one cube for each literal, with that negated. */
static struct cover *cube_complement(const struct cover *cover)
{
	uint64_t universe = universe_bits(cover->variable_count);
	struct cover *complement = cover_make(cover->variable_count);
	for (unsigned int variable = 0; variable < cover->variable_count; variable++) {
		uint64_t both = literal_bits(variable, false) | literal_bits(variable, true);
		uint64_t own = cover->cubes[0]->bits & both;
		if (own != both)
			cover_add(complement, (universe & ~both) | (both & ~own));
	}
	return complement;
}

/* The index of a cube with these bits, or the count of cubes when there is none. */
static size_t cover_find(const struct cover *cover, uint64_t bits)
{
	size_t i = 0;
	while (i < cover->count && cover->cubes[i]->bits != bits)
		i++;
	return i;
}

/* Add to `joined` both halves, each where the variable has its value. Takes cubes out of `one`. */
static void halves_join(struct cover *joined, const struct cover *zero, struct cover *one,
			unsigned int variable)
{
	for (size_t i = 0; i < zero->count; i++) {
		uint64_t bits = zero->cubes[i]->bits;
		size_t twin = cover_find(one, bits);
		if (twin < one->count)
			cover_drop(one, twin);
		else
			bits &= half_bits(joined, variable, false);
		cover_add(joined, bits);
	}
	for (size_t i = 0; i < one->count; i++)
		cover_add(joined, one->cubes[i]->bits & half_bits(joined, variable, true));
}

struct cover *cover_complement(const struct cover *cover)
{
	if (cover->count == 1)
		return cube_complement(cover);
	struct cover *complement = cover_make(cover->variable_count);
	if (cover_has_universe(cover))
		return complement;
	if (cover->count == 0) {
		cover_add(complement, universe_bits(cover->variable_count));
		return complement;
	}
	struct cover *halves[2];
	unsigned int variable = cover_variable(cover);
	for (size_t half = 0; half < 2; half++) {
		struct cover *within =
			cover_within(cover, half_bits(cover, variable, half), no_index);
		halves[half] = cover_complement(within);
		cover_give(within);
	}
	halves_join(complement, halves[0], halves[1], variable);
	cover_give(halves[0]);
	cover_give(halves[1]);
	return complement;
}

/* Is the cover true everywhere? Not if its cubes together have too few points. */
static bool cover_is_everywhere(const struct cover *cover)
{
	uint64_t point_count = 0;
	for (size_t i = 0; i < cover->count; i++)
		point_count += (uint64_t)1
			       << (cover->variable_count - cover->cubes[i]->literal_count);
	if (point_count < (uint64_t)1 << cover->variable_count)
		return false;
	if (cover_has_universe(cover))
		return true;
	unsigned int variable = cover_variable(cover);
	bool is_everywhere = true;
	for (size_t half = 0; half < 2 && is_everywhere; half++) {
		struct cover *within =
			cover_within(cover, half_bits(cover, variable, half), no_index);
		is_everywhere = cover_is_everywhere(within);
		cover_give(within);
	}
	return is_everywhere;
}

/* Has the cover no point in common with a cube of these bits? */
static bool cover_is_clear_of(const struct cover *cover, uint64_t bits)
{
	uint64_t universe = universe_bits(cover->variable_count);
	for (size_t i = 0; i < cover->count; i++)
		if (!bits_are_void(cover->cubes[i]->bits & bits, universe))
			return false;
	return true;
}

/* Is the cube at `index` within another one? */
static bool cube_is_contained(const struct cover *cover, size_t index)
{
	uint64_t bits = cover->cubes[index]->bits;
	for (size_t i = 0; i < cover->count; i++)
		if (i != index && (cover->cubes[i]->bits & bits) == bits)
			return true;
	return false;
}

void cover_expand(struct cover *cover, const struct cover *off)
{
	for (size_t i = 0; i < cover->count; i++) {
		struct cube *cube = cover->cubes[i];
		for (unsigned int variable = 0; variable < cover->variable_count; variable++) {
			uint64_t raised = cube->bits | literal_bits(variable, false) |
					  literal_bits(variable, true);
			if (raised != cube->bits && cover_is_clear_of(off, raised))
				cube->bits = raised;
		}
		cube->literal_count = literal_count(cube->bits, cover->variable_count);
	}
	for (size_t i = 0; i < cover->count;) {
		if (cube_is_contained(cover, i))
			cover_drop(cover, i);
		else
			i++;
	}
}

void cover_reduce(struct cover *cover)
{
	for (size_t i = 0; i < cover->count;) {
		struct cover *within = cover_within(cover, cover->cubes[i]->bits, i);
		if (cover_is_everywhere(within))
			cover_drop(cover, i);
		else
			i++;
		cover_give(within);
	}
}
