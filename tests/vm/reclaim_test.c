/* SPDX-License-Identifier: MIT */
/*
 * Reclaim, swap and the killer, each by itself: victims, slots, and what a kernel counted.
 */
#include "vm/reclaim.h"

#include <allot/vm.h>
#include <criterion/criterion.h>
#include <stdio.h>

#include "random.h"
#include "vm/swap.h"

enum {
	MIB_PAGES = 256,
	GROUP_PAGES = 8192,       /* 32 MiB */
	RESIDENT_PAGES = 8100,    /* what is left of it for pages of the process */
	PROGRAM_PAGES = 12288,    /* 48 MiB */
	PERCENT_ALLOWED = 2,
	SEED = 20250703,
	SLOTS = 500,
	STEPS = 50000,
};

/* ---- who is killed ---- */

/* Three processes of 18, 6 and 12 MiB in a group of 32 MiB; Linux 6.18 killed these. */
Test(reclaim, the_killer_chooses_as_the_kernel_did)
{
	struct vm_oom_input hogs[] = {
		{.rss = 18 * MIB_PAGES}, {.rss = 6 * MIB_PAGES}, {.rss = 12 * MIB_PAGES},
	};
	const struct vm_oom_settings settings = {
		.total_pages = GROUP_PAGES, .is_group = true, .allocating = 2,
	};
	size_t victim = 77;
	cr_assert_eq(vm_oom_choose(hogs, 3, &settings, &victim), VM_OOM_KILL);
	cr_assert_eq(victim, 0);
	hogs[1].adjust = 500;
	cr_assert_eq(vm_oom_choose(hogs, 3, &settings, &victim), VM_OOM_KILL);
	cr_assert_eq(victim, 1);
}

Test(reclaim, the_killer_heeds_its_settings)
{
	struct vm_oom_input processes[] = {{.rss = 5}, {.rss = 9}, {.rss = 9}};
	struct vm_oom_settings settings = {.total_pages = 1000, .allocating = 0};
	size_t victim = 77;
	cr_assert_eq(vm_oom_choose(processes, 3, &settings, &victim), VM_OOM_KILL);
	cr_assert_eq(victim, 2);
	settings.kills_allocating = true;
	cr_assert_eq(vm_oom_choose(processes, 3, &settings, &victim), VM_OOM_KILL);
	cr_assert_eq(victim, 0);
	settings.is_group = true;
	cr_assert_eq(vm_oom_choose(processes, 3, &settings, &victim), VM_OOM_KILL);
	cr_assert_eq(victim, 2);
	settings.panic_on_oom = 1;
	cr_assert_eq(vm_oom_choose(processes, 3, &settings, &victim), VM_OOM_KILL);
	settings.is_group = false;
	cr_assert_eq(vm_oom_choose(processes, 3, &settings, &victim), VM_OOM_PANIC);
	settings.is_group = true;
	settings.panic_on_oom = 2;
	cr_assert_eq(vm_oom_choose(processes, 3, &settings, &victim), VM_OOM_PANIC);
}

Test(reclaim, when_nobody_can_be_killed_a_system_stops_and_a_group_fails)
{
	const struct vm_oom_input safe = {.rss = 5, .adjust = VM_OOM_ADJUST_NEVER};
	struct vm_oom_settings settings = {
		.total_pages = 1000, .kills_allocating = true, .allocating = 0,
	};
	size_t victim = 77;
	cr_assert_eq(vm_oom_choose(&safe, 1, &settings, &victim), VM_OOM_PANIC);
	settings.is_group = true;
	cr_assert_eq(vm_oom_choose(&safe, 1, &settings, &victim), VM_OOM_FAIL);
	cr_assert_eq(victim, 77);
}

/* ---- swap ---- */

Test(reclaim, slots_are_lent_once_and_none_is_lost)
{
	struct random_source random = {.state = SEED};
	struct swap swap;
	static uint16_t uses[SLOTS];
	const char *why = "";
	printf("# seed %d\n", SEED);
	cr_assert(swap_init(&swap, SLOTS));
	for (int step = 0; step < STEPS; step++) {
		uint64_t slot = 1 + random_below(&random, SLOTS - 1);
		if (uses[slot] == 0 || random_below(&random, 3) == 0) {
			slot = swap_take(&swap);
			cr_assert_eq(slot == SWAP_NONE, swap.free_count == 0 && slot == 0);
			if (slot != SWAP_NONE)
				cr_assert_eq(uses[slot]++, 0);
		} else if (random_below(&random, 4) == 0) {
			cr_assert(swap_share(&swap, slot));
			uses[slot]++;
		} else {
			cr_assert_eq(swap_give(&swap, slot), --uses[slot] == 0);
		}
		if (step % 1000 == 0)
			cr_assert(swap_check(&swap, &why), "%s", why);
	}
	swap.free_count++;
	cr_assert_not(swap_check(&swap, &why));
	swap_finish(&swap);
}

Test(reclaim, what_left_together_is_read_together)
{
	struct swap swap;
	uint64_t first, end;
	cr_assert(swap_init(&swap, 20));
	swap_window(&swap, 5, 3, &first, &end);
	cr_assert(first == 1 && end == 8);
	swap_window(&swap, 17, 3, &first, &end);
	cr_assert(first == 16 && end == 20);
	swap_window(&swap, 17, 0, &first, &end);
	cr_assert(first == 17 && end == 18);
	cr_assert_eq(swap_take(&swap), 1);
	cr_assert_eq(swap_take(&swap), 2);
	cr_assert(swap_give(&swap, 1));
	cr_assert_eq(swap_take(&swap), 3);
	swap_finish(&swap);
}

/* ---- two lists ---- */

/* Access a page under the limit; true: it had to come. */
static bool access_page(struct reclaim *reclaim, uint32_t page, uint64_t limit)
{
	uint32_t victims[RECLAIM_BATCH];
	if (reclaim_is_present(reclaim, page)) {
		reclaim_touch(reclaim, page);
		return false;
	}
	if (reclaim_present(reclaim) >= limit)
		reclaim_pages(reclaim, RECLAIM_BATCH, victims);
	reclaim_add(reclaim, page);
	return true;
}

static void expect_near(uint64_t ours, uint64_t kernels)
{
	uint64_t apart = ours > kernels ? ours - kernels : kernels - ours;
	cr_assert_leq(apart * 100, kernels * PERCENT_ALLOWED, "%lu, the kernel %lu",
		      (unsigned long)ours, (unsigned long)kernels);
}

/*
 * A group of 32 MiB and a program of 48: written once, read again in order, read backwards. Linux
 * 6.18 counted 12,301 and 4,205 major faults with swap in memory.
 */
Test(reclaim, as_many_faults_as_the_kernel_counted)
{
	struct reclaim reclaim;
	const char *why = "";
	uint64_t first = 0, again = 0, backwards = 0;
	cr_assert(reclaim_init(&reclaim, PROGRAM_PAGES));
	for (uint32_t page = 0; page < PROGRAM_PAGES; page++)
		first += access_page(&reclaim, page, RESIDENT_PAGES);
	for (uint32_t page = 0; page < PROGRAM_PAGES; page++)
		again += access_page(&reclaim, page, RESIDENT_PAGES);
	for (uint32_t page = PROGRAM_PAGES; page-- > 0;)
		backwards += access_page(&reclaim, page, RESIDENT_PAGES);
	printf("# %lu and %lu, the kernel 12301 and 4205\n", (unsigned long)again,
	       (unsigned long)backwards);
	cr_assert_eq(first, PROGRAM_PAGES);
	expect_near(again, 12301);
	expect_near(backwards, 4205);
	cr_assert(reclaim_check(&reclaim, &why), "%s", why);
	reclaim_finish(&reclaim);
}

Test(reclaim, pages_in_use_become_active_and_stay)
{
	struct reclaim reclaim;
	uint64_t faults = 0;
	cr_assert(reclaim_init(&reclaim, 10000));
	/* Ten pages all the time, and a stream of pages that are read ahead and never used. */
	for (uint32_t page = 10; page < 10000; page++) {
		for (uint32_t hot = 0; hot < 10; hot++)
			faults += access_page(&reclaim, hot, 200);
		access_page(&reclaim, page, 200);
		reclaim.pages[page].is_accessed = false;
	}
	cr_assert_eq(faults, 10);
	cr_assert_gt(reclaim.activated, 0);
	reclaim_finish(&reclaim);
}

Test(reclaim, what_is_accessed_at_two_looks_is_active_while_that_list_is_not_longer)
{
	struct reclaim reclaim;
	uint32_t victim;
	cr_assert(reclaim_init(&reclaim, 100));
	for (uint32_t page = 0; page < 100; page++)
		reclaim_add(&reclaim, page);
	cr_assert_eq(reclaim_pages(&reclaim, 1, &victim), 1);
	cr_assert_eq(victim, 0);
	cr_assert_eq(reclaim.lengths[RECLAIM_ACTIVE], 0);
	for (uint32_t page = 1; page < 100; page++)
		reclaim_touch(&reclaim, page);
	cr_assert_eq(reclaim_pages(&reclaim, 1, &victim), 1);
	cr_assert_gt(reclaim.lengths[RECLAIM_ACTIVE], 0);
	cr_assert_leq(reclaim.lengths[RECLAIM_ACTIVE], reclaim.lengths[RECLAIM_INACTIVE]);
	reclaim_finish(&reclaim);
}

Test(reclaim, at_random_the_lists_hold)
{
	struct random_source random = {.state = SEED};
	struct reclaim reclaim;
	uint32_t victims[RECLAIM_BATCH];
	const char *why = "";
	cr_assert(reclaim_init(&reclaim, 1000));
	for (int step = 0; step < STEPS; step++) {
		uint32_t page = (uint32_t)random_below(&random, 1000);
		if (random_below(&random, 20) == 0 && reclaim_is_present(&reclaim, page))
			reclaim_remove(&reclaim, page);
		else
			access_page(&reclaim, page, 300);
		cr_assert_leq(reclaim_present(&reclaim), 300);
		if (step % 500 == 0)
			cr_assert(reclaim_check(&reclaim, &why), "%s", why);
	}
	while (reclaim_present(&reclaim) > 0)
		cr_assert_gt(reclaim_pages(&reclaim, RECLAIM_BATCH, victims), 0);
	cr_assert_eq(reclaim_pages(&reclaim, RECLAIM_BATCH, victims), 0);
	reclaim.lengths[RECLAIM_ACTIVE]++;
	cr_assert_not(reclaim_check(&reclaim, &why));
	reclaim_finish(&reclaim);
}
