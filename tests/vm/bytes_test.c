/* SPDX-License-Identifier: MIT */
/*
 * What a machine itself takes: 48 bytes at most for each page that is resident in it, and for one
 * that is not next to nothing. A table is a page of the machine, whose 4 KiB are as many here: in
 * a sparse space, where most of their entries are empty, what they hold is counted for itself.
 */
#include <allot/vm.h>
#include <criterion/criterion.h>
#include <stdio.h>

enum {
	PAGE = 4096,
	PAGE_BYTES_MAX = 48,    /* 32 of a frame, 8 of its entry, 8 for all else */
	FRAME_BYTES_MAX = 40,   /* the same without the entry */
	FREE_BYTES_MAX = 8,
	PAGES = 1 << 20,
	SPARSE_PAGES = 1 << 16,
	FRAMES = PAGES + PAGES / 64,
};

/* Of this process, resident now. */
static uint64_t own_bytes(void)
{
	unsigned long long total, resident = 0;
	FILE *file = fopen("/proc/self/statm", "r");
	cr_assert_not_null(file);
	cr_assert_eq(fscanf(file, "%llu %llu", &total, &resident), 2);
	fclose(file);
	return resident * PAGE;
}

/* A machine, and a space in which every `stride`-th of some pages was stored to. */
struct filled {
	struct vm_machine *machine;
	uint64_t bytes_empty, bytes;  /* that it takes, before and after */
	uint64_t pages, tables;
};

static void fill(struct filled *filled, uint64_t pages, uint64_t stride)
{
	struct vm_config config = { .frame_count = FRAMES };
	struct vm_counters counters;
	struct vm_map_request request = { .bytes = pages * stride * PAGE, .flags = VM_MAP_NORESERVE,
					  .protection = VM_PROT_READ | VM_PROT_WRITE };
	uint64_t before = own_bytes();
	filled->machine = vm_machine_create(&config);
	cr_assert_not_null(filled->machine);
	struct vm_space *space = vm_space_create(filled->machine);
	filled->bytes_empty = own_bytes() - before;
	uint64_t at = vm_map(space, &request).value;
	for (uint64_t i = 0; i < pages; i++)
		vm_touch(space, at + i * stride * PAGE, 1, VM_STORE);
	filled->bytes = own_bytes() - before;
	vm_counters_get(space, &counters);
	filled->pages = counters.rss_anon;
	filled->tables = vm_counters_tables(&counters) + 1;
	cr_assert_eq(filled->pages, pages);
}

Test(bytes, of_a_page_in_a_sequence_of_them)
{
	struct filled filled;
	fill(&filled, PAGES, 1);
	double each = (double)filled.bytes / (double)filled.pages;
	fprintf(stderr, "bytes: %.1f a page of %llu in sequence\n", each,
		(unsigned long long)filled.pages);
	cr_expect_leq(each, PAGE_BYTES_MAX);
	vm_machine_destroy(filled.machine);
}

static void sparse_check(uint64_t pages, uint64_t stride)
{
	struct filled filled;
	fill(&filled, pages, stride);
	uint64_t frames = filled.pages + filled.tables;
	/* What free frames take was taken before. */
	double each = (double)(filled.bytes - filled.bytes_empty - filled.tables * PAGE) /
		      (double)frames;
	fprintf(stderr, "bytes: %.1f a page or table with one page in %llu, %.1f with what is in "
		"tables\n", each, (unsigned long long)stride,
		(double)(filled.bytes - filled.bytes_empty) / (double)frames);
	cr_expect_leq(each, FRAME_BYTES_MAX, "one page in %llu", (unsigned long long)stride);
	vm_machine_destroy(filled.machine);
}

Test(bytes, of_a_page_far_from_others)
{
	sparse_check(PAGES / 2, 2);
	sparse_check(SPARSE_PAGES, 64);
	sparse_check(SPARSE_PAGES / 8, 512);
	sparse_check(SPARSE_PAGES / 8, 5000);
}

Test(bytes, of_a_frame_that_is_free)
{
	struct filled filled;
	fill(&filled, 1, 1);
	cr_expect_leq((double)filled.bytes / FRAMES, FREE_BYTES_MAX);
	vm_machine_destroy(filled.machine);
}
