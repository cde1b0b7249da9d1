/* SPDX-License-Identifier: MIT */
/*
 * Scenes: heaps with something in them to search through.
 *
 * A scene is a heap with N live blocks and the holes that N / 2 others left in random order, of
 * sizes drawn from a mixture as programs have it. Then it ages: N blocks at random are freed and
 * others allocated, because a fresh scene flatters a search that starts where the first holes
 * still fit. The requests are the same for every allocator, to the byte: all chance here starts
 * from one seed.
 *
 * Preparing costs a slow policy 2 N searches, so it gets a budget of processor seconds.
 */
#ifndef ALLOT_BENCH_SCENE_H
#define ALLOT_BENCH_SCENE_H

#include "chance.h"
#include "peers.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SCENE_SEED = 20231,
	SCENE_SIZE_COUNT = 4096, /* drawn sizes, used round and round */
	SCENE_WHY_BYTES = 256,
};

/*
 * Where scenes are played, one at a time: the prepared heap and what preparing needs. The fields
 * are for reading; `blocks` may be exchanged for other live blocks of the heap.
 */
struct stage {
	double budget_s;                    /* processor time for preparing one scene */
	size_t live_count_max;              /* largest scene there is room for */
	size_t sizes[SCENE_SIZE_COUNT];     /* drawn from the mixture */
	uint32_t *order;                    /* room for preparing: 3/2 of live_count_max */
	void **blocks;                      /* as many; the first live_count are the scene's */

	const struct allocator *allocator;  /* of the scene, or NULL when there is none */
	void *heap;
	size_t live_count;
	struct allot_statistics statistics; /* of the scene as prepared, where they are kept */
	char why[SCENE_WHY_BYTES];          /* why there is no scene; empty when there is */
	bool is_too_slow;                   /* the reason is the budget */
};

/*
 * Make room for scenes of up to live_count_max blocks. False when there is no memory; stage_close()
 * is called all the same.
 */
bool stage_open(struct stage *stage, size_t live_count_max, double budget_s);

/* End the scene and give back the room. */
void stage_close(struct stage *stage);

/* Bring 0 .. count - 1 into random order. */
void order_shuffle(uint32_t *order, size_t count, struct chance *chance);

/* True when the scene on the stage is this one. */
bool scene_is(const struct stage *stage, const struct allocator *allocator, size_t live_count);

/*
 * Prepare this scene instead of the one there is; live_count is at most live_count_max. On failure
 * there is none, `why` has the reason, and is_too_slow tells whether it was the budget.
 */
void scene_prepare(struct stage *stage, const struct allocator *allocator, size_t live_count);

/* End the scene, if there is one. */
void scene_clear(struct stage *stage);

/* Allocate, and use the block as its owner would: by writing to it. */
static inline void *block_take(const struct allocator *allocator, void *heap, size_t bytes)
{
	void *block = allocator->allocate(heap, bytes);
	if (__builtin_expect(block != NULL, 1))
		*(volatile unsigned char *)block = 1;
	return block;
}

/* Free one block at random and allocate one of a random size in its place; false: no memory. */
static inline bool scene_replace(struct stage *stage, const struct allocator *allocator,
				 struct chance *chance)
{
	void **block = &stage->blocks[chance_below(chance, stage->live_count)];
	size_t bytes = stage->sizes[chance_below(chance, SCENE_SIZE_COUNT)];
	allocator->free(stage->heap, *block);
	*block = block_take(allocator, stage->heap, bytes);
	return __builtin_expect(*block != NULL, 1);
}

#endif
