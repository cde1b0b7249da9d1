/* SPDX-License-Identifier: MIT */
/*
 * Prefaults: which pages beyond what a heap has handed out are resident, and when.
 */
#include "front/prefault.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "fixture.h"
#include "front/heap.h"
#include "kernel_call_faulty.h"

enum {
	LITTLE_BYTES = 3 << 20,  /* a heap that is too small for prefaults */
	GROWN_BYTES = 32 << 20,  /* one that is large enough for the largest */
	LARGE_BYTES = 200 << 10, /* a block that is larger than what is prefaulted */
	PAGE_BYTES = 4096,
};

static struct heap heap;
static struct arena *first;
static struct heap_caller caller;
static volatile size_t object_bytes = 200; /* which the compiler does not know */

static void begin_with(bool has_front)
{
	struct heap_config config = {
		.arena = {
			.strategy = strategies[0],
			.policy = strategies[0]->default_policy,
			.source = ARENA_MMAP,
			.key = 12345,
		},
		.arena_count_max = 1,
		.mmap_threshold_bytes = LARGE_BYTES * 2,
		.has_front = has_front,
	};
	kernel_faults = (struct kernel_faults){.number = SYS_madvise};
	first = aligned_alloc(64, arena_bytes(config.arena.strategy) / 64 * 64 + 64);
	memset(first, 0, arena_bytes(config.arena.strategy));
	memset(&heap, 0, sizeof(heap));
	cr_assert(heap_init(&heap, &config, first));
	caller = (struct heap_caller){NULL, &thread_heap_none};
	if (has_front)
		caller.small = thread_heap_begin(&heap);
}

static void begin(void)
{
	begin_with(true);
}

static void begin_without_front(void)
{
	begin_with(false);
}

static void end(void)
{
	char chars[128];
	struct text message;
	text_init(&message, chars, sizeof(chars));
	cr_expect(heap_check(&heap, &message), "%s", chars);
	heap_finish(&heap);
	free(first);
}

#define PREFAULT_TEST(name) TEST_BETWEEN(prefault, name, begin, end)

static void *allocate(size_t bytes)
{
	void *p = heap_allocate_slow(&heap, &caller, bytes, ALIGN_BYTES, false);
	cr_assert_not_null(p);
	return p;
}

/* Small objects, touched, until so much is in use. */
static void grow_to(size_t bytes)
{
	while (first->source.mapped_bytes - first->core->idle_bytes < bytes) {
		void *p = thread_heap_try_allocate(&caller, object_bytes);
		if (p == NULL)
			p = allocate(object_bytes);
		memset(p, 1, object_bytes);
	}
}

/* Bytes in whole pages that are resident behind all that was handed out. */
static size_t resident_ahead_bytes(void)
{
	static unsigned char is_resident[(64 << 20) / PAGE_BYTES];
	const struct region *last = first->source.last;
	uintptr_t begin = align_up(first->core->zero_from, PAGE_BYTES);
	/* The last page has the end's tag. */
	size_t bytes = size_minus(last->base + last->bytes - PAGE_BYTES, begin);
	size_t count = 0;
	cr_assert_eq(mincore((void *)begin, bytes, is_resident), 0);
	for (size_t i = 0; i < bytes / PAGE_BYTES; i++)
		count += is_resident[i] & 1;
	return count * PAGE_BYTES;
}

PREFAULT_TEST(a_small_heap_has_no_page_ahead)
{
	grow_to(LITTLE_BYTES);
	cr_expect_eq(resident_ahead_bytes(), 0);
	cr_expect_eq(kernel_faults.counted, 0);
}

PREFAULT_TEST(a_growing_heap_is_never_far_ahead)
{
	size_t most_bytes = 0;
	for (size_t bytes = LITTLE_BYTES; bytes < GROWN_BYTES; bytes += SLAB_BYTES) {
		grow_to(bytes);
		size_t ahead_bytes = resident_ahead_bytes();
		cr_assert_leq(ahead_bytes, bytes / 128, "%zu bytes ahead of %zu", ahead_bytes,
			      bytes);
		most_bytes = size_max(most_bytes, ahead_bytes);
	}
	cr_expect_gt(most_bytes, PREFAULT_BYTES_MAX / 2);
	cr_expect_leq(most_bytes, PREFAULT_BYTES_MAX);
}

/* One call makes many pages resident. */
PREFAULT_TEST(a_call_is_made_once_in_many_pages)
{
	grow_to(GROWN_BYTES);
	size_t calls = kernel_faults.counted;
	grow_to(GROWN_BYTES + (4 << 20));
	calls = kernel_faults.counted - calls;
	cr_expect_gt(calls, 0);
	/* Fewer pages where what the source gave ends. */
	cr_expect_leq(calls, (4 << 20) / PREFAULT_BYTES_MAX * 5 / 4, "%zu calls", calls);
}

PREFAULT_TEST(nothing_of_a_large_block_is_resident)
{
	grow_to(GROWN_BYTES);
	/* The end of what was ahead, then one in fresh memory. */
	allocate(LARGE_BYTES);
	size_t calls = kernel_faults.counted;
	unsigned char is_resident[LARGE_BYTES / PAGE_BYTES];
	char *p = allocate(LARGE_BYTES);
	cr_expect_eq(kernel_faults.counted, calls);
	uintptr_t begin = align_up((uintptr_t)p, PAGE_BYTES);
	cr_assert_eq(mincore((void *)begin, sizeof(is_resident) * PAGE_BYTES - PAGE_BYTES,
			     is_resident), 0);
	for (size_t i = 0; i < sizeof(is_resident) - 1; i++)
		cr_expect_eq(is_resident[i] & 1, 0, "page %zu", i);
	cr_expect_eq(resident_ahead_bytes(), 0);
}

/* What was given back at the end is prefaulted again when the heap grows there again. */
PREFAULT_TEST(a_heap_that_shrank_is_prefaulted_again)
{
	grow_to(GROWN_BYTES);
	void *block = allocate(LARGE_BYTES);
	heap_free_slow(&heap, &caller, block, "free");
	heap_trim(&heap, &caller, 0);
	cr_expect_eq(resident_ahead_bytes(), 0);
	size_t calls = kernel_faults.counted;
	grow_to(GROWN_BYTES + (1 << 20));
	cr_expect_gt(kernel_faults.counted, calls);
}

/* An older kernel, or one without memory: the program's accesses do it. */
PREFAULT_TEST(a_refusal_changes_nothing)
{
	kernel_faults.fail_at = 1;
	kernel_faults.from_then_on = true;
	kernel_faults.error = 22;
	grow_to(GROWN_BYTES);
	cr_expect_gt(kernel_faults.failed, 0);
	cr_expect_eq(resident_ahead_bytes(), 0);
}

TEST_BETWEEN(prefault, a_heap_without_front_end_has_none, begin_without_front, end)
{
	while (first->source.mapped_bytes - first->core->idle_bytes < GROWN_BYTES)
		memset(allocate(object_bytes), 1, object_bytes);
	cr_expect_eq(kernel_faults.counted, 0);
	cr_expect_eq(resident_ahead_bytes(), 0);
}
