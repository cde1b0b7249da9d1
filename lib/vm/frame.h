/* SPDX-License-Identifier: MIT */
/*
 * Frames: physical memory, page by page, lent out in buddies of 2^0 to 2^10 frames.
 *
 * A frame is known by its number; 0 is none. A block of 2^k frames starts at a multiple of 2^k.
 * Its first frame, the head, stands for it: how often any of it is mapped is counted there.
 */
#ifndef VM_FRAME_H
#define VM_FRAME_H

#include <allot/vm.h>

#include "vm/pool.h"

enum {
	FRAME_NONE = 0,
	ORDER_MAX = VM_ORDERS - 1,
};

enum frame_use {
	FRAME_INNER,  /* not the first of a free block */
	FRAME_FREE,   /* the first of a free block */
	FRAME_TABLE,
	FRAME_ANON,
	FRAME_FILE,   /* of the page cache */
	FRAME_SHARED, /* of shared memory */
	FRAME_ZERO,   /* of the zero page, or the huge one */
	FRAME_FURNITURE,
	FRAME_SLAB,     /* the kernel's own, from here on: of a slab cache */
	FRAME_KERNEL,   /* lent whole */
	FRAME_VMALLOC,  /* mapped by the kernel's tables */
	FRAME_USES,
};

struct slab;

struct frame {
	uint32_t next, previous;  /* on a list of free blocks; 0 at its ends */
	uint32_t maps;            /* entries of the last level that map this frame */
	uint32_t head;            /* first frame of the block it was lent in */
	uint32_t block_maps;      /* of a head: entries of any level that map any of the block */
	uint8_t use;              /* of enum frame_use */
	uint8_t order;            /* of a head */
	bool is_exclusive : 1;    /* anonymous and of one process: no fork has shared it since */
	bool is_cached : 1;       /* a file keeps it, mapped or not */
	bool is_dirty : 1;        /* of a file, and written to */
	union {
		struct slab *slab;   /* FRAME_SLAB, of a head */
		uint64_t *table;     /* FRAME_TABLE: its entries */
		uint32_t huge_maps;  /* of a head: entries of 2 MiB that map the block */
	};
};

struct frames {
	struct frame *all;
	uint64_t count;                    /* of frames, number 0 included */
	uint64_t free_count;
	uint32_t lists[VM_ORDERS];         /* first free block of each order */
	uint64_t list_counts[VM_ORDERS];
};

/* `count` frames, all free but number 0. False when the system has no memory. */
bool frames_init(struct frames *frames, uint64_t count);
void frames_finish(struct frames *frames);

/* Borrow 2^order frames for `use`; the head, or FRAME_NONE. */
uint32_t frame_take(struct frames *frames, unsigned order, enum frame_use use);

/* Give back the block whose head is `head`; it is mapped nowhere. */
void frame_give(struct frames *frames, uint32_t head);

/* Make a block one of single frames, each mapped as often as it is. */
void frame_split(struct frames *frames, uint32_t head);

static inline struct frame *frame_at(const struct frames *frames, uint64_t number)
{
	return &frames->all[number];
}

static inline struct frame *frame_head(const struct frames *frames, uint64_t number)
{
	return &frames->all[frames->all[number].head];
}

/* Walk the lists of free blocks; false with the reason in `why`. */
bool frames_check(const struct frames *frames, const char **why);

#endif
