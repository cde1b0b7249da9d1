/* SPDX-License-Identifier: MIT */
/*
 * Arenas: what a call does that finds an arena's lock taken, by another thread, by a fork, or by
 * the very call that its signal handler interrupted.
 *
 * Other threads are played here by words in locks: what counts is whose name stands there.
 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "front/heap.h"
#include "fixture.h"
#include "kernel_call_faulty.h"

enum { SOME_TIME_US = 20000, MANY = 3 * PENDING_SLOTS };

static struct heap heap;
static struct arena *first;
static struct heap_caller caller = {NULL, &thread_heap_none};
static size_t reports;

static void count_report(const struct heap_fault *fault, void *context)
{
	(void)fault, (void)context;
	reports++;
}

static void begin_with(size_t arena_count_max)
{
	struct heap_config config = {
		.arena = {
			.strategy = strategies[0],
			.policy = strategies[0]->default_policy,
			.source = ARENA_MMAP,
			.key = 12345,
		},
		.arena_count_max = arena_count_max,
		.report = count_report,
	};
	kernel_faults = (struct kernel_faults){.number = CALL_ANY};
	first = aligned_alloc(64, arena_bytes(config.arena.strategy) / 64 * 64 + 64);
	memset(first, 0, arena_bytes(config.arena.strategy));
	memset(&heap, 0, sizeof(heap));
	reports = 0;
	cr_assert(heap_init(&heap, &config, first));
	caller.arena = first;
	/* Other threads there are, even if not just now: no lock is taken the short way. */
	__libc_single_threaded = false;
}

static void begin(void)
{
	begin_with(4);
}

static void end(void)
{
	char chars[128];
	struct text message;
	text_init(&message, chars, sizeof(chars));
	cr_expect(heap_check(&heap, &message), "%s", chars);
	cr_expect_eq(reports, 0);
	heap_finish(&heap);
	cr_expect_eq(kernel_faults.mapped_bytes, 0, "%zu bytes were not given back",
		     kernel_faults.mapped_bytes);
	free(first);
}

#define ARENA_TEST(name) TEST_BETWEEN(arena, name, begin, end)

static void *allocate(size_t bytes)
{
	void *p = heap_allocate_slow(&heap, &caller, bytes, ALIGN_BYTES, false);
	cr_assert_not_null(p);
	memset(p, 1, bytes);
	return p;
}

static void release(void *p)
{
	heap_free_slow(&heap, &caller, p, "free");
}

static struct arena *arena_of(const void *p)
{
	struct region *region = owners_region(&heap.owners, (uintptr_t)p);
	return region == NULL ? NULL : region->heap;
}

static uintptr_t somebody(void)
{
	return thread_self() + 4096;
}

/* Is the block at `p` still live for its strategy? */
static bool is_live(void *p)
{
	return heap_usable_bytes(&heap, p) > 0;
}

/* ---- several arenas ---- */

ARENA_TEST(an_arena_grows_only_when_no_other_has_room)
{
	enum { BYTES = 60000, ROOM_BLOCKS = 40 };
	void *blocks[ROOM_BLOCKS];
	heap_set_thresholds(&heap, SIZE_MAX, SIZE_MAX - 1);
	for (size_t i = 0; i < ROOM_BLOCKS; i++)
		blocks[i] = allocate(BYTES);
	/* Somebody is in the first arena for long: a second one is made, with some room. */
	lock_take(&first->lock, somebody(), false);
	struct arena *second = arena_of(allocate(BYTES));
	atomic_store(&first->lock.word, 0);
	cr_assert_neq(second, first);
	for (size_t i = 0; i < ROOM_BLOCKS; i++)
		release(blocks[i]);
	size_t second_bytes = second->source.mapped_bytes;
	size_t from_first = 0;
	for (size_t i = 0; i < ROOM_BLOCKS; i++) {
		caller.arena = second;
		from_first += arena_of(allocate(BYTES)) == first;
	}
	cr_expect_eq(second->source.mapped_bytes, second_bytes);
	cr_expect(from_first > ROOM_BLOCKS / 2, "%zu", from_first);
	/* Now neither has room. */
	for (size_t i = 0; i < ROOM_BLOCKS; i++) {
		caller.arena = second;
		allocate(BYTES);
	}
	cr_expect(second->source.mapped_bytes > second_bytes);
}

/* ---- a call that interrupted another in the same arena ---- */

ARENA_TEST(a_handler_inside_the_arena_gets_a_mapping)
{
	lock_take(&first->lock, thread_self(), false);
	void *p = allocate(100);
	cr_assert_null(arena_of(p));
	cr_assert_eq(heap.owners.mapping_count, 1);
	release(p);
	cr_assert_eq(heap.owners.mapping_count, 0);
	lock_give(&first->lock, false);
}

ARENA_TEST(a_handler_inside_the_arena_leaves_its_frees_pending)
{
	void *p = allocate(100);
	lock_take(&first->lock, thread_self(), false);
	release(p);
	cr_assert_eq(first->pending_count, 1);
	lock_give(&first->lock, false);
	allocate(5000); /* whoever enters next frees it */
	cr_assert_eq(first->pending_count, 0);
	cr_assert_not(is_live(p));
}

ARENA_TEST(any_number_of_frees_can_be_pending)
{
	void *blocks[MANY];
	for (size_t i = 0; i < MANY; i++)
		blocks[i] = allocate(100);
	lock_take(&first->lock, thread_self(), false);
	for (size_t i = 0; i < MANY; i++)
		release(blocks[i]);
	cr_assert_eq(first->pending_count, MANY);
	lock_give(&first->lock, false);
	cr_assert(arena_enter(first, thread_self(), false));
	arena_leave(first, false);
	cr_assert_eq(first->pending_count, 0);
	for (size_t i = 0; i < MANY; i++)
		cr_assert_not(is_live(blocks[i]));
}

ARENA_TEST(a_handler_inside_the_arena_can_resize)
{
	char *p = allocate(100);
	memset(p, 7, 100);
	lock_take(&first->lock, thread_self(), false);
	char *moved = heap_resize(&heap, &caller, p, 200);
	cr_assert_not_null(moved);
	cr_assert_eq(moved[0] | moved[99], 7);
	lock_give(&first->lock, false);
	release(moved);
}

/* ---- contention ---- */

ARENA_TEST(a_busy_arena_makes_a_second_one)
{
	first->lock.word = somebody();
	void *p = allocate(100);
	struct arena *second = arena_of(p);
	cr_assert_not_null(second);
	cr_assert_neq(second, first);
	cr_assert_eq(heap.arena_count, 2);
	cr_assert_eq(caller.arena, second, "and its maker stays there");
	first->lock.word = 0;
	void *q = allocate(100);
	cr_assert_eq(arena_of(q), second);
	release(p);
	cr_assert_eq(heap.arena_count, 2);
}

ARENA_TEST(a_second_one_that_is_free_is_used)
{
	first->lock.word = somebody();
	allocate(100);
	caller.arena = first;
	allocate(100);
	cr_assert_eq(heap.arena_count, 2);
	first->lock.word = 0;
}

ARENA_TEST(a_block_is_freed_where_it_came_from)
{
	void *p = allocate(100);
	first->lock.word = somebody();
	void *q = allocate(100);
	first->lock.word = 0;
	cr_assert_neq(arena_of(p), arena_of(q));
	release(p);
	release(q);
	cr_assert_not(is_live(p));
	cr_assert_not(is_live(q));
}

static void *let_go(void *context)
{
	struct lock *lock = context;
	usleep(SOME_TIME_US);
	lock_give(lock, false);
	return NULL;
}

ARENA_TEST(at_the_bound_callers_wait)
{
	pthread_t thread;
	heap.config.arena_count_max = 1;
	first->lock.word = somebody();
	cr_assert_eq(pthread_create(&thread, NULL, let_go, &first->lock), 0);
	void *p = allocate(100);
	pthread_join(thread, NULL);
	cr_assert_eq(arena_of(p), first);
	cr_assert_eq(heap.arena_count, 1);
}

ARENA_TEST(a_full_arena_falls_back_on_what_others_have)
{
	first->lock.word = somebody();
	void *p = allocate(100);
	struct arena *second = caller.arena;
	first->lock.word = 0;
	release(p);
	/* No more pages for anybody; the second arena has some left. */
	caller.arena = first;
	kernel_faults.counted = 0;
	kernel_faults.fail_at = 1;
	kernel_faults.from_then_on = true;
	kernel_faults.error = 12;
	void *q = allocate(100);
	kernel_faults.fail_at = 0;
	cr_assert_eq(arena_of(q), second);
}

/* ---- fork ---- */

ARENA_TEST(while_a_fork_holds_the_locks_nobody_waits)
{
	void *p = allocate(100);
	atomic_fetch_add(&heap.freeze_count, 1);
	heap_freeze(&heap);
	first->lock.word = somebody(); /* the fork is another thread's */
	void *q = allocate(100);
	cr_assert_null(arena_of(q));
	release(p);
	cr_assert_eq(first->pending_count, 1);
	atomic_fetch_sub(&heap.freeze_count, 1);
	heap_thaw(&heap);
	cr_assert_eq(first->lock.word, 0);
	release(allocate(100));
	cr_assert_eq(first->pending_count, 0);
	cr_assert_not(is_live(p));
	release(q);
}

ARENA_TEST(the_child_has_its_locks_back)
{
	atomic_fetch_add(&heap.freeze_count, 1);
	heap_freeze(&heap);
	heap_thaw_child(&heap);
	cr_assert_eq(heap.freeze_count, 0);
	cr_assert_eq(first->lock.word, 0);
	cr_assert_eq(arena_of(allocate(100)), first);
}

ARENA_TEST(the_child_gives_up_arenas_whose_owner_is_gone)
{
	void *p = allocate(100);
	first->lock.word = somebody();
	heap_thaw_child(&heap);
	cr_assert(first->is_abandoned);
	void *q = allocate(100);
	cr_assert_neq(arena_of(q), first);
	release(p); /* which stays as it is */
	release(q);
	first->is_abandoned = false;
	first->lock.word = 0;
	release(allocate(100));
}

/* ---- purging ---- */

enum { LARGE_BYTES = 100 << 10, LARGE_COUNT = 256, CYCLES = 50 };

static void *large[LARGE_COUNT];

static void large_allocate(void)
{
	for (size_t i = 0; i < LARGE_COUNT; i++) {
		large[i] = heap_allocate_slow(&heap, &caller, LARGE_BYTES, ALIGN_BYTES, false);
		cr_assert_not_null(large[i]);
	}
}

static void large_free(void)
{
	for (size_t i = 0; i < LARGE_COUNT; i++)
		heap_free_slow(&heap, &caller, large[i], "free");
}

ARENA_TEST(what_is_freed_for_good_is_given_back_at_once)
{
	void *wall;
	large_allocate();
	wall = heap_allocate_slow(&heap, &caller, LARGE_BYTES, ALIGN_BYTES, false);
	large_free();
	cr_assert(first->core->dirty_bytes < LARGE_COUNT * LARGE_BYTES / 4,
		  "%zu bytes are dirty", first->core->dirty_bytes);
	heap_free_slow(&heap, &caller, wall, "free");
}

/* Interrupted for a second now and then, it would purge once more each time. */
ARENA_TEST(a_steady_program_soon_keeps_its_pages)
{
	size_t calls = 0;
	for (size_t i = 0; i < CYCLES; i++) {
		size_t before = kernel_faults.counted;
		large_allocate();
		large_free();
		calls = kernel_faults.counted - before;
	}
	cr_assert_leq(calls, 2, "%zu system calls in a cycle", calls);
	cr_assert(first->core->dirty_bytes > LARGE_COUNT * LARGE_BYTES / 2);
}
