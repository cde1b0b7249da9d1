/* SPDX-License-Identifier: MIT */
/*
 * Replay by several threads: each makes the calls that its thread made, one after another.
 *
 * The merged order of the trace is kept by a baton: whoever has it makes calls until the trace goes
 * on with another thread, hands it over and sleeps. So an allocator sees the threads it would see,
 * and what it keeps for each; what it would lose by contention it does not. A thread begins with
 * its first call and ends after its last.
 *
 * Stacks are ours, resident from the start and left out of the figures.
 */
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "replay_helper.h"
#include "replay_memory.h"

enum {
	STACK_BYTES = 128 * 1024,
	THREAD_NONE = UINT32_MAX,
};

struct runner {
	pthread_t thread;
	void *stack;
	struct baton *baton;
	uint32_t number;
	_Atomic uint32_t has_turn; /* futex */
	bool is_ending;
	bool is_there;
};

struct baton {
	struct replayer *replayer;
	struct runner *runners;
	_Atomic uint32_t is_done;
};

static void turn_wait(struct runner *runner)
{
	while (atomic_load(&runner->has_turn) == 0)
		syscall(SYS_futex, &runner->has_turn, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
	atomic_store(&runner->has_turn, 0);
}

static void turn_give(struct runner *runner)
{
	atomic_store(&runner->has_turn, 1);
	syscall(SYS_futex, &runner->has_turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* Memory of ours has come, or gone: figures are those of the heap alone. */
static void own_later_add(struct replayer *r, int64_t bytes)
{
	r->own_later_bytes += (uint64_t)bytes;
	r->resident_before += (uint64_t)bytes;
	r->mapped_before += (uint64_t)bytes;
	if (r->own_later_bytes > r->own_later_bytes_peak)
		r->own_later_bytes_peak = r->own_later_bytes;
}

static void *runner_main(void *argument);

/* Page faults so far, of populating memory as well. */
static uint64_t faults_read(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (uint64_t)usage.ru_minflt;
}

/* Begin the thread, asleep. False: the system gives no more of them. */
static bool runner_begin(struct baton *baton, uint32_t number)
{
	struct runner *runner = &baton->runners[number];
	pthread_attr_t attributes;

	if (runner->is_there)
		return true;
	uint64_t before = faults_read();
	runner->stack = helper_memory(STACK_BYTES);
	own_later_add(baton->replayer, STACK_BYTES);
	runner->baton = baton;
	runner->number = number;
	pthread_attr_init(&attributes);
	pthread_attr_setstack(&attributes, runner->stack, STACK_BYTES);
	runner->is_there =
		pthread_create(&runner->thread, &attributes, runner_main, runner) == 0;
	pthread_attr_destroy(&attributes);
	baton->replayer->own_later_faults += faults_read() - before;
	return runner->is_there;
}

/* Have a thread end, which waits for its turn, and wait until it is gone. */
static void runner_end(struct runner *runner)
{
	if (!runner->is_there || runner->number == 0)
		return;
	runner->is_ending = true;
	turn_give(runner);
	pthread_join(runner->thread, NULL);
	runner->is_there = false;
	munmap(runner->stack, STACK_BYTES);
	own_later_add(runner->baton->replayer, -STACK_BYTES);
}

/* Hand the baton over, if the trace says so, and come back with it. */
static void turn_pass(struct runner *from)
{
	struct baton *baton = from->baton;
	struct replayer *r = baton->replayer;

	if (r->thread_ended != THREAD_NONE) {
		uint32_t ended = r->thread_ended;
		r->thread_ended = THREAD_NONE;
		if (ended != from->number)
			runner_end(&baton->runners[ended]);
		return;
	}
	if (r->turn_next == from->number || r->turn_next >= r->head.thread_count ||
	    !runner_begin(baton, r->turn_next))
		return;
	turn_give(&baton->runners[r->turn_next]);
	turn_wait(from);
}

/* Make calls while it is this thread's turn. Returns when it shall end, or there is no more. */
static void calls_make(struct runner *runner)
{
	struct replayer *r = runner->baton->replayer;

	while (!runner->is_ending && !atomic_load(&runner->baton->is_done)) {
		if (!replay_batch(r))
			turn_pass(runner);
		else if (!replay_refill(r))
			atomic_store(&runner->baton->is_done, 1);
	}
}

static void *runner_main(void *argument)
{
	struct runner *runner = argument;

	turn_wait(runner);
	calls_make(runner);
	/* At the end of the trace the main thread goes on; nobody else moves any more. */
	if (!runner->is_ending) {
		turn_give(&runner->baton->runners[0]);
		for (;;)
			pause();
	}
	return NULL;
}

void baton_replay(struct replayer *r)
{
	static struct baton baton;

	baton.replayer = r;
	size_t bytes = r->head.thread_count * sizeof(*baton.runners);
	uint64_t before = faults_read();
	baton.runners = helper_memory(bytes);
	r->own_later_faults += faults_read() - before;
	own_later_add(r, (int64_t)((bytes + r->page_bytes - 1) / r->page_bytes * r->page_bytes));
	r->thread_ended = THREAD_NONE;
	baton.runners[0] = (struct runner){ .baton = &baton, .is_there = true };
	calls_make(&baton.runners[0]);
}
