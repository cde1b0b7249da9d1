/* SPDX-License-Identifier: MIT */
/*
 * The slow side of the lock: spinning, sleeping and waking. See lock.h.
 */
#include "base/lock.h"

#include <linux/futex.h>
#include <sys/syscall.h>

#include "base/kernel_call.h"

/* A critical section of a heap lasts well under a microsecond: worth about this many polls. */
enum { LOCK_SPINS = 100 };

#if defined(__x86_64__)
#define SPIN_HINT "pause"
#else
#define SPIN_HINT "yield"
#endif

static void spin_pause(void)
{
	__asm__ volatile(SPIN_HINT);
}

static uint32_t *lock_futex(struct lock *lock)
{
	/* Little endian on both architectures: the low half is where the waiters bit is. */
	return (uint32_t *)(void *)&lock->word;
}

bool lock_spin(struct lock *lock, uintptr_t self)
{
	for (int i = 0; i < LOCK_SPINS; i++) {
		if (atomic_load_explicit(&lock->word, memory_order_relaxed) == 0 &&
		    lock_try(lock, self, false))
			return true;
		spin_pause();
	}
	return false;
}

static bool is_stopped(const _Atomic unsigned *stop)
{
	return stop != NULL && atomic_load(stop) != 0;
}

ALLOT_COLD bool lock_wait(struct lock *lock, uintptr_t self, const _Atomic unsigned *stop)
{
	if (is_stopped(stop))
		return false;
	if (lock_spin(lock, self))
		return true;
	for (;;) {
		uintptr_t word = atomic_load(&lock->word);
		if (word == 0) {
			/* Others may sleep still: take it marked, so that giving it wakes one. */
			if (atomic_compare_exchange_strong_explicit(
				    &lock->word, &word, self | LOCK_HAS_WAITERS,
				    memory_order_acquire, memory_order_relaxed))
				return true;
			continue;
		}
		uintptr_t marked = word | LOCK_HAS_WAITERS;
		if (word != marked &&
		    !atomic_compare_exchange_strong(&lock->word, &word, marked))
			continue;
		/*
		 * `stop` was set before its setter took the lock. So either the word is not his
		 * yet, and the kernel will see it change, or we see `stop` here.
		 */
		if (is_stopped(stop))
			return false;
		kernel_call(SYS_futex, (long)lock_futex(lock), FUTEX_WAIT_PRIVATE,
			    (long)(uint32_t)marked, 0, 0, 0);
		if (is_stopped(stop))
			return false;
	}
}

static void futex_wake(struct lock *lock, int count)
{
	kernel_call(SYS_futex, (long)lock_futex(lock), FUTEX_WAKE_PRIVATE, count, 0, 0, 0);
}

ALLOT_COLD void lock_give_waited(struct lock *lock)
{
	uintptr_t heir = atomic_exchange(&lock->heir, 0);
	if (heir == 0) {
		atomic_store(&lock->word, 0);
		futex_wake(lock, 1);
		return;
	}
	/* All wake: one is the heir, the others find it locked. */
	atomic_store(&lock->word, heir | LOCK_HAS_WAITERS);
	futex_wake(lock, INT32_MAX);
}

ALLOT_COLD void lock_inherit(struct lock *lock, uintptr_t self)
{
	atomic_store(&lock->heir, self);
	for (;;) {
		uintptr_t word = atomic_load(&lock->word);
		if ((word & ~(uintptr_t)LOCK_HAS_WAITERS) == self)
			return; /* handed over */
		if (word == 0) {
			if (!atomic_compare_exchange_strong(&lock->word, &word,
							    self | LOCK_HAS_WAITERS))
				continue;
			atomic_store(&lock->heir, 0);
			return;
		}
		uintptr_t marked = word | LOCK_HAS_WAITERS;
		if (word == marked || atomic_compare_exchange_strong(&lock->word, &word, marked))
			kernel_call(SYS_futex, (long)lock_futex(lock), FUTEX_WAIT_PRIVATE,
				    (long)(uint32_t)marked, 0, 0, 0);
	}
}

ALLOT_COLD void lock_wake_all(struct lock *lock)
{
	futex_wake(lock, INT32_MAX);
}
