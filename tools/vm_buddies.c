/* SPDX-License-Identifier: MIT */
/*
 * allot vm buddies: physical memory after a script, block by block, as the buddies have it.
 *
 * A row is 64 frames. Rows that hold nothing but blocks of one size and use are said in words,
 * together with those like them that follow, as are blocks larger than a row.
 */
#include <inttypes.h>
#include <stdio.h>

#include "vm_picture.h"
#include "vm_shared.h"

enum {
	ROW_FRAMES = PICTURE_COLUMNS,
	STATE_FREE = 0,                      /* and the order: the first frame of a free block */
	STATE_FREE_MORE = VM_ORDERS,
	STATE_LENT = STATE_FREE_MORE,        /* and the use, which is not 0 */
	STATE_LENT_MORE = STATE_LENT + VM_BLOCK_USE_COUNT,
	STATE_NONE,
};

static const struct picture_state states[] = {
	{ '0', SVG_PALE, false, false },   { '1', SVG_PALE, false, false },
	{ '2', SVG_PALE, false, false },   { '3', SVG_PALE, false, false },
	{ '4', SVG_PALE, false, false },   { '5', SVG_PALE, false, false },
	{ '6', SVG_PALE, false, false },   { '7', SVG_PALE, false, false },
	{ '8', SVG_PALE, false, false },   { '9', SVG_PALE, false, false },
	{ 'A', SVG_PALE, false, false },   { '.', SVG_PALE, false, true },
	{ 't', SVG_SECOND, true, false },  { 'a', SVG_FIRST, true, false },
	{ 'f', SVG_THIRD, true, false },   { 's', SVG_FOURTH, true, false },
	{ 'z', SVG_SECOND, false, false }, { 'p', SVG_THIRD, false, false },
	{ 'l', SVG_FIFTH, true, false },   { 'k', SVG_FIFTH, false, false },
	{ 'v', SVG_FOURTH, false, false }, { '-', SVG_INK, true, true },
	{ ' ', SVG_PALE, false, false },
};
_Static_assert(sizeof(states) / sizeof(states[0]) == STATE_NONE + 1, "a state is missing");

/* What a digit and a blank are is said in words. */
static const char *state_name(unsigned state)
{
	bool is_use = state > STATE_LENT && state < STATE_LENT_MORE;
	return is_use ? vm_block_use_name(state - STATE_LENT) : NULL;
}

/* ---- rows ---- */

/* Neighbouring blocks of one kind that fill rows. */
struct stretch {
	struct vm_block_view block; /* the first */
	uint64_t count;             /* 0: there is none */
};

static bool is_alike(const struct vm_block_view *a, const struct vm_block_view *b)
{
	return a->order == b->order && a->use == b->use;
}

/* Say a stretch, if there is one, and begin anew. */
static bool stretch_end(struct picture *picture, struct stretch *stretch)
{
	const struct vm_block_view *block = &stretch->block;
	uint64_t frames = stretch->count << block->order;
	if (frames == 0)
		return true;
	struct picture_row *row = picture_row_add(picture);
	if (row == NULL)
		return false;
	if (block->order == 0)
		snprintf(row->text, sizeof(row->text), "%#8" PRIx64 "  %" PRIu64
			 " single frames, each %s", block->frame, frames,
			 vm_block_use_name(block->use));
	else
		snprintf(row->text, sizeof(row->text), "%#8" PRIx64 "  %" PRIu64 " block%s of 2^%u "
			 "frames, %s: %s", block->frame, stretch->count,
			 stretch->count == 1 ? "" : "s", block->order,
			 vm_block_use_name(block->use),
			 vm_bytes_text(frames * SCRIPT_PAGE_BYTES));
	stretch->count = 0;
	return true;
}

static bool stretch_extend(struct picture *picture, struct stretch *stretch,
			   const struct vm_block_view *block, uint64_t count)
{
	if (stretch->count == 0 || !is_alike(&stretch->block, block)) {
		if (!stretch_end(picture, stretch))
			return false;
		*stretch = (struct stretch){ .block = *block };
	}
	stretch->count += count;
	return true;
}

static void block_cells(struct picture_row *row, const struct vm_block_view *block)
{
	bool is_free = block->use == VM_BLOCK_FREE;
	picture_cells_add(row, is_free ? STATE_FREE + block->order : STATE_LENT + block->use, 1);
	picture_cells_add(row, is_free ? STATE_FREE_MORE : STATE_LENT_MORE,
			  ((uint64_t)1 << block->order) - 1);
}

/* The row that begins at frame `start` with `block`, which is no larger than it. */
static bool small_row(struct picture *picture, struct stretch *stretch, uint64_t start,
		      struct vm_block_view block)
{
	const struct vm_machine *machine = picture->after.play.model.machine;
	const struct vm_block_view first = block;
	struct picture_row made = { 0 };
	uint64_t count = 0, end = start + ROW_FRAMES;
	bool is_uniform = start == block.frame;
	snprintf(made.text, sizeof(made.text), "%#8" PRIx64, start);
	picture_cells_add(&made, STATE_NONE, block.frame - start);
	do {
		block_cells(&made, &block);
		is_uniform &= is_alike(&first, &block);
		count++;
	} while (vm_block_next(machine, block.frame + ((uint64_t)1 << block.order), &block) &&
		 block.frame < end);
	if (is_uniform)
		return stretch_extend(picture, stretch, &first, count);
	if (!stretch_end(picture, stretch))
		return false;
	struct picture_row *row = picture_row_add(picture);
	if (row != NULL)
		*row = made;
	return row != NULL;
}

static bool total_rows(struct picture *picture)
{
	struct vm_memory memory;
	struct picture_row *row = picture_row_add(picture);
	if (row == NULL)
		return false;
	vm_memory_get(picture->after.play.model.machine, &memory);
	int used = snprintf(row->text, sizeof(row->text), "%" PRIu64 " of %" PRIu64
			    " frames are free, in blocks of 2^0 to 2^10:", memory.free_frames,
			    memory.frames);
	for (unsigned order = 0; order < VM_ORDERS && used < PICTURE_TEXT_BYTES; order++)
		used += snprintf(row->text + used, sizeof(row->text) - (size_t)used,
				 " %" PRIu64, memory.free_blocks[order]);
	row = picture_row_add(picture);
	if (row == NULL)
		return false;
	snprintf(row->text, sizeof(row->text), "0 to A: the first frame of a free block of 2^0 to "
		 "2^10; a letter: of a block that is lent");
	return true;
}

static bool buddies_make(struct picture *picture)
{
	const struct vm_machine *machine = picture->after.play.model.machine;
	struct stretch stretch = { 0 };
	struct vm_block_view block;
	for (uint64_t at = 0; vm_block_next(machine, at, &block);) {
		uint64_t frames = (uint64_t)1 << block.order;
		bool is_large = frames >= ROW_FRAMES;
		if (!(is_large ? stretch_extend(picture, &stretch, &block, 1)
			       : small_row(picture, &stretch, at, block)))
			return false;
		at += is_large ? frames : ROW_FRAMES;
	}
	return stretch_end(picture, &stretch) && total_rows(picture);
}

int vm_buddies_main(int argc, char **argv)
{
	static struct picture picture = { /* too large for a stack */
		.title = "Blocks of physical memory",
		.states = states,
		.state_count = sizeof(states) / sizeof(states[0]),
		.state_name = state_name,
		.text_columns = 10,
		.make = buddies_make,
		.after.is_of_machine = true,
	};
	return picture_main(&command_vm_buddies, argc, argv, &picture);
}
