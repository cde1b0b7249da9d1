/* SPDX-License-Identifier: MIT */
/*
 * Access: in a build with ALLOT_OBSERVED every word of heap pages that a strategy reads or writes
 * is reported, no more and no less; a plain build has no trace of it.
 */
#include "base/access.h"

#include <stdlib.h>

#include "capture.h"
#include "heap_fixture.h"

enum { ACCESSES_MAX = 4096, SMALL_HEAP_BYTES = 32 << 10, TAG = 8 };

struct access {
	const char *address;
	size_t bytes;
	enum access_kind kind;
};

static struct access accesses[ACCESSES_MAX];
static size_t access_count;
static bool is_recording;

void access_observe(const void *address, size_t bytes, enum access_kind kind)
{
	if (!is_recording)
		return;
	cr_assert(access_count < ACCESSES_MAX);
	accesses[access_count++] = (struct access){address, bytes, kind};
}

static void record(void)
{
	access_count = 0;
	is_recording = true;
}

/* ---- one malloc and one free, word by word ---- */

static size_t count_of(const void *address, enum access_kind kind)
{
	size_t count = 0;
	for (size_t i = 0; i < access_count; i++)
		count += accesses[i].address == address && accesses[i].kind == kind;
	return count;
}

static void expect_accesses(const char *what, const void *address, size_t loads, size_t stores)
{
	cr_expect_eq(count_of(address, ACCESS_LOAD), loads, "%zu loads of %s, not %zu",
		     count_of(address, ACCESS_LOAD), what, loads);
	cr_expect_eq(count_of(address, ACCESS_STORE), stores, "%zu stores to %s, not %zu",
		     count_of(address, ACCESS_STORE), what, stores);
}

/*
 * The heap: block A live, the rest free. A request is placed behind A: the walk reads both tags,
 * the tag that was found is read once more to be verified; then the block's tag is written, and
 * tag and footer of what is left. On free the block's tag and the one behind it are read, both are
 * merged, and the end tag is asked whether it knows already.
 */
Test(access, a_malloc_and_a_free_of_implicit_are_seen_word_by_word)
{
	struct allot_heap *heap =
		heap_in_buffer("strategy:implicit,fit:first,coalesce:immediate", SMALL_HEAP_BYTES);
	char *a = take(heap, 100), *end = (char *)heap_buffer + SMALL_HEAP_BYTES - TAG;
	record();
	char *b = allot_heap_allocate(heap, 200);
	is_recording = false;
	char *rest = b + 208;
	cr_assert_eq(b, a + 112);
	expect_accesses("the tag before", a - TAG, 1, 0);
	expect_accesses("the tag", b - TAG, 2, 1);
	expect_accesses("the tag of the rest", rest - TAG, 0, 1);
	expect_accesses("the footer of the rest", end - TAG, 0, 1);
	cr_expect_eq(access_count, 6, "%zu accesses", access_count);

	record();
	allot_heap_free(heap, b);
	is_recording = false;
	expect_accesses("the tag", b - TAG, 1, 1);
	expect_accesses("the tag behind", rest - TAG, 1, 0);
	expect_accesses("the footer", end - TAG, 0, 1);
	expect_accesses("the end tag", end, 1, 0);
	cr_expect_eq(access_count, 5, "%zu accesses", access_count);
	heap_end(heap);
}

/* ---- every strategy ---- */

/* Accesses lie in the heap's pages, or in the strategy's own state, which is not in the buffer. */
static size_t count_in_pages(void)
{
	size_t count = 0;
	for (size_t i = 0; i < access_count; i++) {
		const char *p = accesses[i].address;
		cr_assert(accesses[i].bytes == 1 || accesses[i].bytes == 2 ||
			  accesses[i].bytes == 4 || accesses[i].bytes == 8);
		count += p >= (char *)heap_buffer && p < (char *)heap_buffer + HEAP_BUFFER_BYTES;
	}
	return count;
}

Test(access, every_strategy_is_seen)
{
	struct allot_strategy strategy;
	for (size_t i = 0; allot_strategy_get(i, &strategy); i++) {
		char conf[64];
		snprintf(conf, sizeof(conf), "strategy:%s", strategy.name);
		struct allot_heap *heap = heap_in_buffer(conf, HEAP_BUFFER_BYTES);
		take(heap, 100);
		record();
		char *p = allot_heap_allocate(heap, 100);
		is_recording = false;
		cr_expect(count_in_pages() >= 1, "malloc of %s", strategy.name);
		record();
		allot_heap_free(heap, p);
		is_recording = false;
		cr_expect(count_in_pages() >= 2, "free of %s reads and writes", strategy.name);
		for (size_t k = 0; k < access_count; k++)
			cr_expect(accesses[k].address < p + 8 * sizeof(void *) ||
					  accesses[k].address >= p + 64,
				  "%s touches the middle of a payload", strategy.name);
		heap_end(heap);
	}
}

Test(access, a_plain_build_has_no_trace_of_it)
{
	const char *nm = getenv("ALLOT_TEST_NM"), *library = getenv("ALLOT_TEST_OBJECTS");
	struct capture capture;
	cr_assert(nm != NULL && library != NULL);
	cr_assert(capture_run((const char *[]){nm, library, NULL}, 60, &capture));
	cr_assert(capture_exited(&capture, 0), "%s", capture.output);
	cr_assert_not_null(strstr(capture.output, "allot_heap_create"));
	cr_assert_null(strstr(capture.output, "access_observe"));
	capture_finish(&capture);
}
