/* SPDX-License-Identifier: MIT */
/*
 * Heap: thresholds and mappings, resizing across them, trimming, zeroing, misuse, the books; for
 * every strategy where it matters.
 */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "choice.h"
#include "heap_fixture.h"
#include "random.h"

enum { NAMES_MAX = 32, LARGE_BYTES = 200 << 10 };

/* ---- every strategy ---- */

struct name {
	char chars[64];
};

static struct criterion_test_params every_strategy(void)
{
	static struct name names[NAMES_MAX];
	struct allot_strategy strategy;
	size_t count = 0;
	for (; count < NAMES_MAX && allot_strategy_get(count, &strategy); count++)
		snprintf(names[count].chars, sizeof(names[count].chars), "strategy:%s",
			 strategy.name);
	return cr_make_param_array(struct name, names, count);
}

#define EVERY_STRATEGY(suite, test)                                                               \
	ParameterizedTestParameters(suite, test) { return every_strategy(); }                     \
	ParameterizedTest(struct name *name, suite, test)

static struct allot_heap *heap;

static struct allot_heap *heap_with(const struct name *name, const char *more)
{
	char conf[128];
	snprintf(conf, sizeof(conf), "%s,%s", name->chars, more);
	return heap_of(conf);
}

/* ---- mappings ---- */

static bool is_mapping(const void *p)
{
	return block_at(heap, p).is_own_mapping;
}

EVERY_STRATEGY(heap, large_requests_get_a_mapping)
{
	heap = heap_with(name, "mmap_threshold:100k");
	cr_assert_not(is_mapping(take(heap, (100 << 10) - 1)));
	cr_assert(is_mapping(take(heap, 100 << 10)));
	cr_assert(is_mapping(take(heap, 10 << 20)));
	cr_assert_eq(statistics_of(heap).own_mapping_blocks, 2);
	heap_end(heap);
}

EVERY_STRATEGY(heap, threshold_rises_when_a_mapping_is_freed)
{
	heap = heap_of(name->chars);
	void *p = take(heap, LARGE_BYTES);
	cr_assert(is_mapping(p));
	allot_heap_free(heap, p);
	cr_assert_not(is_mapping(take(heap, LARGE_BYTES)));
	cr_assert(is_mapping(take(heap, 40 << 20)));
	heap_end(heap);
}

/* Is every byte zero? Then none is. */
static bool was_zero(unsigned char *bytes, size_t count)
{
	bool is_zero = true;
	for (size_t i = 0; i < count; i++)
		is_zero &= bytes[i] == 0;
	memset(bytes, 0xA5, count);
	return is_zero;
}

static void zeroed_among_others(const char *conf)
{
	enum { SLOTS = 24, STEPS = 6000, LOG2_MAX = 20, TRIM_EVERY = 50 };
	struct random_source random = {.state = 20};
	unsigned char *blocks[SLOTS] = {NULL};
	heap = heap_of(conf);
	for (size_t step = 0; step < STEPS; step++) {
		size_t slot = random_below(&random, SLOTS);
		size_t bytes = random_below(&random, (size_t)1 << random_below(&random, LOG2_MAX));
		if (blocks[slot] != NULL && random_below(&random, 4) == 0) {
			unsigned char *p = allot_heap_resize(heap, blocks[slot], bytes + 1);
			cr_assert_not_null(p);
			memset(p, 0xA5, bytes + 1);
			blocks[slot] = p;
			continue;
		}
		allot_heap_free(heap, blocks[slot]);
		blocks[slot] = allot_heap_allocate_zeroed(heap, 1, bytes + 1);
		cr_assert_not_null(blocks[slot]);
		cr_assert(was_zero(blocks[slot], bytes + 1), "%s: step %zu", conf, step);
		if (random_below(&random, TRIM_EVERY) == 0)
			allot_heap_trim(heap, random_below(&random, 1 << 20));
	}
	heap_end(heap);
}

EVERY_STRATEGY(heap, zeroed_blocks_are_zero_whatever_was_there)
{
	static const char *const more[] = {"mmap_threshold:1g", "mmap_threshold:1g,source:sbrk",
					   "mmap_threshold:1g,trim_threshold:1g"};
	for (size_t i = 0; i < sizeof(more) / sizeof(*more); i++) {
		char conf[128];
		snprintf(conf, sizeof(conf), "%s,%s", name->chars, more[i]);
		zeroed_among_others(conf);
	}
}

/* How many pages of [p, p + bytes) are resident. */
static size_t resident_pages(const void *p, size_t bytes)
{
	enum { PAGES_MAX = 4096 };
	static unsigned char is_resident[PAGES_MAX];
	size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE), count = 0;
	uintptr_t begin = (uintptr_t)p / page_bytes * page_bytes;
	size_t pages = ((uintptr_t)p + bytes - begin + page_bytes - 1) / page_bytes;
	cr_assert(pages <= PAGES_MAX);
	cr_assert_eq(mincore((void *)begin, pages * page_bytes, is_resident), 0);
	for (size_t i = 0; i < pages; i++)
		count += is_resident[i] & 1;
	return count;
}

Test(heap, zeroed_blocks_of_fresh_memory_are_not_touched)
{
	static const char *const tagged[] = {"implicit", "explicit", "segregated"};
	for (size_t i = 0; i < sizeof(tagged) / sizeof(*tagged); i++) {
		enum { BYTES = 1 << 20, ENDS = 4 };
		char conf[128];
		snprintf(conf, sizeof(conf), "strategy:%s,mmap_threshold:1g", tagged[i]);
		heap = heap_of(conf);
		take(heap, 1000);
		void *first = allot_heap_allocate_zeroed(heap, 1, BYTES);
		void *second = allot_heap_allocate_zeroed(heap, BYTES, 1);
		/* But at its ends, and where the heap ended before. */
		cr_expect(resident_pages(first, BYTES) <= ENDS, "%s", tagged[i]);
		cr_expect(resident_pages(second, BYTES) <= ENDS, "%s", tagged[i]);
		/* What went back to the system is zero again. */
		memset(second, 1, BYTES);
		allot_heap_free(heap, second);
		allot_heap_trim(heap, SIZE_MAX);
		second = allot_heap_allocate_zeroed(heap, 1, BYTES);
		cr_expect(resident_pages(second, BYTES) <= ENDS, "%s: again", tagged[i]);
		memset(second, 1, BYTES);
		allot_heap_free(heap, second);
		allot_heap_trim(heap, 0);
		second = allot_heap_allocate_zeroed(heap, 1, BYTES);
		cr_expect(resident_pages(second, BYTES) <= ENDS, "%s: grown", tagged[i]);
		heap_end(heap);
	}
}

Test(heap, zeroed_block_up_to_the_end_of_a_region_is_zero)
{
	/* A region is 16 bytes longer than its blocks, and those have a tag of 8. */
	enum { OVERHEAD_BYTES = 16, TAG = 8, FIRST_BYTES = 1000 };
	static const char *const tagged[] = {"implicit", "explicit", "segregated"};
	for (size_t i = 0; i < sizeof(tagged) / sizeof(*tagged); i++) {
		char conf[128];
		snprintf(conf, sizeof(conf), "strategy:%s,mmap_threshold:1g", tagged[i]);
		heap = heap_of(conf);
		take(heap, FIRST_BYTES);
		size_t mapped = statistics_of(heap).mapped_bytes;
		size_t bytes = mapped - OVERHEAD_BYTES - (FIRST_BYTES + TAG) - TAG;
		unsigned char *p = allot_heap_allocate_zeroed(heap, 1, bytes);
		cr_assert_eq(statistics_of(heap).mapped_bytes, mapped, "it just fits");
		cr_expect(was_zero(p, bytes), "%s", tagged[i]);
		heap_end(heap);
	}
}

Test(heap, threshold_rises_at_once_when_mappings_are_a_habit)
{
	enum { LARGEST_BYTES = 30 << 20, HABIT = 17 };
	heap = heap_of(NULL);
	for (size_t i = 0; i < HABIT; i++) {
		void *p = take(heap, (i + 1) * LARGE_BYTES);
		cr_assert(is_mapping(p), "%zu", i);
		cr_assert(is_mapping(allot_heap_allocate(heap, LARGEST_BYTES)));
		allot_heap_free(heap, p);
	}
	cr_assert_not(is_mapping(allot_heap_allocate(heap, LARGEST_BYTES)));
	heap_end(heap);
}

Test(heap, threshold_does_not_rise_without_end)
{
	heap = heap_of(NULL);
	void *p = take(heap, 40 << 20);
	allot_heap_free(heap, p);
	cr_assert(is_mapping(take(heap, 1 << 20)));
	heap_end(heap);
}

Test(heap, threshold_that_was_set_stays)
{
	heap = heap_of("mmap_threshold:128k");
	void *p = take(heap, LARGE_BYTES);
	allot_heap_free(heap, p);
	cr_assert(is_mapping(take(heap, LARGE_BYTES)));
	heap_end(heap);
}

EVERY_STRATEGY(heap, alignment_is_kept_from_16_bytes_to_gigabytes)
{
	heap = heap_of(name->chars);
	for (size_t align = 1; align <= (size_t)1 << 32; align *= 2) {
		for (size_t bytes = 0; bytes < 300000; bytes = bytes * 7 + 13) {
			char *p = allot_heap_allocate_aligned(heap, align, bytes);
			cr_assert_not_null(p, "%zu at %zu", bytes, align);
			cr_assert_eq((uintptr_t)p % (align < 16 ? 16 : align), 0);
			memset(p, 1, bytes);
			allot_heap_free(heap, p);
		}
		expect_whole(heap);
	}
	heap_end(heap);
}

EVERY_STRATEGY(heap, alignment_must_be_a_power_of_two)
{
	static const size_t wrong[] = {0, 3, 24, 4095, SIZE_MAX};
	heap = heap_of(name->chars);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		errno = 0;
		cr_assert_null(allot_heap_allocate_aligned(heap, wrong[i], 100));
		cr_assert_eq(errno, EINVAL);
	}
	errno = 0;
	cr_assert_null(allot_heap_allocate_aligned(heap, (size_t)1 << 63, 100));
	cr_assert_eq(errno, ENOMEM);
	heap_end(heap);
}

/* ---- zeroing ---- */

EVERY_STRATEGY(heap, zeroed_blocks_are_zero_when_memory_is_used_again)
{
	heap = heap_of(name->chars);
	for (size_t bytes = 1; bytes < 400000; bytes = bytes * 3 + 1) {
		unsigned char *p = take(heap, bytes);
		allot_heap_free(heap, p);
		p = allot_heap_allocate_zeroed(heap, 1, bytes);
		for (size_t i = 0; i < bytes; i++)
			cr_assert_eq(p[i], 0, "byte %zu of %zu", i, bytes);
		memset(p, 0xFF, bytes);
		allot_heap_free(heap, p);
	}
	heap_end(heap);
}

EVERY_STRATEGY(heap, products_that_overflow_are_refused)
{
	heap = heap_of(name->chars);
	errno = 0;
	cr_assert_null(allot_heap_allocate_zeroed(heap, SIZE_MAX, 2));
	cr_assert_eq(errno, ENOMEM);
	cr_assert_null(allot_heap_allocate_zeroed(heap, (size_t)1 << 32, (size_t)1 << 32));
	cr_assert_null(allot_heap_allocate_zeroed(heap, 2, PTRDIFF_MAX));
	cr_assert_not_null(allot_heap_allocate_zeroed(heap, 0, SIZE_MAX));
	heap_end(heap);
}

/* ---- resizing ---- */

EVERY_STRATEGY(heap, resize_crosses_the_boundary_to_mappings_and_back)
{
	enum { ROUNDS = 12, STEP = 40 << 10 };
	heap = heap_with(name, "mmap_threshold:128k");
	unsigned char *p = take(heap, 1000);
	for (size_t i = 0; i < 1000; i++)
		p[i] = (unsigned char)(i * 7);
	for (size_t round = 1; round < ROUNDS; round++) {
		size_t bytes = 1000 + round % 2 * round * STEP;
		p = allot_heap_resize(heap, p, bytes);
		cr_assert_not_null(p);
		cr_assert_eq(is_mapping(p), bytes >= 128 << 10);
		for (size_t i = 0; i < 1000; i++)
			cr_assert_eq(p[i], (unsigned char)(i * 7));
		memset(p + 1000, 0xEE, bytes - 1000);
	}
	heap_end(heap);
}

EVERY_STRATEGY(heap, resize_to_what_is_usable_does_not_move)
{
	heap = heap_of(name->chars);
	for (size_t bytes = 0; bytes < 600000; bytes = bytes * 2 + 1) {
		void *p = take(heap, bytes);
		size_t usable = allot_heap_usable_bytes(heap, p);
		cr_assert_eq(allot_heap_resize(heap, p, usable), p, "%zu of %zu", usable, bytes);
		cr_assert_eq(allot_heap_usable_bytes(heap, p), usable);
	}
	heap_end(heap);
}

EVERY_STRATEGY(heap, resize_to_less_works_in_a_full_heap)
{
	heap = heap_in_buffer(name->chars, HEAP_BUFFER_BYTES);
	char *p = take(heap, 50000), *q = take(heap, 3000);
	memset(p, 0x11, 50000);
	use_up(heap);
	for (size_t bytes = 50000; bytes > 0; bytes /= 3) {
		char *resized = allot_heap_resize(heap, p, bytes);
		cr_assert_not_null(resized, "%zu bytes", bytes);
		for (size_t i = 0; i < bytes; i++)
			cr_assert_eq(resized[i], 0x11);
		p = resized;
	}
	cr_assert_not_null(allot_heap_resize(heap, q, 0));
	heap_end(heap);
}

EVERY_STRATEGY(heap, resize_that_is_refused_leaves_the_block)
{
	heap = heap_in_buffer(name->chars, HEAP_BUFFER_BYTES);
	char *p = take(heap, 1000);
	use_up(heap);
	errno = 0;
	cr_assert_null(allot_heap_resize(heap, p, HEAP_BUFFER_BYTES));
	cr_assert_eq(errno, ENOMEM);
	cr_assert_null(allot_heap_resize(heap, p, SIZE_MAX));
	for (size_t i = 0; i < 1000; i++)
		cr_assert_eq(p[i], 0x5A);
	cr_assert_eq(block_at(heap, p).requested_bytes, 1000);
	heap_end(heap);
}

EVERY_STRATEGY(heap, resize_of_nothing_allocates)
{
	heap = heap_of(name->chars);
	char *p = allot_heap_resize(heap, NULL, 100);
	cr_assert_not_null(p);
	cr_assert_eq(block_at(heap, p).requested_bytes, 100);
	p = allot_heap_resize(heap, p, 0);
	cr_assert_not_null(p, "a block of no bytes is a block");
	cr_assert_eq(block_at(heap, p).requested_bytes, 0);
	heap_end(heap);
}

/* ---- bounded memory ---- */

EVERY_STRATEGY(heap, buffer_may_hold_anything_at_first)
{
	memset(heap_buffer, 0xA5, sizeof(heap_buffer));
	for (size_t round = 0; round < 3; round++) {
		heap = heap_in_buffer(name->chars, HEAP_BUFFER_BYTES);
		for (size_t i = 0; i < 500; i++)
			take(heap, i * 13 % 2000);
		expect_whole(heap);
		heap_end(heap);
	}
}

EVERY_STRATEGY(heap, blocks_stay_inside_the_buffer)
{
	heap = heap_in_buffer(name->chars, HEAP_BUFFER_BYTES - 1);
	unsigned char *p;
	for (size_t bytes = 1; (p = allot_heap_allocate(heap, bytes)) != NULL;
	     bytes = bytes * 5 / 4 + 1) {
		cr_assert(p >= heap_buffer);
		cr_assert(p + bytes <= heap_buffer + HEAP_BUFFER_BYTES - 1);
	}
	cr_assert_eq(statistics_of(heap).own_mapping_blocks, 0);
	heap_end(heap);
}

EVERY_STRATEGY(heap, buffer_that_is_too_small_is_refused)
{
	char why[128] = "";
	errno = 0;
	cr_assert_null(allot_heap_create_in(heap_buffer, 100, name->chars, why, sizeof(why)));
	cr_assert_eq(errno, ENOMEM);
	cr_assert_neq(why[0], '\0');
	cr_assert_null(allot_heap_create_in(heap_buffer, 0, name->chars, NULL, 0));
}

Test(heap, source_of_a_buffer_heap_cannot_be_chosen)
{
	char why[128] = "";
	errno = 0;
	cr_assert_null(allot_heap_create_in(heap_buffer, HEAP_BUFFER_BYTES, "source:mmap", why,
					    sizeof(why)));
	cr_assert_eq(errno, EINVAL);
	cr_assert_not_null(strstr(why, "source"));
}

/* Deferred or not: what is free side by side can be had as one, where blocks can merge at all. */
Test(heap, free_neighbours_serve_one_large_request)
{
	struct choice choice;
	for (size_t c = 0; choice_get(c, &choice); c++) {
		enum { COUNT = 64 };
		char conf[128], *blocks[COUNT];
		if (choice.coalesce == NULL)
			continue;
		choice_conf(&choice, NULL, conf, sizeof(conf));
		heap = heap_in_buffer(conf, HEAP_BUFFER_BYTES);
		for (size_t i = 0; i < COUNT; i++)
			blocks[i] = take(heap, 8000);
		use_up(heap);
		for (size_t i = 0; i < COUNT; i++)
			allot_heap_free(heap, blocks[i * 5 % COUNT]);
		cr_expect_not_null(allot_heap_allocate(heap, 120000), "%s", conf);
		heap_end(heap);
	}
}

/* ---- giving back ---- */

EVERY_STRATEGY(heap, trim_gives_back_what_is_free)
{
	enum { COUNT = 256, BYTES = 60000 };
	static void *blocks[COUNT];
	heap = heap_with(name, "trim_threshold:1g,mmap_threshold:1g");
	for (size_t i = 0; i < COUNT; i++)
		blocks[i] = take(heap, BYTES);
	size_t full = statistics_of(heap).mapped_bytes;
	for (size_t i = 0; i < COUNT; i++)
		allot_heap_free(heap, blocks[i]);
	cr_assert_eq(statistics_of(heap).mapped_bytes, full, "not before it is asked to");
	size_t given = allot_heap_trim(heap, 0);
	cr_assert(given >= COUNT * BYTES / 2, "%zu of %zu", given, full);
	expect_whole(heap);
	for (size_t i = 0; i < COUNT; i++)
		blocks[i] = take(heap, BYTES);
	heap_end(heap);
}

EVERY_STRATEGY(heap, frees_beyond_the_trim_threshold_give_back_by_themselves)
{
	enum { COUNT = 256, BYTES = 60000 };
	static void *blocks[COUNT];
	heap = heap_with(name, "trim_threshold:64k,mmap_threshold:1g");
	for (size_t i = 0; i < COUNT; i++)
		blocks[i] = take(heap, BYTES);
	for (size_t i = COUNT; i-- > 0;)
		allot_heap_free(heap, blocks[i]);
	size_t given = allot_heap_trim(heap, 0);
	cr_assert(given < COUNT * BYTES / 2, "%zu bytes were left", given);
	heap_end(heap);
}

/* ---- misuse ---- */

struct faults {
	struct allot_fault last;
	size_t count;
};

static void note_fault(const struct allot_fault *fault, void *context)
{
	struct faults *faults = context;
	faults->last = *fault;
	faults->count++;
}

/* Trim after a write beyond a block, or into one that was freed, flipped bits of the word there. */
static void trim_damaged(const char *strategy, ptrdiff_t word, uint64_t bits, size_t fault_count)
{
	struct faults faults = {.count = 0};
	char conf[128];
	snprintf(conf, sizeof(conf), "strategy:%s,trim_threshold:1g,mmap_threshold:1g", strategy);
	heap = heap_of(conf);
	allot_heap_on_fault(heap, note_fault, &faults);
	uint64_t *freed = take(heap, LARGE_BYTES);
	unsigned char *wall = take(heap, LARGE_BYTES);
	allot_heap_free(heap, freed);
	freed[word] ^= bits;
	allot_heap_trim(heap, 0);
	for (size_t i = 0; i < LARGE_BYTES; i++)
		cr_assert_eq(wall[i], 0x5A, "%s: byte %zu", strategy, i);
	cr_expect_eq(faults.count, fault_count, "%s: %zu faults", strategy, faults.count);
	allot_heap_destroy(heap);
}

Test(misuse, trim_of_a_damaged_heap_touches_no_other_block)
{
	static const char *const tagged[] = {"implicit", "explicit", "segregated"};
	for (size_t i = 0; i < sizeof(tagged) / sizeof(*tagged); i++) {
		trim_damaged(tagged[i], -1, (uint64_t)1 << 30, 1); /* the size, in the tag */
		trim_damaged(tagged[i], -1, (uint64_t)1 << 18, 1);
		/* The link to the next free block, which implicit has not. */
		trim_damaged(tagged[i], 0, (uint64_t)1 << 46, i == 0 ? 0 : 1);
		trim_damaged(tagged[i], 0, 64, i == 0 ? 0 : 1);
	}
}

static void expect_fault(struct faults *faults, enum allot_fault_kind kind, const char *call,
			 const void *address)
{
	cr_expect_eq(faults->count, 1, "%zu faults", faults->count);
	cr_expect_eq(faults->last.kind, kind, "kind %d, not %d", (int)faults->last.kind, (int)kind);
	cr_expect_str_eq(faults->last.call, call);
	cr_expect_eq(faults->last.address, address);
	faults->count = 0;
}

EVERY_STRATEGY(heap, misuse_is_found_and_has_no_effect)
{
	static char foreign[64] __attribute__((aligned(16)));
	struct faults faults = {0};
	heap = heap_of(name->chars);
	allot_heap_on_fault(heap, note_fault, &faults);
	char *p = take(heap, 1000);
	take(heap, 1000);
	allot_heap_free(heap, p + 16);
	expect_fault(&faults, ALLOT_FAULT_INTERIOR, "free", p + 16);
	cr_expect_eq(faults.last.block, p);
	allot_heap_free(heap, p + 1);
	expect_fault(&faults, ALLOT_FAULT_MISALIGNED, "free", p + 1);
	allot_heap_free(heap, foreign + 16);
	expect_fault(&faults, ALLOT_FAULT_FOREIGN, "free", foreign + 16);
	cr_expect_null(allot_heap_resize(heap, p + 32, 10));
	expect_fault(&faults, ALLOT_FAULT_INTERIOR, "realloc", p + 32);
	allot_heap_free(heap, p);
	cr_expect_eq(faults.count, 0);
	allot_heap_free(heap, p);
	expect_fault(&faults, ALLOT_FAULT_DOUBLE_FREE, "free", p);
	cr_expect_null(allot_heap_resize(heap, p, 10));
	expect_fault(&faults, ALLOT_FAULT_DOUBLE_FREE, "realloc", p);
	heap_end(heap);
}

Test(heap, misuse_of_mappings_is_found)
{
	struct faults faults = {0};
	heap = heap_of("mmap_threshold:128k");
	allot_heap_on_fault(heap, note_fault, &faults);
	char *p = take(heap, 1 << 20);
	allot_heap_free(heap, p + 65536);
	expect_fault(&faults, ALLOT_FAULT_INTERIOR, "free", p + 65536);
	cr_expect_eq(faults.last.block, p);
	cr_expect_eq(faults.last.block_bytes, 1 << 20);
	allot_heap_free(heap, p + 8);
	expect_fault(&faults, ALLOT_FAULT_MISALIGNED, "free", p + 8);
	allot_heap_free(heap, p);
	allot_heap_free(heap, p);
	expect_fault(&faults, ALLOT_FAULT_DOUBLE_FREE, "free", p);
	cr_expect_null(allot_heap_resize(heap, p, 10));
	expect_fault(&faults, ALLOT_FAULT_DOUBLE_FREE, "realloc", p);
	heap_end(heap);
}

EVERY_STRATEGY(heap, questions_about_anything_are_answered)
{
	static char foreign[64] __attribute__((aligned(16)));
	heap = heap_of(name->chars);
	char *p = take(heap, 1000), *q = take(heap, 1 << 20);
	cr_assert_eq(allot_heap_usable_bytes(heap, NULL), 0);
	cr_assert_eq(allot_heap_usable_bytes(heap, p + 16), 0);
	cr_assert_eq(allot_heap_usable_bytes(heap, q + 16), 0);
	cr_assert_eq(allot_heap_usable_bytes(heap, foreign), 0);
	allot_heap_free(heap, p);
	allot_heap_free(heap, q);
	cr_assert_eq(allot_heap_usable_bytes(heap, p), 0);
	cr_assert_eq(allot_heap_usable_bytes(heap, q), 0);
	heap_end(heap);
}

/* ---- looking ---- */

static bool stop_at_once(const struct allot_block *block, void *context)
{
	(void)block;
	++*(size_t *)context;
	return false;
}

EVERY_STRATEGY(heap, walk_stops_when_told)
{
	size_t count = 0;
	heap = heap_of(name->chars);
	take(heap, 100);
	take(heap, 1 << 20);
	cr_assert_not(allot_heap_walk(heap, stop_at_once, &count));
	cr_assert_eq(count, 1);
	heap_end(heap);
}

EVERY_STRATEGY(heap, check_option_watches_every_call)
{
	heap = heap_with(name, "check:true");
	void *blocks[50];
	for (size_t i = 0; i < 50; i++)
		blocks[i] = take(heap, i * 50);
	for (size_t i = 0; i < 50; i++)
		blocks[i] = allot_heap_resize(heap, blocks[i], i * 77);
	for (size_t i = 0; i < 50; i++)
		allot_heap_free(heap, blocks[i]);
	heap_end(heap);
}

EVERY_STRATEGY(heap, heaps_do_not_know_each_other)
{
	struct faults faults = {0};
	heap = heap_of(name->chars);
	struct allot_heap *other = heap_of(name->chars);
	allot_heap_on_fault(other, note_fault, &faults);
	char *p = take(heap, 100);
	take(other, 100);
	allot_heap_free(other, p);
	expect_fault(&faults, ALLOT_FAULT_FOREIGN, "free", p);
	cr_assert_eq(allot_heap_usable_bytes(other, p), 0);
	heap_end(other);
	heap_end(heap);
}
