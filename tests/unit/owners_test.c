/* SPDX-License-Identifier: MIT */
/*
 * Owners: whose an address is, and blocks with a mapping of their own.
 */
#include "pages/owners.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "fixture.h"
#include "kernel_call_faulty.h"

static struct owners owners;

static void owners_begin(void)
{
	kernel_faults = (struct kernel_faults){.number = CALL_ANY};
	cr_assert(owners_init(&owners));
}

static void owners_end(void)
{
	owners_finish(&owners);
	cr_expect_eq(kernel_faults.mapped_bytes, kernel_faults.unmap_failed_bytes,
		     "%zu bytes were not given back", kernel_faults.mapped_bytes);
}

#define OWNERS_TEST(name) TEST_BETWEEN(owners, name, owners_begin, owners_end)

/* Make the next calls of a kind fail. */
static void fail_all(long number)
{
	kernel_faults.number = number;
	kernel_faults.counted = 0;
	kernel_faults.fail_at = 1;
	kernel_faults.from_then_on = true;
	kernel_faults.error = ENOMEM;
}

static void fail_none(void)
{
	kernel_faults.fail_at = 0;
}

/* ---- regions ---- */

OWNERS_TEST(region_owns_every_granule_it_reaches_into)
{
	struct region region = {.base = 5 * GRANULE_BYTES};
	cr_assert(owners_claim(&owners, &region, region.base, region.base + GRANULE_BYTES + 1));
	cr_assert_null(owners_region(&owners, region.base - 1));
	cr_assert_eq(owners_region(&owners, region.base), &region);
	cr_assert_eq(owners_region(&owners, region.base + 2 * GRANULE_BYTES - 1), &region);
	cr_assert_null(owners_region(&owners, region.base + 2 * GRANULE_BYTES));
}

OWNERS_TEST(region_grows_into_a_granule_it_shares)
{
	struct region region = {.base = 5 * GRANULE_BYTES};
	cr_assert(owners_claim(&owners, &region, region.base, region.base + 4096));
	cr_assert(owners_claim(&owners, &region, region.base + 4096, region.base + 70000));
	cr_assert_eq(owners_region(&owners, region.base + GRANULE_BYTES), &region);
}

OWNERS_TEST(disclaiming_spares_the_granules_it_reaches_into_only)
{
	struct region region = {.base = 5 * GRANULE_BYTES};
	uintptr_t end = region.base + 3 * GRANULE_BYTES;
	cr_assert(owners_claim(&owners, &region, region.base, end));
	owners_disclaim(&owners, region.base + 1, end);
	cr_assert_eq(owners_region(&owners, region.base), &region);
	cr_assert_null(owners_region(&owners, region.base + GRANULE_BYTES));
	cr_assert_null(owners_region(&owners, end - 1));
}

OWNERS_TEST(claim_of_a_mapping_is_refused_and_undone)
{
	struct region region = {0};
	char *p = mapping_create(&owners, 100000, GRANULE_BYTES);
	uintptr_t begin = (uintptr_t)p - 2 * GRANULE_BYTES;
	cr_assert_not(owners_claim(&owners, &region, begin, begin + 4 * GRANULE_BYTES));
	cr_assert_null(owners_region(&owners, begin));
	cr_assert_null(owners_region(&owners, begin + GRANULE_BYTES));
	cr_assert(mapping_free(&owners, p));
}

/* ---- mappings ---- */

OWNERS_TEST(mapping_is_zeroed_aligned_and_large_enough)
{
	static const size_t sizes[] = {0, 1, 4096, 65535, 65536, 65537, 1 << 20};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (size_t align = 16; align <= 1 << 22; align <<= 2) {
			struct mapping mapping;
			unsigned char *p = mapping_create(&owners, sizes[i], align);
			cr_assert_not_null(p);
			cr_assert_eq((uintptr_t)p % align, 0);
			cr_assert(mapping_find(&owners, p, &mapping));
			cr_assert_eq(mapping.requested_bytes, sizes[i]);
			cr_assert(mapping.mapped_bytes >= sizes[i]);
			cr_assert_eq(p[0] | p[mapping.mapped_bytes - 1], 0);
			memset(p, 1, mapping.mapped_bytes);
			cr_assert(mapping_free(&owners, p));
		}
	}
}

OWNERS_TEST(mapping_too_large_for_any_is_refused)
{
	cr_assert_null(mapping_create(&owners, (size_t)PTRDIFF_MAX + 1, 16));
	cr_assert_null(mapping_create(&owners, SIZE_MAX, 16));
	cr_assert_null(mapping_create(&owners, 16, (size_t)1 << 63));
	cr_assert_null(mapping_create(&owners, (size_t)1 << 60, 16));
	cr_assert_null(mapping_create(&owners, 100, (size_t)1 << 60));
	cr_assert_eq(owners.mapping_count, 0);
}

OWNERS_TEST(mapping_is_known_by_its_start_alone)
{
	struct mapping mapping;
	char *p = mapping_create(&owners, 200000, 16);
	cr_assert_not(mapping_find(&owners, p + 16, &mapping));
	cr_assert_not(mapping_find(&owners, p + 65536, &mapping));
	cr_assert_not(mapping_find(&owners, p - 16, &mapping));
	cr_assert_not(mapping_free(&owners, p + 4096));
	cr_assert_not(mapping_free(&owners, &mapping));
	cr_assert(mapping_free(&owners, p));
}

OWNERS_TEST(mapping_is_found_by_any_address_in_it)
{
	struct mapping mapping;
	char *p = mapping_create(&owners, 1 << 20, 16);
	static const size_t inside[] = {0, 1, 65536, (1 << 20) - 1};
	for (size_t i = 0; i < 4; i++) {
		cr_assert(mapping_containing(&owners, p + inside[i], &mapping));
		cr_assert_eq(mapping.base, (uintptr_t)p);
	}
	cr_assert_not(mapping_containing(&owners, p - 1, &mapping));
	cr_assert_not(mapping_containing(&owners, p + (1 << 20), &mapping));
	cr_assert_not(mapping_containing(&owners, &mapping, &mapping));
	cr_assert(mapping_free(&owners, p));
}

/* The mark of a freed mapping may lie in the middle of a later one: here it is put there. */
OWNERS_TEST(mapping_is_found_beyond_the_mark_of_a_freed_one)
{
	struct mapping mapping;
	char *old = mapping_create(&owners, 1 << 20, GRANULE_BYTES);
	cr_assert(mapping_free(&owners, old));
	uint64_t mark = address_map_get(&owners.map, (uintptr_t)old);
	char *p = mapping_create(&owners, 3 << 20, GRANULE_BYTES);
	char *middle = p + (1 << 20);
	cr_assert(address_map_set(&owners.map, (uintptr_t)middle, mark));
	cr_assert(mapping_containing(&owners, middle + 16, &mapping));
	cr_assert_eq(mapping.base, (uintptr_t)p);
	cr_assert(mapping_containing(&owners, middle + GRANULE_BYTES, &mapping));
	cr_assert_eq(mapping.base, (uintptr_t)p);
	cr_assert(mapping_free(&owners, p));
}

OWNERS_TEST(second_free_of_a_mapping_is_found)
{
	struct mapping mapping;
	void *p = mapping_create(&owners, 100000, 16);
	cr_assert(mapping_free(&owners, p));
	cr_assert_not(mapping_free(&owners, p));
	cr_assert(mapping_find(&owners, p, &mapping));
	cr_assert_not(mapping.is_live);
	cr_assert_null(mapping_resize(&owners, p, 200000, true));
}

OWNERS_TEST(mappings_are_counted)
{
	void *a = mapping_create(&owners, 100000, 16);
	void *b = mapping_create(&owners, 1, 16);
	cr_assert_eq(owners.mapping_count, 2);
	cr_assert_eq(owners.mapping_requested_bytes, 100001);
	cr_assert_eq(owners.mapping_mapped_bytes, 102400 + 65536);
	b = mapping_resize(&owners, b, 300000, true);
	cr_assert_eq(owners.mapping_requested_bytes, 400000);
	cr_assert(mapping_free(&owners, a));
	cr_assert(mapping_free(&owners, b));
	cr_assert_eq(owners.mapping_count, 0);
	cr_assert_eq(owners.mapping_requested_bytes, 0);
	cr_assert_eq(owners.mapping_mapped_bytes, 0);
}

static void fill(unsigned char *p, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		p[i] = (unsigned char)(i * 31 + i / 4096);
}

static bool is_filled(const unsigned char *p, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		if (p[i] != (unsigned char)(i * 31 + i / 4096))
			return false;
	}
	return true;
}

OWNERS_TEST(resize_keeps_the_content_wherever_it_goes)
{
	unsigned char *p = mapping_create(&owners, 100000, 16);
	fill(p, 100000);
	/* What lies behind each is taken, so that some must move. */
	void *wall = mapping_create(&owners, 100000, 16);
	for (size_t bytes = 200000; bytes < 20000000; bytes *= 3) {
		p = mapping_resize(&owners, p, bytes, true);
		cr_assert_not_null(p);
		cr_assert(is_filled(p, 100000));
		cr_assert_eq(p[bytes - 1], 0);
	}
	p = mapping_resize(&owners, p, 70000, true);
	cr_assert(is_filled(p, 70000));
	cr_assert(mapping_free(&owners, p));
	cr_assert(mapping_free(&owners, wall));
}

OWNERS_TEST(resize_within_its_pages_is_a_change_of_books)
{
	struct mapping mapping;
	char *p = mapping_create(&owners, 100000, 16);
	uint64_t calls = owners.mapping_calls;
	cr_assert_eq(mapping_resize(&owners, p, 102400, false), p);
	cr_assert(mapping_find(&owners, p, &mapping));
	cr_assert_eq(mapping.requested_bytes, 102400);
	cr_assert_eq(owners.mapping_calls, calls);
	cr_assert(mapping_free(&owners, p));
}

OWNERS_TEST(resize_that_fails_changes_nothing)
{
	unsigned char *p = mapping_create(&owners, 100000, 16);
	struct mapping mapping;
	fill(p, 100000);
	fail_all(SYS_mremap);
	cr_assert_null(mapping_resize(&owners, p, 10000000, true));
	cr_assert_null(mapping_resize(&owners, p, 10, true));
	fail_none();
	cr_assert_null(mapping_resize(&owners, p, SIZE_MAX, true));
	cr_assert(mapping_find(&owners, p, &mapping));
	cr_assert(mapping.is_live);
	cr_assert_eq(mapping.requested_bytes, 100000);
	cr_assert_eq(owners.mapping_count, 1);
	cr_assert(is_filled(p, 100000));
	cr_assert(mapping_free(&owners, p));
}

/* ---- what the kernel does not take back ---- */

OWNERS_TEST(mapping_that_cannot_be_unmapped_is_retried)
{
	unsigned char *p = mapping_create(&owners, 1 << 20, 16);
	memset(p, 1, 1 << 20);
	fail_all(SYS_munmap);
	cr_assert(mapping_free(&owners, p));
	cr_assert_eq(owners.mapping_idle_count, 1);
	cr_assert_eq(owners.mapping_count, 0);
	cr_assert_eq(p[0], 0, "its content is dropped");
	cr_assert_not(mapping_free(&owners, p));
	cr_assert_eq(mapping_retry_idle(&owners), 0);
	fail_none();
	kernel_faults.unmap_failed_bytes = 0;
	cr_assert_eq(mapping_retry_idle(&owners), 1 << 20);
	cr_assert_eq(owners.mapping_idle_count, 0);
	cr_assert_eq(mapping_retry_idle(&owners), 0);
}

OWNERS_TEST(the_granule_of_an_idle_mapping_is_nobody_elses)
{
	struct region region = {0};
	void *p = mapping_create(&owners, 1 << 20, GRANULE_BYTES);
	fail_all(SYS_munmap);
	cr_assert(mapping_free(&owners, p));
	fail_none();
	cr_assert_not(owners_claim(&owners, &region, (uintptr_t)p, (uintptr_t)p + 4096));
	kernel_faults.unmap_failed_bytes = 0;
}

/* ---- all of them ---- */

static bool count_live(const struct mapping *mapping, void *context)
{
	size_t *count = context;
	cr_assert(mapping->is_live);
	return ++*count < 3;
}

OWNERS_TEST(walk_meets_the_live_ones)
{
	void *p[4];
	size_t count = 0;
	for (size_t i = 0; i < 4; i++)
		p[i] = mapping_create(&owners, 70000, 16);
	cr_assert(mapping_free(&owners, p[1]));
	cr_assert(mapping_free(&owners, p[2]));
	cr_assert(mapping_walk(&owners, count_live, &count));
	cr_assert_eq(count, 2);
	p[1] = mapping_create(&owners, 70000, 16);
	count = 0;
	cr_assert_not(mapping_walk(&owners, count_live, &count));
	cr_assert_eq(count, 3);
}

/* The fixture's end proves it. */
OWNERS_TEST(finish_gives_back_live_and_idle_ones)
{
	cr_assert_not_null(mapping_create(&owners, 70000, 16));
	void *idle = mapping_create(&owners, 70000, 16);
	fail_all(SYS_munmap);
	cr_assert(mapping_free(&owners, idle));
	fail_none();
	kernel_faults.unmap_failed_bytes = 0;
}
