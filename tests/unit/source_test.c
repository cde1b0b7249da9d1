/* SPDX-License-Identifier: MIT */
/*
 * Sources: regions that grow at their end, shrink there, and start anew where something is in the
 * way.
 */
#include "pages/source.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bits.h"
#include "fixture.h"
#include "sanitizer.h"

enum { PAGE = 4096, UNIT = 1 << 20, HEAP = 17 };

static struct owners owners;
static struct page_source source;
static struct lock break_lock;

static void owners_begin(void)
{
	cr_assert(owners_init(&owners));
}

static void expect_zero(const struct span *span)
{
	const unsigned char *p = (const unsigned char *)span->base;
	for (size_t i = 0; i < span->bytes; i++)
		cr_assert_eq(p[i], 0, "byte %zu of fresh memory is %u", i, p[i]);
}

static void expect_owned(const struct span *span)
{
	for (uintptr_t p = span->base; p < span->base + span->bytes; p += PAGE)
		cr_assert_eq(owners_region(&owners, p), span->region);
	cr_assert_eq(owners_region(&owners, span->base + span->bytes - 1), span->region);
}

/* Grow, look at what came, and use all of it. */
static struct span grow(size_t bytes)
{
	struct span span;
	cr_assert(source_grow(&source, bytes, &span), "no %zu bytes more", bytes);
	cr_assert(span.bytes >= bytes);
	cr_assert_eq(span.base % source.unit_bytes, 0);
	cr_assert_eq(span.bytes % source.unit_bytes, 0);
	cr_assert_eq(span.base + span.bytes, span.region->base + span.region->bytes);
	expect_zero(&span);
	expect_owned(&span);
	memset((void *)span.base, 0xA5, span.bytes);
	return span;
}

static size_t regions_bytes(void)
{
	size_t bytes = 0;
	for (const struct region *r = source.first; r != NULL; r = r->next)
		bytes += r->bytes;
	return bytes;
}

/* ---- mmap ---- */

static void mmap_begin(void)
{
	owners_begin();
	source_mmap_init(&source, &owners, (void *)HEAP, PAGE);
}

static void source_end(void)
{
	cr_expect_eq(source.mapped_bytes, regions_bytes());
	cr_expect(source.mapped_bytes_peak >= source.mapped_bytes);
	source_finish(&source);
	owners_finish(&owners);
}

#define MMAP_TEST(name) TEST_BETWEEN(source_mmap, name, mmap_begin, source_end)

MMAP_TEST(asks_for_nothing_before_the_first_growth)
{
	cr_assert_null(source.first);
	cr_assert_eq(source.calls, 0);
}

MMAP_TEST(begins_at_a_granule_and_grows_in_place)
{
	struct span first = grow(1);
	cr_assert_eq(first.base % GRANULE_BYTES, 0);
	cr_assert_eq(first.base, first.region->base);
	cr_assert_eq(first.region->heap, (void *)HEAP);
	for (size_t bytes = 1; bytes < 8 << 20; bytes *= 3) {
		uintptr_t end = first.region->base + first.region->bytes;
		struct span next = grow(bytes);
		cr_assert_eq(next.base, end);
		cr_assert_eq(next.region, first.region);
	}
}

MMAP_TEST(begins_at_a_multiple_of_its_unit)
{
	source_mmap_init(&source, &owners, (void *)HEAP, 4 << 20);
	for (size_t i = 0; i < 4; i++)
		grow(1);
	cr_assert_eq(source.first->base % (4 << 20), 0);
}

MMAP_TEST(absurd_sizes_are_refused)
{
	struct span span;
	cr_assert_not(source_grow(&source, SIZE_MAX, &span));
	cr_assert_not(source_grow(&source, PTRDIFF_MAX, &span));
	cr_assert_not(source_grow(&source, (size_t)1 << 60, &span));
	cr_assert_eq(source.mapped_bytes, 0);
	grow(1);
}

MMAP_TEST(a_new_region_begins_when_the_range_is_full)
{
	struct span first = grow(1);
	/* Not touched: the range is a gigabyte. */
	struct span second;
	cr_assert(source_grow(&source, first.region->reserved_bytes - first.region->bytes,
			      &second));
	cr_assert_eq(second.region, first.region);
	struct span third = grow(1);
	cr_assert_neq(third.region, first.region);
	cr_assert_eq(third.base, third.region->base);
	cr_assert_eq(source.first, first.region);
	cr_assert_eq(source.last, third.region);
}

MMAP_TEST(what_is_larger_than_the_range_gets_a_range_of_its_own)
{
	struct span span;
	cr_assert(source_grow(&source, (size_t)5 << 30, &span));
	cr_assert(span.region->reserved_bytes >= (size_t)5 << 30);
}

MMAP_TEST(shrinks_and_grows_again_with_zeros)
{
	struct span first = grow(1 << 20);
	size_t bytes = source.mapped_bytes;
	cr_assert_eq(source_shrink(&source, first.region, 512 << 10), 512 << 10);
	cr_assert_eq(source.mapped_bytes, bytes - (512 << 10));
	cr_assert_eq(source.mapped_bytes_peak, bytes);
	struct span again = grow(1);
	cr_assert_eq(again.base, first.base + bytes - (512 << 10));
}

MMAP_TEST(shrinks_by_whole_units_only)
{
	struct span first = grow(1 << 20);
	cr_assert_eq(source_shrink(&source, first.region, PAGE - 1), 0);
	cr_assert_eq(source_shrink(&source, first.region, 2 * PAGE + 5), 2 * PAGE);
}

MMAP_TEST(can_shrink_to_nothing_and_come_back)
{
	struct span first = grow(1);
	cr_assert_eq(source_shrink(&source, first.region, first.bytes), first.bytes);
	cr_assert_eq(source.mapped_bytes, 0);
	struct span again = grow(1);
	cr_assert_eq(again.base, first.base);
}

MMAP_TEST(released_pages_read_as_zero)
{
	struct span span = grow(64 << 10);
	unsigned char *p = (unsigned char *)span.base;
	cr_assert_eq(source_release(&source, span.base + 1, span.base + 3 * PAGE - 1), PAGE);
	cr_assert_eq(p[PAGE - 1], 0xA5);
	cr_assert_eq(p[PAGE] | p[2 * PAGE - 1], 0);
	cr_assert_eq(p[2 * PAGE], 0xA5);
	cr_assert_eq(source_release(&source, span.base + 1, span.base + PAGE), 0);
}

MMAP_TEST(home_is_the_first_range)
{
	cr_assert_eq(source.home, &region_none);
	struct span first = grow(1);
	cr_assert_eq(source.home, first.region);
	struct span rest;
	cr_assert(source_grow(&source, first.region->reserved_bytes - first.region->bytes, &rest));
	grow(1);
	cr_assert_eq(source.home, first.region);
}

MMAP_TEST(lives_under_a_limit_of_the_address_space)
{
	if (is_sanitized())
		cr_skip_test("a sanitizer's shadow is larger than any limit");
	pid_t child = fork();
	if (child == 0) {
		struct rlimit limit = {256 << 20, 256 << 20};
		struct span span;
		size_t bytes = 0;
		setrlimit(RLIMIT_AS, &limit);
		while (source_grow(&source, UNIT, &span))
			bytes += span.bytes;
		/* Most of the limit is had before it is the end. */
		_exit(bytes >= 128 << 20 && bytes < 256 << 20 ? 0 : 1);
	}
	int status;
	waitpid(child, &status, 0);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* ---- sbrk ---- */

static void sbrk_begin(void)
{
	owners_begin();
	source_sbrk_init(&source, &owners, (void *)HEAP, PAGE, &break_lock);
}

#define SBRK_TEST(name) TEST_BETWEEN(source_sbrk, name, sbrk_begin, source_end)

static uintptr_t break_now(void)
{
	return (uintptr_t)sbrk(0);
}

SBRK_TEST(grows_by_moving_the_break)
{
	uintptr_t before = break_now();
	struct span first = grow(1);
	cr_assert(first.region->is_break);
	cr_assert(first.base >= before);
	cr_assert(first.base - before < GRANULE_BYTES);
	cr_assert_eq(break_now(), first.base + first.bytes);
	struct span next = grow(1 << 20);
	cr_assert_eq(next.base, first.base + first.bytes);
	cr_assert_eq(next.region, first.region);
	cr_assert_eq(break_now(), next.base + next.bytes);
}

SBRK_TEST(what_the_program_takes_between_is_its_own)
{
	struct span first = grow(1);
	unsigned char *taken = sbrk(1001);
	memset(taken, 0x77, 1001);
	struct span second = grow(1);
	cr_assert_neq(second.region, first.region);
	cr_assert(second.base >= (uintptr_t)taken + 1001);
	cr_assert_eq(second.base % GRANULE_BYTES, 0);
	for (size_t i = 0; i < 1001; i++)
		cr_assert_eq(taken[i], 0x77);
	cr_assert_neq(owners_region(&owners, (uintptr_t)taken + 1000), second.region);
	struct span third = grow(1);
	cr_assert_eq(third.region, second.region);
}

SBRK_TEST(shrinking_moves_the_break_back)
{
	struct span span = grow(1 << 20);
	uintptr_t end = break_now();
	cr_assert_eq(source_shrink(&source, span.region, 512 << 10), 512 << 10);
	cr_assert_eq(break_now(), end - (512 << 10));
	grow(512 << 10);
	cr_assert_eq(break_now(), end);
}

SBRK_TEST(what_the_program_has_on_top_stays)
{
	struct span span = grow(1 << 20);
	cr_assert_neq(sbrk(4096), (void *)-1);
	uintptr_t end = break_now();
	cr_assert_eq(source_shrink(&source, span.region, 512 << 10), 0);
	cr_assert_eq(break_now(), end);
}

SBRK_TEST(finish_gives_the_break_back)
{
	struct span first = grow(1 << 20);
	uintptr_t base = first.region->base;
	source_finish(&source);
	cr_assert_eq(break_now(), base);
	source_sbrk_init(&source, &owners, (void *)HEAP, PAGE, &break_lock);
}

SBRK_TEST(goes_on_by_mapping_when_the_break_cannot_move)
{
	struct span first = grow(1);
	/* A wall where the break would go. */
	uintptr_t wall = align_up(break_now(), PAGE);
	if (mmap((void *)wall, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
		 -1, 0) != (void *)wall)
		cr_skip_test("something is in the way of the break already");
	struct span second = grow(1 << 20);
	cr_assert_neq(second.region, first.region);
	cr_assert_not(second.region->is_break);
	munmap((void *)wall, PAGE);
}

/* ---- buffer ---- */

static unsigned char buffer[5 * UNIT];

Test(source_buffer, hands_out_the_whole_buffer_once)
{
	struct span span, more;
	owners_begin();
	source_buffer_init(&source, &owners, (void *)HEAP, PAGE, buffer + 24, sizeof(buffer) - 24);
	cr_assert(source_grow(&source, 1, &span));
	cr_assert(span.base >= (uintptr_t)buffer + 24);
	cr_assert(span.base - (uintptr_t)buffer < PAGE + 24);
	cr_assert(span.base + span.bytes <= (uintptr_t)buffer + sizeof(buffer));
	cr_assert(span.bytes > sizeof(buffer) - 2 * PAGE - 24);
	expect_owned(&span);
	cr_assert_not(source_grow(&source, 1, &more));
	cr_assert_eq(source_shrink(&source, span.region, PAGE), 0);
	cr_assert_eq(source_release(&source, span.base, span.base + PAGE), 0);
	source_end();
}

Test(source_buffer, keeps_to_multiples_of_its_unit)
{
	struct span span;
	owners_begin();
	source_buffer_init(&source, &owners, (void *)HEAP, UNIT, buffer + 1, sizeof(buffer) - 1);
	cr_assert_not(source_grow(&source, 5 * UNIT, &span));
	cr_assert(source_grow(&source, 2 * UNIT, &span));
	cr_assert_eq(span.base % UNIT, 0);
	cr_assert_eq(span.bytes % UNIT, 0);
	source_end();
}
