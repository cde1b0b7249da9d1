/* SPDX-License-Identifier: MIT */
/*
 * Scenes: filling, piercing and ageing a heap, with an eye on the clock.
 *
 * A scene that took too long is given up as it stands; what is not a heap of its own is freed block
 * by block, which is why the live blocks are counted at every step.
 */
#include "scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	CLOCK_INTERVAL = 64, /* calls between two looks at the budget */
};

/* How many requests are of which size: nine in ten below 256 bytes, a few of pages. */
static const struct {
	size_t bytes_min, bytes_max; /* uniform between these */
	unsigned int share;          /* of all requests, in thousandths */
} mixture[] = {
	{8, 64, 600}, {65, 256, 300}, {257, 1024, 80}, {1025, 4096, 17}, {4097, 32768, 3},
};

static size_t mixture_draw(struct chance *chance)
{
	size_t point = chance_below(chance, 1000);
	size_t i = 0;
	while (point >= mixture[i].share)
		point -= mixture[i++].share;
	size_t span_bytes = mixture[i].bytes_max - mixture[i].bytes_min + 1;
	return mixture[i].bytes_min + chance_below(chance, span_bytes);
}

void order_shuffle(uint32_t *order, size_t count, struct chance *chance)
{
	for (size_t i = 0; i < count; i++)
		order[i] = (uint32_t)i;
	for (size_t i = count; i > 1; i--) {
		size_t other = chance_below(chance, i);
		uint32_t kept = order[i - 1];
		order[i - 1] = order[other];
		order[other] = kept;
	}
}

/* Processor time of this thread: a budget of it does not depend on who else is busy. */
static double now_s(void)
{
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

bool stage_open(struct stage *stage, size_t live_count_max, double budget_s)
{
	struct chance chance = {SCENE_SEED};
	size_t room_count = live_count_max + live_count_max / 2;
	memset(stage, 0, sizeof(*stage));
	stage->budget_s = budget_s;
	stage->live_count_max = live_count_max;
	stage->order = calloc(room_count, sizeof(*stage->order));
	stage->blocks = calloc(room_count, sizeof(*stage->blocks));
	for (size_t i = 0; i < SCENE_SIZE_COUNT; i++)
		stage->sizes[i] = mixture_draw(&chance);
	return stage->order != NULL && stage->blocks != NULL;
}

/* End the scene: what is not the heap's own must be given back block by block. */
void scene_clear(struct stage *stage)
{
	if (stage->allocator == NULL)
		return;
	if (!stage->allocator->is_private)
		for (size_t i = 0; i < stage->live_count; i++)
			stage->allocator->free(stage->heap, stage->blocks[i]);
	stage->allocator->destroy(stage->heap);
	stage->allocator = NULL;
}

void stage_close(struct stage *stage)
{
	scene_clear(stage);
	free(stage->order);
	free(stage->blocks);
}

/* True, with the reason in `why`, when the budget is used up. Looks at the clock now and then. */
static bool scene_is_late(struct stage *stage, size_t step, size_t step_count, const char *what,
			  double end_s)
{
	if (step % CLOCK_INTERVAL != 0 || now_s() <= end_s)
		return false;
	snprintf(stage->why, SCENE_WHY_BYTES,
		 "too slow: %g s of preparing were over after %zu of %zu %s", stage->budget_s,
		 step, step_count, what);
	stage->is_too_slow = true;
	return true;
}

/* Fill the new heap with total_count blocks, counted in live_count. False: see `why`. */
static bool scene_fill(struct stage *stage, size_t total_count, double end_s)
{
	for (size_t i = 0; i < total_count; i++) {
		size_t bytes = stage->sizes[i % SCENE_SIZE_COUNT];
		void *block = block_take(stage->allocator, stage->heap, bytes);
		if (block == NULL) {
			snprintf(stage->why, SCENE_WHY_BYTES, "no memory for block %zu", i);
			return false;
		}
		stage->blocks[stage->live_count++] = block;
		if (scene_is_late(stage, i, total_count, "blocks", end_s))
			return false;
	}
	return true;
}

/* Free all but keep_count blocks, in random order. False: see `why`. */
static bool scene_pierce(struct stage *stage, size_t keep_count, double end_s)
{
	struct chance chance = {SCENE_SEED};
	size_t total_count = stage->live_count;
	size_t hole_count = total_count - keep_count;
	bool is_late = false;
	order_shuffle(stage->order, total_count, &chance);
	for (size_t i = 0; i < hole_count && !is_late; i++) {
		void **block = &stage->blocks[stage->order[i]];
		stage->allocator->free(stage->heap, *block);
		*block = NULL;
		is_late = scene_is_late(stage, i, hole_count, "holes", end_s);
	}
	stage->live_count = 0;
	for (size_t b = 0; b < total_count; b++)
		if (stage->blocks[b] != NULL)
			stage->blocks[stage->live_count++] = stage->blocks[b];
	return !is_late;
}

/* Replace as many blocks as there are. False: see `why`. */
static bool scene_age(struct stage *stage, double end_s)
{
	struct chance chance = {SCENE_SEED + 1};
	for (size_t i = 0; i < stage->live_count; i++) {
		if (!scene_replace(stage, stage->allocator, &chance)) {
			snprintf(stage->why, SCENE_WHY_BYTES, "no memory for replacement %zu", i);
			return false;
		}
		if (scene_is_late(stage, i, stage->live_count, "replacements", end_s))
			return false;
	}
	return true;
}

bool scene_is(const struct stage *stage, const struct allocator *allocator, size_t live_count)
{
	return stage->allocator == allocator && stage->live_count == live_count;
}

void scene_prepare(struct stage *stage, const struct allocator *allocator, size_t live_count)
{
	double end_s = now_s() + stage->budget_s;
	scene_clear(stage);
	stage->is_too_slow = false;
	stage->heap = allocator->create(allocator, stage->why, SCENE_WHY_BYTES);
	if (stage->heap == NULL)
		return;
	stage->why[0] = '\0';
	stage->allocator = allocator;
	stage->live_count = 0;
	if (!scene_fill(stage, live_count + live_count / 2, end_s) ||
	    !scene_pierce(stage, live_count, end_s) || !scene_age(stage, end_s)) {
		scene_clear(stage);
		return;
	}
	if (allocator->statistics != NULL)
		allocator->statistics(stage->heap, &stage->statistics);
}
