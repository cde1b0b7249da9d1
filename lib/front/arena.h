/* SPDX-License-Identifier: MIT */
/*
 * Arena: one strategy on one source of pages, behind one lock.
 *
 * A heap has one or more; a thread prefers the one it used last and moves on when it finds it
 * locked or full. A block is freed into the arena it came from, whoever frees it.
 *
 * Some callers must not wait for the lock: a signal handler that interrupted this very thread
 * inside the arena, a thread that runs while another is forking. They leave blocks to free on
 * the pending list, a bag of atomic slots beside the heap's memory, and the next one to enter the
 * arena frees them. Nothing is written into a block before the strategy has vouched for it.
 */
#ifndef FRONT_ARENA_H
#define FRONT_ARENA_H

#include <stdalign.h>
#include <stdatomic.h>

#include "base/bits.h"
#include "base/compiler.h"
#include "base/lock.h"
#include "os/thread.h"
#include "strategy/strategy.h"

enum { PENDING_SLOTS = 30 };

/* A bag of blocks to free; more bags are chained behind it and kept. */
struct pending_bag {
	_Atomic uintptr_t slots[PENDING_SLOTS];
	struct pending_bag *_Atomic next;
};

/* What is remembered of the last purge. */
struct purge_history {
	size_t resident_bytes;    /* what it left */
	size_t released_bytes;    /* what it gave; 0: there was none */
	size_t mapped_bytes_peak; /* as far as the heap had grown then */
	uint32_t time_ms;
	uint32_t interval_ms;     /* how long it had waited */
};

struct arena {
	struct lock lock;
	const struct strategy *strategy;
	struct strategy_core *core;  /* the strategy's state begins with it */
	_Atomic size_t limit_bytes;  /* requests from here on are not for the strategy */
	size_t dirty_limit_bytes;    /* core->dirty_bytes above this ask for a purge */
	struct purge_history purge;
	uintptr_t prefaulted_until;  /* see prefault.h */
	size_t prefault_slack_bytes; /* SIZE_MAX: no prefaults */
	_Atomic size_t pending_count;
	struct heap *heap;
	struct arena *_Atomic next;  /* in the heap's list */
	_Atomic bool is_frozen;      /* a fork holds the lock: do not wait */
	_Atomic bool is_abandoned;   /* its owner does not exist in this process: never wait */
	struct page_source source;
	struct pending_bag pending;
	alignas(64) unsigned char state[];
};

/* The kinds of source an arena can have. */
enum arena_source { ARENA_MMAP, ARENA_SBRK, ARENA_BUFFER };

/* How an arena is made; `strategy` and `policy` are those of its heap. */
struct arena_config {
	const struct strategy *strategy;
	struct strategy_policy policy;
	enum arena_source source;
	struct range *range;     /* where regions of mmap are cut from first, or NULL */
	struct owners *owners;
	struct lock *break_lock; /* sbrk */
	void *buffer;            /* buffer */
	size_t buffer_bytes;
	uint64_t key;
	bool may_prefault;
	size_t huge_from_bytes;  /* see source.h; 0: never */
};

/* Bytes an arena needs for itself. */
static inline size_t arena_bytes(const struct strategy *strategy)
{
	return sizeof(struct arena) + strategy->state_bytes;
}

/* Begin an arena in zeroed memory of arena_bytes(). Asks for no pages. */
void arena_init(struct arena *arena, struct heap *heap, const struct arena_config *config);

/* Give back all that it asked for; frees that are pending come to nothing. */
void arena_finish(struct arena *arena);

/* Free what was left pending. The lock is held. */
void arena_drain(struct arena *arena);

/* Leave `p` for the next one who enters. False when there was no memory to note it. */
bool arena_leave_pending(struct arena *arena, void *p);

/* Enter without waiting. */
ALLOT_INLINE bool arena_try_enter(struct arena *arena, uintptr_t self, bool is_alone)
{
	if (unlikely(!lock_try(&arena->lock, self, is_alone)))
		return false;
	if (unlikely(atomic_load_explicit(&arena->pending_count, memory_order_relaxed) != 0))
		arena_drain(arena);
	return true;
}

/* Enter if whoever is inside leaves soon. Never sleeps. */
bool arena_enter_soon(struct arena *arena, uintptr_t self, bool is_alone);

/* Enter, waiting if need be. False when waiting would be for ever or is forbidden just now. */
bool arena_enter(struct arena *arena, uintptr_t self, bool is_alone);

ALLOT_INLINE void arena_leave(struct arena *arena, bool is_alone)
{
	lock_give(&arena->lock, is_alone);
}

/* Does the arena hold more dirty free pages than it should? The lock is held. */
ALLOT_INLINE bool arena_is_dirty(const struct arena *arena)
{
	return unlikely(arena->core->dirty_bytes > arena->dirty_limit_bytes);
}

/*
 * Give back dirty pages if they are more than `limit_bytes` and an eighth of what is in use, but
 * for `keep_bytes` at the end, and it is of use. The lock is held.
 *
 * It is of use if the program does not come back for the pages. Whether it will is told by the last
 * time: if half as much as was given then is resident again, not counting pages that the heap had
 * never used, this purge waits twice as long as that one did, a quarter of a second at least,
 * else half as long. So what is freed for good goes at once, and a steady program, whatever it
 * frees and allocates, soon keeps its pages.
 */
void arena_purge(struct arena *arena, size_t limit_bytes, size_t keep_bytes);

#endif
