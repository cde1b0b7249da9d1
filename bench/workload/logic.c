/* SPDX-License-Identifier: MIT */
/*
 * Logic: random functions. What was made smaller must be true where it was before, which is looked
 * at in random points.
 */
#include "logic.h"

#include "cover.h"
#include "crew.h"

enum {
	VARIABLE_COUNT_MIN = 8,
	VARIABLE_COUNT_MAX = 13,
	CUBE_COUNT_MIN = 20,
	CUBE_COUNT_MAX = 80,
	POINT_COUNT = 64, /* looked at */
};

static size_t between(struct chance *chance, size_t least, size_t most)
{
	return least + chance_below(chance, most - least + 1);
}

/* A function in which a cube depends on every other variable, more or less. */
static struct cover *function_draw(struct chance *chance)
{
	unsigned int variable_count =
		(unsigned int)between(chance, VARIABLE_COUNT_MIN, VARIABLE_COUNT_MAX);
	size_t cube_count = between(chance, CUBE_COUNT_MIN, CUBE_COUNT_MAX);
	struct cover *cover = cover_make(variable_count);
	for (size_t i = 0; i < cube_count; i++) {
		uint64_t bits = 0;
		for (unsigned int variable = 0; variable < variable_count; variable++) {
			size_t kind = chance_below(chance, 4);
			if (kind != 0)
				bits |= literal_bits(variable, true);
			if (kind != 1)
				bits |= literal_bits(variable, false);
		}
		cover_add(cover, bits);
	}
	return cover;
}

static struct cover *cover_copy(const struct cover *cover)
{
	struct cover *copy = cover_make(cover->variable_count);
	for (size_t i = 0; i < cover->count; i++)
		cover_add(copy, cover->cubes[i]->bits);
	return copy;
}

/* A number made of what the covers have in common; ends the process when it is not everything. */
static uint64_t covers_compare(const struct cover *a, const struct cover *b, struct chance *chance)
{
	uint64_t sum = b->count;
	for (size_t i = 0; i < POINT_COUNT; i++) {
		uint64_t point = chance_next(chance);
		bool is_true = cover_is_true_at(a, point);
		if (is_true != cover_is_true_at(b, point))
			run_fail("a function is another one after it was made smaller");
		sum = sum * 2 + is_true;
	}
	return sum;
}

static void logic_work(struct worker *worker)
{
	size_t step_count = run_step_count(worker->run);
	for (size_t step = 0; step < step_count; step++) {
		struct cover *on = function_draw(&worker->chance);
		struct cover *off = cover_complement(on);
		struct cover *small = cover_copy(on);
		cover_expand(small, off);
		cover_reduce(small);
		worker->checksum = worker->checksum * 31 + off->count;
		worker->checksum += covers_compare(on, small, &worker->chance);
		cover_give(small);
		cover_give(off);
		cover_give(on);
	}
}

void logic_run(struct run *run)
{
	crew_run(run, logic_work);
}
