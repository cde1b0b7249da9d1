/* SPDX-License-Identifier: MIT */
/*
 * Slab: 16 KiB of small objects of one class, without a header.
 *
 * A slab is a block of the strategy below, at a multiple of its size; the next block's tag takes
 * the last 8 bytes, so that slabs and blocks lie side by side without a gap. The 8 bytes before
 * that say how the owner finds what others freed in it. All else that is known of a slab stands in
 * a table beside the heap, one entry for each 16 KiB of the heap's range. Every address has an
 * entry there, by some of its bits; that it lies outside the range after all is found by the same
 * comparison that finds where in the slab it lies. So whose an address is costs a shift, a mask and
 * one load.
 *
 * Objects. A free object has the next free one in its first word and a mark in its second, bound to
 * the object's address. An allocated one has not, whatever it holds: the mark is taken off, and a
 * copy of another's means nothing here. So a second free of an object that is still free is one
 * comparison, and a walk tells live from free without a lock.
 * Objects come into being page by page ("carved") as they are needed, from the last page down: that
 * one is touched anyway, for the next block's tag.
 *
 * Ownership. A slab is *owned* by one thread's heap, whose frees are plain loads and stores, or it
 * is *detached*. All that other threads may change is the remote word:
 *
 *   owned:     home = the owner's number; a chain of objects that others freed, and its length;
 *              QUEUED exactly when the chain is not empty: the slab is on its owner's dirty stack,
 *              or about to be pushed there by the one thread that set QUEUED. That one also notes
 *              which object is the chain's last, for whoever adds to the chain adds in front.
 *   detached:  DETACHED; every object is live. Whoever frees one first claims the slab by a
 *              compare-and-swap and is its owner from then on. All but that word and the owner is
 *              as a resting slab has it already.
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

struct thread_heap;

enum {
	SLAB_SHIFT = 14,
	SLAB_BYTES = 1 << SLAB_SHIFT,
	SLAB_ENTRY_SHIFT = 6, /* of the table */
	/* The rest is the note of what others freed, and the next block's tag. */
	SLAB_USABLE_BYTES = SLAB_BYTES - 16,
};

/*
 * A list of free objects; `count` frees later something about it must be done. What follows is of
 * the slab it belongs to, if it is a slab's own.
 */
struct bin {
	void *head;
	int16_t count;
	uint8_t class;
	uint8_t state; /* enum slab_state */
	uint32_t next; /* slab on the same list, by number */
};

enum slab_state {
	SLAB_NONE,      /* no slab */
	SLAB_SPARE,     /* no objects; waits for a class */
	SLAB_CURRENT,   /* its class allocates from it: frees go to the class's bin */
	SLAB_RESTING,   /* few objects free, or none */
	SLAB_AVAILABLE, /* enough free objects to be the next current one */
};

struct slab {
	uint32_t owner;          /* whose frees are local: owner_mark() of it; 0: nobody's */
	uint32_t previous;       /* on its owner's or its class's list, by number */
	struct bin *bin;         /* where these go: the class's, or `own` */
	struct bin own;
	_Atomic uint64_t remote;
	uint64_t magic;          /* with `end` tells where objects are: slab_has_object() */
	uint64_t end;
	uintptr_t first;         /* address of the object carved first, the highest */
};
static_assert(sizeof(struct slab) == 64, "a slab's entry is a cache line");

/* A free object. */
struct object {
	struct object *next;
	uintptr_t mark;
};

/*
 * The mark of a free object or block at `p`, `entry` of the table being that of its address. Bound
 * to the address because programs move words about that they never wrote, and those may have been a
 * free object's: elsewhere they must say nothing. It is no address, being the sum of two.
 */
ALLOT_INLINE uintptr_t free_mark(const struct slab *entry, const void *p)
{
	return (uintptr_t)entry + (uintptr_t)p;
}

static inline enum slab_state slab_state(const struct slab *slab)
{
	return (enum slab_state)__atomic_load_n(&slab->own.state, __ATOMIC_ACQUIRE);
}

/* Is it none, at this moment? For who reads nothing else of it then. */
ALLOT_INLINE bool slab_is_none(const struct slab *slab)
{
	return load_compared(&slab->own.state) == SLAB_NONE;
}

/* Whoever looks an address up reads it without a lock, and then what was set before. */
static inline void slab_set_state(struct slab *slab, enum slab_state state)
{
	__atomic_store_n(&slab->own.state, (uint8_t)state, __ATOMIC_RELEASE);
}

/*
 * How a slab's entry says who owns it: half the address of the thread heap. They lie in one
 * table smaller than 4 GiB, and none has a mark of 0: see thread_heap_create().
 */
ALLOT_INLINE uint32_t owner_mark(const struct thread_heap *owner)
{
	return (uint32_t)(uintptr_t)owner;
}

static inline void slab_set_owner(struct slab *slab, const struct thread_heap *owner)
{
	__atomic_store_n(&slab->owner, owner_mark(owner), __ATOMIC_RELAXED);
}

ALLOT_INLINE bool slab_is_owned_by(const struct slab *slab, const struct thread_heap *own)
{
	return load_compared(&slab->owner) == owner_mark(own);
}

static inline uintptr_t slab_base(const struct slab *slab)
{
	return slab->first & ~(uintptr_t)(SLAB_BYTES - 1);
}

/*
 * The note of a slab on a dirty stack: written by the thread that set QUEUED before it pushes the
 * slab, read by the owner before it takes the chain and with it QUEUED.
 */
struct slab_note {
	uint32_t next; /* slab on the stack, by number; 0: none */
	uint32_t tail; /* of the chain, from the slab's base */
};
static_assert(SLAB_USABLE_BYTES + sizeof(struct slab_note) + 8 == SLAB_BYTES,
	      "the note lies between the objects and the next block's tag");

static inline struct slab_note *slab_note(const struct slab *slab)
{
	return (struct slab_note *)(slab_base(slab) + SLAB_USABLE_BYTES);
}

/* ---- objects ---- */

/*
 * Where objects are. With n = q * bytes + r the distance from the first object down,
 * magic = floor(2^64 / bytes) + 1, and excess = bytes * magic - 2^64, at least 1 and at most bytes,
 *
 *     n * magic = q * excess + r * magic    modulo 2^64
 *
 * For n below 2^48 that wraps nowhere; with r = 0 it rises with q in steps of the excess, else it
 * is at least magic, which is larger than any product of an object there can be; and for negative
 * n it is larger still. So one multiplication and one comparison with carved objects * excess tell
 * whether an object begins at an address: a multiple of the size away, carved, and in this slab at
 * all.
 * (After Lemire, Kaser and Kurz 2019, "Faster remainder by direct computation".)
 */
static inline uint64_t slab_excess(const struct slab *slab)
{
	return class_bytes(slab->own.class) * slab->magic;
}

/* Its owner sets it; others who free an object know that it exists, whatever else does. */
static inline uint64_t slab_end(const struct slab *slab)
{
	return __atomic_load_n(&slab->end, __ATOMIC_RELAXED);
}

/* Is there an object at `p`, which may be any address? */
static inline bool slab_has_object(const struct slab *slab, const void *p)
{
	return (slab->first - (uintptr_t)p) * slab->magic < slab_end(slab);
}

/* The same, asked by its owner. */
ALLOT_INLINE bool slab_has_own_object(const struct slab *slab, const void *p)
{
	return (slab->first - (uintptr_t)p) * slab->magic < slab->end;
}

static inline uint32_t slab_carved_count(const struct slab *slab)
{
	return (uint32_t)(slab_end(slab) / slab_excess(slab));
}

static inline void slab_set_carved_count(struct slab *slab, uint32_t count)
{
	__atomic_store_n(&slab->end, count * slab_excess(slab), __ATOMIC_RELAXED);
}

/* How many objects it has room for. */
static inline uint32_t slab_capacity(const struct slab *slab)
{
	return size_classes[slab->own.class].capacity;
}

static inline bool slab_is_carved(const struct slab *slab)
{
	return slab_end(slab) == size_classes[slab->own.class].end;
}

/* Is `p`, in this slab, an object in use? Never a fault; takes no lock. */
static inline bool slab_object_is_live(const struct slab *slab, const void *p)
{
	return slab_has_object(slab, p) && ((const struct object *)p)->mark != free_mark(slab, p);
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
