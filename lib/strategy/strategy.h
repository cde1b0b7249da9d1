/* SPDX-License-Identifier: MIT */
/*
 * What a strategy is: finding, splitting and merging free blocks in the regions of one source.
 *
 * A strategy is one file with one `const struct strategy`, named in strategies.def. Its state is
 * a struct that begins with a struct strategy_core; whoever owns the heap provides the memory for
 * it and a lock around every call. A strategy takes no lock, knows no thread, prints nothing, and
 * makes no system call but through its source.
 *
 * Damage and misuse are found, not survived by luck: a call that meets any fills in core->fault
 * and returns its failure value with the heap as it was, less the part that cannot be trusted.
 */
#ifndef STRATEGY_STRATEGY_H
#define STRATEGY_STRATEGY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "pages/source.h"

enum { ALIGN_BYTES = 16 }; /* of every payload */

/* Which free block is taken, where there is a choice. */
enum fit { FIT_FIRST, FIT_NEXT, FIT_BEST };
/* Where a freed block goes in a list. */
enum order { ORDER_LIFO, ORDER_ADDRESS };
/* When free neighbours are merged. */
enum coalesce { COALESCE_IMMEDIATE, COALESCE_DEFERRED };

struct strategy_policy {
	enum fit fit;
	enum order order;
	enum coalesce coalesce;
};

enum fault_kind {
	FAULT_NONE,
	FAULT_DOUBLE_FREE,
	FAULT_INTERIOR,   /* inside the heap, not the start of a block */
	FAULT_MISALIGNED,
	FAULT_FOREIGN,    /* outside the heap's regions */
	FAULT_BROKEN_TAG, /* a tag, link or state byte does not say what it must */
};

struct fault {
	enum fault_kind kind;
	uintptr_t address;  /* what was passed in, or the damaged word */
	uintptr_t block;    /* payload of the block it belongs to, 0 if unknown */
	size_t block_bytes; /* its size with tags, 0 if unknown */
};

/* How every strategy's state begins. */
struct strategy_core {
	struct page_source *source;
	struct strategy_policy policy;
	uint64_t key;          /* secret and odd: seals tags */
	size_t dirty_bytes;    /* pages inside large free blocks that trim could release, about */
	size_t idle_bytes;     /* large free blocks, dirty or not */
	/*
	 * The last region reads as zero from here on, but for what boundary tags have at its very
	 * end: nothing there was written, or not since it was dropped. UINTPTR_MAX: not known.
	 */
	uintptr_t zero_from;
	uintptr_t placed_zero_from; /* zero_from, before the last block was placed */
	uint64_t splits;
	uint64_t merges;
	struct fault fault;    /* what the last failed call found; kind FAULT_NONE if no fault */
};

enum block_state { BLOCK_LIVE, BLOCK_FREE, BLOCK_DEFERRED };

struct block_info {
	uintptr_t payload;
	size_t block_bytes;
	size_t usable_bytes;    /* 0 unless live */
	size_t requested_bytes; /* 0 unless live */
	size_t tag_bytes;
	enum block_state state;
};

/* The size of a live block, for who needs no more. */
struct block_size {
	size_t usable_bytes;
	size_t requested_bytes;
};

typedef bool block_visit(const struct block_info *block, void *context);

enum resize_result {
	RESIZE_DONE,
	RESIZE_MUST_MOVE, /* nothing changed: allocate, copy, free */
	RESIZE_FAULT,     /* nothing changed: see core->fault */
};

/* Bits of the policies a strategy has. */
enum {
	HAS_FIT_FIRST = 1 << FIT_FIRST,
	HAS_FIT_NEXT = 1 << FIT_NEXT,
	HAS_FIT_BEST = 1 << FIT_BEST,
	HAS_ORDER_LIFO = 1 << ORDER_LIFO,
	HAS_ORDER_ADDRESS = 1 << ORDER_ADDRESS,
	HAS_COALESCE_IMMEDIATE = 1 << COALESCE_IMMEDIATE,
	HAS_COALESCE_DEFERRED = 1 << COALESCE_DEFERRED,
};

struct strategy {
	const char *name;
	const char *summary; /* one line */
	const char *bound;   /* work of allocate and free: O of what */
	unsigned fits;       /* 0: no choice */
	unsigned orders;
	unsigned coalescings;
	struct strategy_policy default_policy;
	size_t state_bytes;       /* of its state, a struct strategy_core first */
	size_t unit_bytes;        /* its source must grow by multiples of this; 0: a page */
	size_t block_bytes_min;   /* with tags */
	size_t request_bytes_max; /* more than this it cannot serve */
	size_t align_bytes_max;   /* nor an alignment above this */

	/* Begin; core is filled in, the rest of the state is zero. Asks for no memory. */
	void (*init)(void *state);

	/*
	 * A block of `bytes` <= request_bytes_max (0 is served as 1) at a multiple of `align`, a
	 * power of two from ALIGN_BYTES to align_bytes_max. NULL: no memory, or a fault.
	 */
	void *(*allocate)(void *state, size_t bytes, size_t align);

	/* Free the block at `p`; `region` is the one whose granules include it. False: a fault. */
	bool (*free)(void *state, struct region *region, void *p);

	/*
	 * Change the size of the live block at `p` without moving it. If it becomes larger for
	 * that, it may have up to `room_bytes`, at least `bytes`, as if those were asked for.
	 */
	enum resize_result (*resize)(void *state, struct region *region, void *p, size_t bytes,
				     size_t room_bytes);

	/*
	 * Describe the live block at `p`. False: there is none; no fault is recorded. Writes
	 * nothing, so that the owner of a block may ask even where the lock cannot be had.
	 */
	bool (*describe)(void *state, struct region *region, void *p, struct block_info *out);

	/* Only the size of the live block at `p`, in other respects as describe; NULL: ask that. */
	bool (*size)(void *state, struct region *region, void *p, struct block_size *out);

	/*
	 * Give free memory back: first the free end of the last region but for `keep_bytes`, then
	 * the whole pages inside large free blocks, until about `most_bytes` are given. Returns
	 * bytes given. dirty_bytes is what could be given still.
	 */
	size_t (*trim)(void *state, size_t keep_bytes, size_t most_bytes);

	/* Visit every block, region by region in address order. False when `visit` said stop. */
	bool (*walk)(void *state, block_visit *visit, void *context);

	/* Prove every invariant; false with a line in `message` naming the first broken one. */
	bool (*check)(void *state, struct text *message);
};

/* All strategies, the default first, NULL at the end. */
extern const struct strategy *const strategies[];

/* Largest state of any strategy: for storage that must exist before memory does. */
enum { STRATEGY_STATE_BYTES_MAX = 32 << 10 };

/* Record a fault; returns false for its caller to return. */
static inline bool core_fault(struct strategy_core *core, enum fault_kind kind, uintptr_t address,
			      uintptr_t block, size_t block_bytes)
{
	core->fault = (struct fault){kind, address, block, block_bytes};
	return false;
}

#endif
