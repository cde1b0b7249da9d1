/* SPDX-License-Identifier: MIT */
/*
 * Slab: 16 KiB of small objects of one class, without a header.
 *
 * A slab is a block of the strategy below, at a multiple of its size; the next block's tag takes
 * the last 8 bytes, so that slabs and blocks lie side by side without a gap. What is known of a
 * slab stands in a table beside the heap, one entry for each 16 KiB of the heap's range: whose an
 * address is costs a subtraction, a comparison and one load.
 *
 * Objects. A free object has the next free one in its first word and a mark in its second: the
 * heap's key, bound to the object's address. An allocated one has not, whatever it holds: the mark
 * is taken off, and a copy of another's means nothing here. So a second free of an object that is
 * still free is one comparison, and a walk tells live from free without a lock.
 * Objects come into being page by page ("carved") as they are needed.
 *
 * Ownership. A slab is *owned* by one thread's heap, whose frees are plain loads and stores, or it
 * is *detached*. All that other threads may change is the remote word:
 *
 *   owned:     home = the owner's number; a chain of objects that others freed, and its length;
 *              QUEUED exactly when the chain is not empty: the slab is on its owner's dirty stack,
 *              or about to be pushed there by the one thread that set QUEUED
 *   detached:  DETACHED; every object is live. Whoever frees one first claims the slab by a
 *              compare-and-swap and is its owner from then on.
 *   listed:    DETACHED | LISTED; left by a thread that ended, some objects free. It is on the
 *              list of its class, and claimed under the lock of the lists.
 *
 * An owner detaches a slab when its last object is taken, so a thread that sleeps keeps no full
 * slab from those who free. It can do so only while the remote word has no chain, and that is why
 * `home` cannot change between a thread's setting QUEUED and its push on home's stack.
 * tests/model/slab.pml is the model of this, checked exhaustively.
 */
#ifndef FRONT_SLAB_H
#define FRONT_SLAB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bits.h"
#include "base/compiler.h"
#include "front/size_class.h"

enum {
	SLAB_SHIFT = 14,
	SLAB_BYTES = 1 << SLAB_SHIFT,
	/* The rest is the next block's tag. */
	SLAB_USABLE_BYTES = SLAB_BYTES - 16,
};

/* A list of free objects; `count` frees later its slab's state changes. */
struct bin {
	void *head;
	int32_t count;
	uint32_t next; /* of a slab: the next one on its owner's list */
};

enum slab_state {
	SLAB_NONE,      /* no slab: the entry is all zero */
	SLAB_SPARE,     /* no objects; waits for a class */
	SLAB_CURRENT,   /* its class allocates from it: frees go to the class's bin */
	SLAB_RESTING,   /* few objects free, or none */
	SLAB_AVAILABLE, /* enough free objects to be the next current one */
};

struct slab {
	struct thread_heap *_Atomic owner; /* whose frees are local; NULL: nobody's */
	struct bin *bin;                   /* where these go: the class's, or `own` */
	struct bin own;
	_Atomic uint64_t remote;
	uint32_t magic;        /* tells whether an offset is a multiple of the object's size */
	_Atomic uint32_t carved_bytes; /* objects exist up to here */
	uint32_t previous;     /* on its owner's or its class's list */
	uint32_t dirty_next;   /* on its owner's stack of slabs with remote frees */
	uint8_t class;
	uint8_t state;         /* enum slab_state */
	uint8_t reserved[6];
};
static_assert(sizeof(struct slab) == 64, "a slab's entry is a cache line");

/* A free object. */
struct object {
	struct object *next;
	uintptr_t mark;
};

/*
 * The mark of a free object or block at `p`. Bound to the address because programs move words about
 * that they never wrote, and those may have been a free object's: elsewhere they must say nothing.
 */
ALLOT_INLINE uintptr_t free_mark(uintptr_t key, const void *p)
{
	return key ^ (uintptr_t)p;
}

/* ---- offsets ---- */

/*
 * ceil(2^32 / bytes): an offset below 2^16 is a multiple of bytes < 2^16 exactly when its product
 * with this, modulo 2^32, is smaller than this (Lemire, Kaser and Kurz 2019, "Faster remainder by
 * direct computation").
 */
static inline uint32_t slab_magic(size_t bytes)
{
	return (uint32_t)(0xFFFFFFFFu / bytes + 1);
}

/* Its owner sets it; others who free an object know that it exists, whatever else does. */
ALLOT_INLINE uint32_t slab_carved_bytes(const struct slab *slab)
{
	return atomic_load_explicit(&slab->carved_bytes, memory_order_relaxed);
}

ALLOT_INLINE void slab_set_carved_bytes(struct slab *slab, uint32_t bytes)
{
	atomic_store_explicit(&slab->carved_bytes, bytes, memory_order_relaxed);
}

/* Is there an object at this offset? */
ALLOT_INLINE bool slab_has_object_at(const struct slab *slab, uint32_t offset)
{
	return (uint32_t)(offset * slab->magic) < slab->magic && offset < slab_carved_bytes(slab);
}

static inline uint32_t slab_carved_count(const struct slab *slab)
{
	return (uint32_t)(slab_carved_bytes(slab) / class_bytes(slab->class));
}

/* Whoever looks an address up reads it without a lock. */
static inline void slab_set_state(struct slab *slab, enum slab_state state)
{
	__atomic_store_n(&slab->state, (uint8_t)state, __ATOMIC_RELAXED);
}

/* How many objects a slab of a class has room for. */
static inline uint32_t slab_capacity(unsigned class)
{
	return (uint32_t)(SLAB_USABLE_BYTES / class_bytes(class));
}

/* ---- the remote word ---- */

enum {
	REMOTE_HEAD_BITS = 11, /* offset / 16 + 1 of the chain's first object, 0: no chain */
	REMOTE_COUNT_SHIFT = REMOTE_HEAD_BITS,
	REMOTE_COUNT_BITS = 11,
	REMOTE_HOME_SHIFT = 32,
};
#define REMOTE_QUEUED ((uint64_t)1 << 22)
#define REMOTE_DETACHED ((uint64_t)1 << 23)
#define REMOTE_LISTED ((uint64_t)1 << 24)
#define REMOTE_HOME_MASK (~(uint64_t)0 << REMOTE_HOME_SHIFT)

static inline uint64_t remote_of_home(uint32_t home)
{
	return (uint64_t)home << REMOTE_HOME_SHIFT;
}

static inline uint32_t remote_home(uint64_t remote)
{
	return (uint32_t)(remote >> REMOTE_HOME_SHIFT);
}

static inline uint32_t remote_count(uint64_t remote)
{
	return (uint32_t)(remote >> REMOTE_COUNT_SHIFT) & ((1u << REMOTE_COUNT_BITS) - 1);
}

/* The chain's first object, in the slab that begins at `base`. */
static inline struct object *remote_head(uint64_t remote, uintptr_t base)
{
	uint32_t head = (uint32_t)remote & ((1u << REMOTE_HEAD_BITS) - 1);
	return head == 0 ? NULL : (struct object *)(base + (head - 1) * (size_t)16);
}

/* `remote` with a chain of `count` that begins at `head`, queued. */
static inline uint64_t remote_with(uint64_t remote, const struct object *head, uint32_t count,
				   uintptr_t base)
{
	uint64_t offset = (uintptr_t)head - base;
	return (remote & REMOTE_HOME_MASK) | REMOTE_QUEUED |
	       (uint64_t)count << REMOTE_COUNT_SHIFT | (offset / 16 + 1);
}

#endif
