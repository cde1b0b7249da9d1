/* SPDX-License-Identifier: MIT */
/*
 * Lock: it knows its owner, waiters get it, and a waiter can be told to give up.
 */
#include "base/lock.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <unistd.h>

enum { THREADS = 4, ROUNDS = 20000, SOME_TIME_US = 20000, TIMEOUT_S = 60 };

Test(lock, is_taken_once)
{
	struct lock lock = {0};
	cr_assert(lock_try(&lock, thread_self(), false));
	cr_assert_not(lock_try(&lock, thread_self(), false));
	lock_give(&lock, false);
	cr_assert(lock_try(&lock, thread_self(), false));
}

Test(lock, is_taken_once_by_a_process_of_one_thread)
{
	struct lock lock = {0};
	cr_assert(lock_try(&lock, thread_self(), true));
	cr_assert_not(lock_try(&lock, thread_self(), true));
	lock_give(&lock, true);
	cr_assert_eq(lock.word, 0);
}

Test(lock, knows_its_owner)
{
	struct lock lock = {0};
	uintptr_t self = thread_self(), other = self + 64;
	cr_assert_not(lock_is_mine(&lock, self));
	lock_take(&lock, self, false);
	cr_assert(lock_is_mine(&lock, self));
	cr_assert_not(lock_is_mine(&lock, other));
	lock.word |= LOCK_HAS_WAITERS;
	cr_assert(lock_is_mine(&lock, self), "the waiters' bit is not part of the name");
}

Test(lock, who_spins_does_not_sleep)
{
	struct lock lock = {0};
	uintptr_t self = thread_self(), other = self + 64;
	cr_assert(lock_spin(&lock, other));
	cr_assert_not(lock_spin(&lock, self), "given up, for it is not given");
	cr_assert(lock_is_mine(&lock, other), "and no trace is left");
	cr_assert_eq(lock.word & LOCK_HAS_WAITERS, 0);
}

/* ---- with threads ---- */

struct shared {
	struct lock lock;
	_Atomic unsigned stop;
	_Atomic int inside;
	_Atomic int arrived;
	bool was_refused;
	size_t count; /* guarded by the lock */
	bool is_damaged;
};

static void *count_up(void *context)
{
	struct shared *shared = context;
	uintptr_t self = thread_self();
	for (int i = 0; i < ROUNDS; i++) {
		lock_take(&shared->lock, self, false);
		if (atomic_fetch_add(&shared->inside, 1) != 0)
			shared->is_damaged = true;
		shared->count++;
		atomic_fetch_sub(&shared->inside, 1);
		lock_give(&shared->lock, false);
	}
	return NULL;
}

Test(lock, admits_one_thread_at_a_time, .timeout = TIMEOUT_S)
{
	static struct shared shared;
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, count_up, &shared), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	cr_assert_not(shared.is_damaged);
	cr_assert_eq(shared.count, THREADS * ROUNDS);
	cr_assert_eq(shared.lock.word, 0);
}

static void *wait_for_it(void *context)
{
	struct shared *shared = context;
	atomic_fetch_add(&shared->arrived, 1);
	if (lock_wait(&shared->lock, thread_self(), &shared->stop)) {
		shared->count++;
		lock_give(&shared->lock, false);
	} else {
		shared->was_refused = true;
	}
	return NULL;
}

static pthread_t waiter_start(struct shared *shared)
{
	pthread_t thread;
	cr_assert_eq(pthread_create(&thread, NULL, wait_for_it, shared), 0);
	while (atomic_load(&shared->arrived) == 0)
		usleep(100);
	usleep(SOME_TIME_US); /* long enough for it to sleep, on most days */
	return thread;
}

Test(lock, giving_it_wakes_a_sleeper, .timeout = TIMEOUT_S)
{
	static struct shared shared;
	lock_take(&shared.lock, thread_self(), false);
	pthread_t thread = waiter_start(&shared);
	lock_give(&shared.lock, false);
	pthread_join(thread, NULL);
	cr_assert_eq(shared.count, 1);
	cr_assert_eq(shared.lock.word, 0);
}

Test(lock, a_sleeper_can_be_turned_away, .timeout = TIMEOUT_S)
{
	static struct shared shared;
	lock_take(&shared.lock, thread_self(), false);
	pthread_t thread = waiter_start(&shared);
	atomic_store(&shared.stop, 1);
	lock_wake_all(&shared.lock);
	pthread_join(thread, NULL);
	cr_assert(shared.was_refused);
	cr_assert(lock_is_mine(&shared.lock, thread_self()));
}

Test(lock, nobody_waits_once_told_to_stop)
{
	struct lock lock = {0};
	_Atomic unsigned stop = 1;
	cr_assert_not(lock_wait(&lock, thread_self(), &stop));
	cr_assert_eq(lock.word, 0);
}

/* ---- the heir ---- */

static void *inherit(void *context)
{
	struct shared *shared = context;
	lock_inherit(&shared->lock, thread_self());
	shared->count++;
	lock_give(&shared->lock, false);
	return NULL;
}

Test(lock, the_heir_gets_it_while_others_come_and_go, .timeout = TIMEOUT_S)
{
	static struct shared shared;
	pthread_t threads[THREADS], heir;
	for (int i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, count_up, &shared), 0);
	cr_assert_eq(pthread_create(&heir, NULL, inherit, &shared), 0);
	pthread_join(heir, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	cr_assert_eq(shared.count, THREADS * ROUNDS + 1);
	cr_assert_eq(shared.lock.word, 0);
	cr_assert_eq(shared.lock.heir, 0);
}
