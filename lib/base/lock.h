/* SPDX-License-Identifier: MIT */
/*
 * A lock that knows its owner.
 *
 * The word is 0 when free, else the owner's thread pointer, with LOCK_HAS_WAITERS in bit 0 when
 * somebody sleeps on it. Knowing the owner is what lets a signal handler that interrupted the
 * heap find out that waiting would be for ever, and what lets the child of a fork tell its own
 * locks from those of threads that no longer exist.
 *
 * While the process has one thread, taking the lock is a load and a store without an atomic
 * operation: `is_alone` says so, and nobody else can run between the two but a signal handler of
 * the same thread, which leaves the word as it found it.
 *
 * Waiting: spin a little, then mark the word and sleep by futex on its low half. A lock is given
 * to whoever comes first, so a waiter may starve beside a thread that takes it again and again.
 * Who must not (a fork) waits as the heir: the owner hands the lock over to it.
 */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

enum { LOCK_HAS_WAITERS = 1 };

struct lock {
	_Atomic uintptr_t word;
	_Atomic uintptr_t heir; /* who gets it next whatever comes, 0: nobody */
};

/* Who runs: the thread pointer, distinct for every live thread and never 0. */
static inline uintptr_t thread_self(void)
{
	return (uintptr_t)__builtin_thread_pointer();
}

/*
 * Wait for the lock and take it. If `stop` is given, give up as soon as it is not 0: false then.
 * Whoever sets it must take the lock itself afterwards and call lock_wake_all().
 */
bool lock_wait(struct lock *lock, uintptr_t self, const _Atomic unsigned *stop);
/* Take the lock if it is given within about as long as a heap holds one. Never sleeps. */
bool lock_spin(struct lock *lock, uintptr_t self);
/* Take the lock as its heir; one thread at a time may. */
void lock_inherit(struct lock *lock, uintptr_t self);
/* Give a lock that somebody waits for. */
void lock_give_waited(struct lock *lock);
void lock_wake_all(struct lock *lock);

/* Take the lock if it is free. Never blocks. */
ALLOT_INLINE bool lock_try(struct lock *lock, uintptr_t self, bool is_alone)
{
	uintptr_t free_word = 0;
	if (is_alone) {
		if (atomic_load_explicit(&lock->word, memory_order_relaxed) != 0)
			return false;
		atomic_store_explicit(&lock->word, self, memory_order_relaxed);
		return true;
	}
	return atomic_compare_exchange_strong_explicit(&lock->word, &free_word, self,
						       memory_order_acquire, memory_order_relaxed);
}

/* Does the calling thread hold the lock? True in a signal handler that interrupted the holder. */
static inline bool lock_is_mine(struct lock *lock, uintptr_t self)
{
	uintptr_t word = atomic_load_explicit(&lock->word, memory_order_relaxed);
	return (word & ~(uintptr_t)LOCK_HAS_WAITERS) == self;
}

/* Take the lock, waiting for its owner, which must not be the caller. */
static inline void lock_take(struct lock *lock, uintptr_t self, bool is_alone)
{
	if (unlikely(!lock_try(lock, self, is_alone)))
		lock_wait(lock, self, NULL);
}

ALLOT_INLINE void lock_give(struct lock *lock, bool is_alone)
{
	if (is_alone) {
		/* A signal handler cannot leave a waiter behind, and there is no other thread. */
		atomic_store_explicit(&lock->word, 0, memory_order_relaxed);
		return;
	}
	uintptr_t self = thread_self();
	if (unlikely(!atomic_compare_exchange_strong_explicit(
		    &lock->word, &self, 0, memory_order_release, memory_order_relaxed)))
		lock_give_waited(lock);
}

#endif
