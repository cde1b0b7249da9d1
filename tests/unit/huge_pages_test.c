/* SPDX-License-Identifier: MIT */
/*
 * Huge pages: for which part of a heap the kernel is asked for them, as /proc/self/smaps has it.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "fixture.h"
#include "front/heap.h"

enum {
	HUGE_BYTES = 2 << 20,
	BEFORE_BYTES = 15 << 20, /* a heap that is too small for them */
	AFTER_BYTES = 24 << 20,
	SMALL_BYTES = 1000,
	LARGE_BYTES = 3 << 20,
	MAPPING_BYTES = 8 << 20,
};

static struct heap heap;
static struct arena *first;
static struct heap_caller caller;
static char is_alone;

static void begin_with(bool has_front, bool has_huge_pages)
{
	struct heap_config config = {
		.arena = {
			.strategy = strategies[0],
			.policy = strategies[0]->default_policy,
			.source = ARENA_MMAP,
			.key = 12345,
		},
		.arena_count_max = 1,
		.mmap_threshold_bytes = 2 * LARGE_BYTES,
		.has_front = has_front,
		.has_huge_pages = has_huge_pages,
	};
	first = aligned_alloc(64, arena_bytes(config.arena.strategy) / 64 * 64 + 64);
	memset(first, 0, arena_bytes(config.arena.strategy));
	memset(&heap, 0, sizeof(heap));
	cr_assert(heap_init(&heap, &config, first));
	caller = (struct heap_caller){NULL, &thread_heap_none};
	if (has_front)
		caller.small = thread_heap_begin(&heap);
	/* Whatever threads the test's own frame has. */
	is_alone = true;
	first->source.is_alone = &is_alone;
}

static void begin(void)
{
	begin_with(true, true);
}

static void begin_unwanted(void)
{
	begin_with(true, false);
}

static void begin_without_front(void)
{
	begin_with(false, true);
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

#define HUGE_PAGES_TEST(name) TEST_BETWEEN(huge_pages, name, begin, end)

static void *allocate(size_t bytes)
{
	void *p = heap_allocate_slow(&heap, &caller, bytes, ALIGN_BYTES, false);
	cr_assert_not_null(p);
	return p;
}

/* Until so much is mapped, on a machine where a page by itself takes `page_ns` to be had. */
static void grow_where(size_t bytes, uint32_t page_ns)
{
	while (first->source.mapped_bytes < bytes) {
		atomic_store(&first->source.page_ns, page_ns);
		allocate(SMALL_BYTES);
	}
}

/* The same where huge pages are always worth it. */
static void grow_to(size_t bytes)
{
	grow_where(bytes, UINT32_MAX);
}

/* Does the kernel's line of flags for the memory at `address` have `flag`? */
static bool has_flag(uintptr_t address, const char *flag)
{
	char line[512];
	bool is_here = false, has_it = false;
	FILE *maps = fopen("/proc/self/smaps", "r");
	cr_assert_not_null(maps);
	while (fgets(line, sizeof(line), maps) != NULL) {
		unsigned long from, to;
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			is_here = address >= from && address < to;
		else if (is_here && strncmp(line, "VmFlags:", 8) == 0)
			has_it = strstr(line, flag) != NULL;
	}
	fclose(maps);
	return has_it;
}

/* A kernel without huge pages has nothing to be asked for. */
static void need_huge_pages(void)
{
	void *p = mmap(NULL, HUGE_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool has_them = madvise(p, HUGE_BYTES, MADV_HUGEPAGE) == 0;
	munmap(p, HUGE_BYTES);
	if (!has_them)
		cr_skip_test("this kernel has no huge pages");
}

static uintptr_t heap_end_address(void)
{
	return first->source.last->base + first->source.last->bytes;
}

HUGE_PAGES_TEST(a_small_heap_asks_for_none)
{
	grow_to(BEFORE_BYTES);
	cr_expect_eq(first->source.huge_from, 0);
	cr_expect_not(has_flag(heap_end_address() - 1, " hg"));
}

HUGE_PAGES_TEST(a_large_one_grows_by_whole_ones)
{
	need_huge_pages();
	grow_to(AFTER_BYTES);
	uintptr_t end = heap_end_address();
	cr_expect_eq(end % HUGE_BYTES, 0);
	cr_expect(has_flag(end - 1, " hg"));
	cr_expect(has_flag(first->source.huge_from, " hg"));
	cr_expect_not(has_flag(first->source.huge_from - 1, " hg"));
	cr_expect_geq(first->source.huge_from - first->source.last->base, BEFORE_BYTES);
}

/* One is tried, to find that out. */
HUGE_PAGES_TEST(where_they_cost_more_than_pages_there_are_no_more)
{
	need_huge_pages();
	grow_where(AFTER_BYTES, 1);
	cr_expect_eq(first->source.huge_from_bytes, 0);
	cr_expect(has_flag(first->source.huge_from, " hg"));
	cr_expect_not(has_flag(first->source.huge_from + HUGE_BYTES, " hg"));
	cr_expect_not(has_flag(heap_end_address() - 1, " hg"));
}

/* As long as nothing is known of what pages cost: where they cannot be prefaulted. */
HUGE_PAGES_TEST(without_a_figure_for_pages_there_are_none)
{
	grow_where(AFTER_BYTES, 0);
	cr_expect_eq(first->source.huge_from, 0);
}

/* Others would find the heap locked while one is made. */
HUGE_PAGES_TEST(with_threads_there_are_none)
{
	is_alone = false;
	grow_to(AFTER_BYTES);
	cr_expect_eq(first->source.huge_from, 0);
}

/* Little of a large block may be touched. */
HUGE_PAGES_TEST(a_large_block_is_asked_for_none)
{
	grow_to(AFTER_BYTES);
	uintptr_t end = heap_end_address();
	allocate(LARGE_BYTES);
	cr_expect_gt(heap_end_address(), end);
	cr_expect_not(has_flag(heap_end_address() - 1, " hg"));
}

/* Or the kernel would fill the holes. */
HUGE_PAGES_TEST(none_are_wanted_once_pages_inside_went_back)
{
	need_huge_pages();
	grow_to(AFTER_BYTES);
	void *hole = allocate(LARGE_BYTES);
	memset(hole, 1, LARGE_BYTES);
	grow_to(first->source.mapped_bytes + LARGE_BYTES);
	uintptr_t huge = first->source.huge_from;
	cr_expect(has_flag(huge, " hg"));
	heap_free_slow(&heap, &caller, hole, "free");
	heap_trim(&heap, &caller, 0);
	cr_expect_not(has_flag(huge, " hg"));
	cr_expect(has_flag(huge, " nh"));
	cr_expect_eq(first->source.huge_from, 0);
	/* What the heap grows by later is another matter. */
	grow_to(first->source.mapped_bytes + 2 * HUGE_BYTES);
	cr_expect(has_flag(heap_end_address() - 1, " hg"));
}

static void *resize(void *p, size_t bytes)
{
	p = heap_resize(&heap, &caller, p, bytes);
	cr_assert_not_null(p);
	return p;
}

/* One that is large and full, or it would not grow; and it can be moved all the same. */
HUGE_PAGES_TEST(a_mapping_that_grows_has_them)
{
	need_huge_pages();
	char *p = allocate(MAPPING_BYTES - HUGE_BYTES);
	cr_expect_not(has_flag((uintptr_t)p, " hg"));
	p = resize(p, MAPPING_BYTES);
	cr_expect_not(has_flag((uintptr_t)p, " hg"), "while it was small");
	memset(p, 1, MAPPING_BYTES);
	for (size_t bytes = MAPPING_BYTES * 2; bytes <= MAPPING_BYTES * 8; bytes *= 2) {
		p = resize(p, bytes);
		cr_expect(has_flag((uintptr_t)p, " hg"), "%zu bytes", bytes);
		cr_expect(has_flag((uintptr_t)p + bytes - 1, " hg"), "%zu bytes", bytes);
		cr_expect_eq(p[0], 1);
		cr_expect_eq(p[MAPPING_BYTES - 1], 1);
	}
	heap_free_slow(&heap, &caller, p, "free");
}

TEST_BETWEEN(huge_pages, unwanted_there_are_none, begin_unwanted, end)
{
	grow_to(AFTER_BYTES);
	cr_expect_not(has_flag(heap_end_address() - 1, " hg"));
	char *p = resize(allocate(MAPPING_BYTES), 2 * MAPPING_BYTES);
	cr_expect_not(has_flag((uintptr_t)p, " hg"));
	heap_free_slow(&heap, &caller, p, "free");
}

TEST_BETWEEN(huge_pages, a_heap_without_front_end_has_none, begin_without_front, end)
{
	grow_to(AFTER_BYTES);
	cr_expect_not(has_flag(heap_end_address() - 1, " hg"));
}
