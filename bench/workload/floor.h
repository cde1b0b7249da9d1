/* SPDX-License-Identifier: MIT */
/*
 * Floor: what an allocator could cost at the very least, to hold the figures of real ones against.
 *
 * A thread has a list of free blocks for each size class: taking pops one, giving pushes it. Nobody
 * asks whose a block is or whether it is one. Blocks are cut from spans, each of one class, which
 * are cut from one large mapping; the class of a block stands in a table by its address. Nothing
 * ever goes back to the kernel.
 *
 * What a thread frees stays its own until it calls floor_hand_over().
 */
#ifndef ALLOT_WORKLOAD_FLOOR_H
#define ALLOT_WORKLOAD_FLOOR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
	FLOOR_SPAN_LOG2 = 16,        /* a span begins at a multiple of this */
	FLOOR_SPAN_COUNT = 1 << 20,  /* in the mapping: 64 GiB of addresses */
	FLOOR_GRAIN_BYTES = 16,      /* classes up to FLOOR_FINE_BYTES are this far apart ... */
	FLOOR_FINE_LOG2 = 10,        /* ... and above it, four to a doubling */
	FLOOR_FINE_BYTES = 1 << FLOOR_FINE_LOG2,
	FLOOR_LARGEST_LOG2 = 26,     /* larger blocks are not to be had */
	FLOOR_CLASS_COUNT = FLOOR_FINE_BYTES / FLOOR_GRAIN_BYTES + 1 +
			    4 * (FLOOR_LARGEST_LOG2 - FLOOR_FINE_LOG2),
};

/* A class of one thread. A free block's first word is the next one. */
struct floor_bin {
	void *first;         /* free block, or NULL */
	unsigned char *next; /* what was not cut from the span yet, up to `end` */
	unsigned char *end;
};

extern _Thread_local struct floor_bin floor_bins[FLOOR_CLASS_COUNT];
extern unsigned char floor_classes[FLOOR_SPAN_COUNT]; /* of the spans in the mapping */
extern unsigned char *floor_start;                    /* the mapping */

/* Map the memory; before anything else here. */
void floor_init(void);

/* A block of a class none of which is free in this thread. */
void *floor_refill(size_t class);

/* Leave the free blocks of this thread to whoever runs out of them; before a thread ends, too. */
void floor_hand_over(void);

/* The block with at least `bytes`, moved if its class is too small. Not for NULL. */
void *floor_resize(void *block, size_t bytes);

/* The class for `bytes`: a multiple of the grain, or a quarter between two powers of two. */
static inline size_t floor_class(size_t bytes)
{
	if (bytes <= FLOOR_FINE_BYTES)
		return (bytes + FLOOR_GRAIN_BYTES - 1) / FLOOR_GRAIN_BYTES;
	size_t last = bytes - 1;
	size_t log2 = 63 - (size_t)__builtin_clzll(last);
	size_t quarter = last >> (log2 - 2) & 3;
	return FLOOR_FINE_BYTES / FLOOR_GRAIN_BYTES + 1 + (log2 - FLOOR_FINE_LOG2) * 4 + quarter;
}

static inline size_t floor_class_of(const void *block)
{
	return floor_classes[(uintptr_t)((const unsigned char *)block - floor_start) >>
			     FLOOR_SPAN_LOG2];
}

static inline void *floor_take(size_t bytes)
{
	size_t class = floor_class(bytes);
	struct floor_bin *bin = &floor_bins[class];
	void *block = bin->first;
	if (__builtin_expect(block == NULL, 0))
		return floor_refill(class);
	bin->first = *(void **)block;
	return block;
}

static inline void *floor_take_zeroed(size_t bytes)
{
	return memset(floor_take(bytes), 0, bytes);
}

/* A block at a multiple of `align`, a power of two up to that of a span. */
static inline void *floor_take_aligned(size_t align, size_t bytes)
{
	size_t least = bytes > align ? bytes : align;
	return floor_take((size_t)1 << (64 - __builtin_clzll(least - 1)));
}

static inline void floor_give(void *block)
{
	struct floor_bin *bin = &floor_bins[floor_class_of(block)];
	*(void **)block = bin->first;
	bin->first = block;
}

#endif
