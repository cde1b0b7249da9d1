/* SPDX-License-Identifier: MIT */
/*
 * Zones: figures that Linux 6.18 showed on machines of 24 GB, and the corners of the formulas.
 */
#include <allot/vm.h>

#include <criterion/criterion.h>
#include <string.h>

enum {
	PAGE_BYTES = 4096,
	HUGE_PAGES = 512,
};

static const struct vm_zone zones[] = {
	{.managed_pages = 3840}, {.managed_pages = 772915}, {.managed_pages = 5394266},
};
static const struct vm_zone_settings settings = {
	.min_free_kib = 67584, .watermark_scale_factor = 10, .page_bytes = PAGE_BYTES,
};

Test(zone, watermarks_are_the_kernels)
{
	static const struct vm_watermarks seen[] = {
		{10, 13, 16, 19}, {2116, 2888, 3660, 4432}, {14769, 20163, 25557, 30951},
	};
	struct vm_watermarks marks[3];
	vm_zone_watermarks(zones, 3, &settings, marks);
	for (size_t i = 0; i < 3; i++) {
		cr_assert_eq(marks[i].min, seen[i].min);
		cr_assert_eq(marks[i].low, seen[i].low);
		cr_assert_eq(marks[i].high, seen[i].high);
		cr_assert_eq(marks[i].promo, seen[i].promo);
	}
}

Test(zone, a_movable_zone_keeps_little_and_is_no_share)
{
	struct vm_zone with_extra[4];
	struct vm_watermarks marks[4], alone[3];
	memcpy(with_extra, zones, sizeof(zones));
	/* Also an empty one has watermarks: the kernel's sums have them. */
	with_extra[3] = (struct vm_zone){.managed_pages = 1 << 20, .is_extra = true};
	vm_zone_watermarks(zones, 3, &settings, alone);
	vm_zone_watermarks(with_extra, 4, &settings, marks);
	cr_assert_arr_eq(marks, alone, sizeof(alone));
	cr_assert_eq(marks[3].min, 128);
	with_extra[3].managed_pages = 0;
	vm_zone_watermarks(with_extra, 4, &settings, marks);
	cr_assert_eq(marks[3].min, 32);
	cr_assert_eq(marks[3].low, 32);
}

Test(zone, low_zones_keep_pages_from_requests_for_high_ones)
{
	const uint64_t managed[] = {3840, 772915, 5394266, 0, 0};
	const uint64_t of_dma32[] = {0, 0, 21071, 21071, 21071};
	const uint64_t of_dma[] = {0, 3019, 24090, 24090, 24090};
	uint64_t reserves[5];
	vm_zone_reserves(managed, 5, 0, 256, reserves);
	cr_assert_arr_eq(reserves, of_dma, sizeof(of_dma));
	vm_zone_reserves(managed, 5, 1, 256, reserves);
	cr_assert_arr_eq(reserves, of_dma32, sizeof(of_dma32));
	vm_zone_reserves(managed, 5, 2, 0, reserves);
	cr_assert_eq(reserves[4], 0);
	cr_assert_eq(vm_zone_reserve_total(3840, 16, of_dma, 5), 3840);
	cr_assert_eq(vm_zone_reserve_total(772915, 3660, of_dma32, 5), 24731);
}

Test(zone, huge_pages_raise_what_is_kept_free)
{
	cr_assert_eq(vm_min_free_huge_kib(3, HUGE_PAGES, 6141788, PAGE_BYTES), 67584);
	/* A twentieth at most: a machine of 512 MiB. */
	cr_assert_eq(vm_min_free_huge_kib(2, HUGE_PAGES, 131072, PAGE_BYTES), 26212);
	cr_assert_eq(vm_min_free_kib(6141788, PAGE_BYTES), 19826);
	cr_assert_eq(vm_min_free_kib(0, PAGE_BYTES), 128);
	cr_assert_eq(vm_min_free_kib((uint64_t)1 << 40, PAGE_BYTES), 262144);
}

Test(zone, what_is_available_is_never_negative_and_caches_go_by_half)
{
	struct vm_available_input input = {.free = 10, .reserve = 20, .low = 5};
	cr_assert_eq(vm_available_pages(&input), 0);
	input.file = 100;
	cr_assert_eq(vm_available_pages(&input), 85);
	input.file = 8;
	input.reclaimable = 40;
	cr_assert_eq(vm_available_pages(&input), 29);
}

Test(zone, what_may_be_promised)
{
	struct vm_commit_input input = {
		.total_pages = 6171021, .overcommit_ratio = 50, .page_bytes = PAGE_BYTES,
	};
	cr_assert_eq(vm_commit_limit_pages(&input) * 4, 12342040);
	input.huge_pages = 512;
	input.swap_pages = 1000;
	cr_assert_eq(vm_commit_limit_pages(&input), (6171021 - 512) / 2 + 1000);
	input.overcommit_kib = 4001;
	cr_assert_eq(vm_commit_limit_pages(&input), 2000);
}

Test(zone, who_is_killed)
{
	const uint64_t total = 6171021;
	struct vm_oom_input idle = {.rss = 300, .tables = 12};
	int64_t badness;
	cr_assert(vm_oom_badness(&idle, total, &badness));
	cr_assert_eq(badness, 312);
	cr_assert_eq(vm_oom_score(&idle, total), 666);
	idle.adjust = 500;
	cr_assert_eq(vm_oom_score(&idle, total), 1000);
	idle.adjust = VM_OOM_ADJUST_NEVER;
	cr_assert_not(vm_oom_badness(&idle, total, &badness));
	cr_assert_eq(vm_oom_score(&idle, total), 0);
	idle.adjust = 0;
	idle.is_init = true;
	cr_assert_eq(vm_oom_score(&idle, total), 0);
	idle.is_init = false;
	/* Towards zero, as the kernel divides: -998 of -998.9. */
	idle.adjust = -999;
	cr_assert_eq(vm_oom_score(&idle, total), 1);
}

Test(zone, fragmentation_says_why)
{
	uint64_t none[VM_ORDERS] = {0};
	uint64_t singles[VM_ORDERS] = {1000};
	uint64_t mixed[VM_ORDERS] = {[0] = 8, [3] = 1, [4] = 1};
	cr_assert_eq(vm_unusable_index(none, 4), 1000);
	cr_assert_eq(vm_fragmentation_index(none, 4), 0);
	cr_assert_eq(vm_unusable_index(singles, 4), 1000);
	cr_assert_eq(vm_fragmentation_index(singles, 4), 1000 - (1000 + 62500) / 1000);
	cr_assert_eq(vm_unusable_index(mixed, 4), 500);
	cr_assert_eq(vm_fragmentation_index(mixed, 4), -1000);
	cr_assert_eq(vm_fragmentation_index(mixed, 5), 1000 - (1000 + 1000) / 10);
}

static const struct vm_meminfo meminfo = {
	.total = 24684084, .free = 23423028, .available = 23912820, .buffers = 11720,
	.cached = 587636, .reclaimable = 300596, .shared = 8880, .slab = 335280,
	.committed = 992056,
};

Test(zone, free_by_both_conventions)
{
	struct vm_free_line line;
	struct vm_meminfo info = meminfo;
	vm_free_line_new(&info, &line);
	cr_assert_eq(line.used, 24684084 - 23912820);
	cr_assert_eq(line.cache, 899952);
	vm_free_line_old(&info, &line);
	cr_assert_eq(line.used, 24684084 - 23423028 - 899952);
	info.available = info.total + 1;
	vm_free_line_new(&info, &line);
	cr_assert_eq(line.available, info.free);
}

/* What sar 12.6.1 -r ALL and free of procps 4.0.2 wrote for a meminfo of these lines. */
Test(zone, the_tools_write_the_same)
{
	const struct vm_meminfo info = {
		.total = 24684084, .free = 23375312, .available = 23901080, .buffers = 6948,
		.cached = 618844, .reclaimable = 310148, .slab = 347008, .committed = 772444,
	};
	struct vm_free_line line;
	struct vm_sar_line sar;
	vm_free_line_new(&info, &line);
	cr_assert_eq(line.used, 783004);
	cr_assert_eq(line.cache, 935940);
	vm_sar_line_get(&info, &sar);
	cr_assert_eq(sar.used, 335972);
	cr_assert_eq(sar.used_share, 136);
	cr_assert_eq(sar.commit_share, 313);
}

Test(zone, sar_counts_slabs_out_and_rounds)
{
	struct vm_sar_line line;
	vm_sar_line_get(&meminfo, &line);
	cr_assert_eq(line.used, 24684084 - 23423028 - 11720 - 587636 - 335280);
	cr_assert_eq(line.used_share, 132);
	cr_assert_eq(line.commit_share, 402);
}

Test(zone, a_machine_in_figures)
{
	const struct vm_config config = {.frame_count = 1 << 16};
	struct vm_machine *machine = vm_machine_create(&config);
	struct vm_space *space = vm_space_create(machine);
	struct vm_map_request request = {.bytes = 64 * PAGE_BYTES, .protection = VM_PROT_WRITE};
	struct vm_result at = vm_map(space, &request);
	vm_touch(space, at.value, 16 * PAGE_BYTES, VM_STORE);
	request.flags = VM_MAP_SHARED;
	at = vm_map(space, &request);
	vm_touch(space, at.value, 8 * PAGE_BYTES, VM_STORE);

	struct vm_memory_uses uses;
	struct vm_memory memory;
	struct vm_meminfo info;
	vm_memory_uses_get(machine, &uses);
	vm_memory_get(machine, &memory);
	vm_meminfo_get(machine, &info);
	cr_assert_eq(uses.anonymous, 16);
	cr_assert_eq(uses.shared, 8);
	cr_assert_eq(uses.reserved + uses.tables + uses.anonymous + uses.file + uses.shared +
		     memory.free_frames, memory.frames);
	cr_assert_eq(info.shared, 8 * 4);
	cr_assert_eq(info.committed, 128 * 4);
	cr_assert_lt(info.available, info.free);
	vm_machine_destroy(machine);
}
