/* SPDX-License-Identifier: MIT */
/*
 * Pool: powers of two off a pointer that moves up, each with its list of what came back.
 *
 * Nothing merges: a machine's records are of few sizes, and what one kind gave back is what the
 * same kind takes next.
 */
#include "vm/pool.h"

#include <stdint.h>
#include <string.h>

#include "base/bits.h"
#include "vm/memory.h"

enum {
	PIECE_BYTES = 1 << 20,
	CLASS_MIN = 4, /* 16 bytes: a link fits, and alignment is that of any type */
};

static unsigned class_of(size_t bytes)
{
	unsigned class = log2_ceil(bytes);
	return class < CLASS_MIN ? CLASS_MIN : class;
}

/* Make a new piece the newest, with room for `bytes`. What the last one had left is not used. */
static bool piece_add(struct pool *pool, size_t bytes)
{
	size_t piece_bytes = size_max(PIECE_BYTES, align_up(bytes + 2 * sizeof(max_align_t), 4096));
	struct pool_piece *piece = memory_take(piece_bytes);
	if (piece == NULL)
		return false;
	piece->next = pool->pieces;
	piece->bytes = piece_bytes;
	pool->pieces = piece;
	pool->bump = (char *)piece + align_up(sizeof(*piece), sizeof(max_align_t));
	pool->bump_end = (char *)piece + piece_bytes;
	return true;
}

void *pool_take(struct pool *pool, size_t bytes)
{
	assert(bytes > 0);
	unsigned class = class_of(bytes);
	if (class >= POOL_CLASSES)
		return NULL;
	struct pool_free *record = pool->free[class];
	if (record != NULL) {
		pool->free[class] = record->next;
		return memset(record, 0, (size_t)1 << class);
	}
	size_t class_bytes = (size_t)1 << class;
	if ((size_t)(pool->bump_end - pool->bump) < class_bytes && !piece_add(pool, class_bytes))
		return NULL;
	void *fresh = pool->bump;
	pool->bump += class_bytes;
	return fresh;
}

void pool_give(struct pool *pool, void *record, size_t bytes)
{
	if (record == NULL)
		return;
	unsigned class = class_of(bytes);
	struct pool_free *free_record = record;
	free_record->next = pool->free[class];
	pool->free[class] = free_record;
}

void pool_finish(struct pool *pool)
{
	struct pool_piece *piece = pool->pieces;
	while (piece != NULL) {
		struct pool_piece *next = piece->next;
		memory_give(piece, piece->bytes);
		piece = next;
	}
	*pool = (struct pool){0};
}
