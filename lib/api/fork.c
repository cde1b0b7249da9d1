/* SPDX-License-Identifier: MIT */
/*
 * Fork: the child gets a heap that is whole, whatever the other threads were doing.
 *
 * Before the fork every arena's lock is taken, so that no strategy is caught half-way; after it,
 * parent and child give them back. Three traps, each of which has hung an allocator:
 *
 *   - The fork, holding our locks, waits for a lock of stdio; its owner waits for a FILE, whose
 *     owner waits for malloc. So nobody ever waits for a lock that a fork holds: such calls get a
 *     mapping, or leave the block pending (front/arena.h). Who waited already is turned away.
 *   - Two threads fork at once; glibc does not serialise their handlers. The first takes the
 *     locks, the others join it, the last to leave gives them back.
 *   - A signal handler that interrupted malloc, or these very handlers, forks. Locks its own
 *     thread holds are left alone: the interrupted call goes on, in the child too, and gives them
 *     back itself.
 *
 * In the child, an arena whose lock is held by a thread that does not exist there (it was made
 * while the locks were being taken) may be half-way and is given up: nothing is taken from it or
 * freed into it again.
 */
#include <pthread.h>

#include "api/record.h"
#include "os/thread.h"

/* The thread that is taking or giving back the locks just now, 0 if none is. */
static _Atomic uintptr_t in_transition;
/* All locks are taken. */
static _Atomic bool is_taken;

/* Wait until no other thread is in transition, and be it. False: it is this very thread. */
static bool transition_begin(uintptr_t self)
{
	uintptr_t nobody = 0;
	while (!atomic_compare_exchange_weak(&in_transition, &nobody, self)) {
		if (nobody == self)
			return false;
		nobody = 0;
		os_yield();
	}
	return true;
}

static void transition_end(void)
{
	atomic_store(&in_transition, 0);
}

void fork_prepare(void)
{
	if (!process_prepare() || !transition_begin(thread_self()))
		return;
	atomic_fetch_add(&process.heap.freeze_count, 1);
	if (!atomic_load(&is_taken)) {
		heap_freeze(&process.heap);
		atomic_store(&is_taken, true);
	}
	transition_end();
}

void fork_parent(void)
{
	if (!process_prepare() || !transition_begin(thread_self()))
		return;
	/* 0: an inner fork of the same thread has given back all. */
	if (atomic_load(&process.heap.freeze_count) > 0 &&
	    atomic_fetch_sub(&process.heap.freeze_count, 1) == 1) {
		atomic_store(&is_taken, false);
		heap_thaw(&process.heap);
	}
	transition_end();
}

void fork_child(void)
{
	if (!process_prepare())
		return;
	uintptr_t transition = atomic_load(&in_transition);
	if (transition == thread_self())
		return;
	atomic_store(&in_transition, 0); /* it was another thread's, which is gone */
	atomic_store(&is_taken, false);
	heap_thaw_child(&process.heap);
	if (process.recording == RECORDED)
		record_fork_child();
}

__attribute__((constructor)) static void fork_register(void)
{
	pthread_atfork(fork_prepare, fork_parent, fork_child);
}
