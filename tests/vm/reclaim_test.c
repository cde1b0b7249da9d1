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
	RESIDENT_PAGES = 8160,    /* what is left of it for pages of the process */
	PROGRAM_PAGES = 12288,    /* 48 MiB */
	PERCENT_ALLOWED = 2,
	FEW_PAGES = 1000,
	TRIES = 16,               /* before a process is killed */
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

/* Pages that are only numbers: whether they were accessed, and what was noted when they left. */
struct toy {
	struct reclaim reclaim;
	bool is_accessed[PROGRAM_PAGES];
	bool is_locked[PROGRAM_PAGES];
	bool has_left[PROGRAM_PAGES];
	uint64_t shadows[PROGRAM_PAGES];
	uint64_t present, limit;
	bool has_no_swap;
};

static struct toy toy;
static const struct reclaim_request one = {.who = RECLAIM_GROUP, .wanted = 1};

static void toy_look(void *context, uint32_t page, struct reclaim_seen *out)
{
	(void)context;
	out->accessed = toy.is_accessed[page];
	out->is_locked = toy.is_locked[page];
	toy.is_accessed[page] = false;
}

static enum reclaim_outcome toy_evict(void *context, uint32_t page, uint64_t shadow)
{
	(void)context;
	toy.shadows[page] = shadow;
	toy.has_left[page] = true;
	toy.present--;
	lru_remove(&toy.reclaim.lru, page);
	return RECLAIM_WRITTEN;
}

static bool toy_can_swap(void *context)
{
	(void)context;
	return !toy.has_no_swap;
}

static void toy_make(uint32_t count, uint64_t limit)
{
	static const struct reclaim_owner owner = {
		.look = toy_look, .evict = toy_evict, .can_swap = toy_can_swap,
	};
	toy = (struct toy){.limit = limit};
	cr_assert(reclaim_init(&toy.reclaim, count, &owner));
}

static bool is_present(uint32_t page)
{
	return toy.reclaim.lru.pages[page].list != LRU_ABSENT;
}

/* Access a page under the limit; true: it had to come. */
static bool access_page(uint32_t page, bool is_file)
{
	bool comes = !is_present(page);
	if (comes) {
		for (int tries = 0; toy.present >= toy.limit; tries++) {
			cr_assert_lt(tries, TRIES);
			reclaim_run(&toy.reclaim, &one);
		}
		toy.present++;
		if (toy.has_left[page])
			reclaim_refault(&toy.reclaim, page, is_file, toy.shadows[page]);
		else
			reclaim_add(&toy.reclaim, page, is_file);
	}
	toy.is_accessed[page] = true;
	return comes;
}

static void expect_whole(void)
{
	const char *why = "";
	cr_assert(lru_check(&toy.reclaim.lru, &why), "%s", why);
}

static void expect_near(uint64_t ours, uint64_t kernels)
{
	uint64_t apart = ours > kernels ? ours - kernels : kernels - ours;
	cr_assert_leq(apart * 100, kernels * PERCENT_ALLOWED, "%lu, the kernel %lu",
		      (unsigned long)ours, (unsigned long)kernels);
}

static uint64_t sweep(bool is_backward)
{
	uint64_t faults = 0;
	for (uint32_t i = 0; i < PROGRAM_PAGES; i++)
		faults += access_page(is_backward ? PROGRAM_PAGES - 1 - i : i, false);
	return faults;
}

static uint64_t counted_sweep(bool is_backward)
{
	reclaim_count(&toy.reclaim);
	return sweep(is_backward);
}

/*
 * A group of 32 MiB and a program of 48: written once, read again in order, then backwards and
 * forwards. Linux 6.18 counted these major faults with swap in memory, its counts being added up
 * before each sweep.
 */
Test(reclaim, as_many_faults_as_the_kernel_counted)
{
	toy_make(PROGRAM_PAGES, RESIDENT_PAGES);
	cr_assert_eq(counted_sweep(false), PROGRAM_PAGES);
	cr_assert_eq(counted_sweep(false), PROGRAM_PAGES);
	expect_near(counted_sweep(true), 4159);
	expect_near(counted_sweep(false), 12089);
	expect_near(counted_sweep(true), 5434);
	expect_near(counted_sweep(false), 6818);
	expect_whole();
	reclaim_finish(&toy.reclaim);
}

/* The same, and Linux's figures, when nobody adds up the counts all the while. */
Test(reclaim, decisions_go_by_counts_of_some_time_ago)
{
	toy_make(PROGRAM_PAGES, RESIDENT_PAGES);
	cr_assert_eq(sweep(false), PROGRAM_PAGES);
	cr_assert_eq(sweep(false), PROGRAM_PAGES);
	expect_near(sweep(true), 4155);
	expect_near(sweep(false), 4130);
	expect_near(sweep(true), 4149);
	expect_near(sweep(false), 4154);
	reclaim_finish(&toy.reclaim);
}

Test(reclaim, pages_in_use_become_active_and_stay)
{
	uint64_t faults = 0;
	toy_make(PROGRAM_PAGES, 200);
	/* Ten pages all the time, and a stream of pages that are never used again. */
	for (uint32_t page = 10; page < PROGRAM_PAGES; page++) {
		for (uint32_t hot = 0; hot < 10; hot++)
			faults += access_page(hot, false);
		access_page(page, false);
		toy.is_accessed[page] = false;
	}
	cr_assert_eq(faults, 10);
	cr_assert_gt(toy.reclaim.activated, 0);
	reclaim_finish(&toy.reclaim);
}

Test(reclaim, pages_that_are_locked_stay)
{
	toy_make(FEW_PAGES, 200);
	for (uint32_t page = 0; page < 50; page++) {
		access_page(page, false);
		toy.is_locked[page] = true;
	}
	for (uint32_t page = 50; page < FEW_PAGES; page++)
		access_page(page, false);
	for (uint32_t page = 0; page < 50; page++)
		cr_assert_eq(toy.reclaim.lru.pages[page].list, LRU_LOCKED);
	expect_whole();
	reclaim_finish(&toy.reclaim);
}

Test(reclaim, a_page_that_comes_back_before_the_active_ones_would_have_left_is_active)
{
	toy_make(FEW_PAGES, 1000);
	reclaim_add(&toy.reclaim, 0, false);
	lru_drain(&toy.reclaim.lru);
	toy.present = 1;
	cr_assert_eq(reclaim_run(&toy.reclaim, &one), 1);
	/* Nothing is active: it could not have stayed. */
	reclaim_refault(&toy.reclaim, 0, false, toy.shadows[0]);
	cr_assert_not(toy.reclaim.lru.pages[0].is_active);
	lru_remove(&toy.reclaim.lru, 0);
	toy.reclaim.lengths_known[LRU_ACTIVE_ANON] = 1;
	reclaim_refault(&toy.reclaim, 0, false, toy.shadows[0]);
	cr_assert(toy.reclaim.lru.pages[0].is_active);
	cr_assert_eq(toy.reclaim.refaulted, 2);
	reclaim_finish(&toy.reclaim);
}

/* Half of the pages are a file's: who leaves is decided by swappiness. */
static uint64_t anon_gone(unsigned swappiness)
{
	uint64_t gone = 0;
	toy_make(PROGRAM_PAGES, PROGRAM_PAGES);
	toy.reclaim.swappiness = swappiness;
	for (uint32_t page = 0; page < PROGRAM_PAGES; page++) {
		access_page(page, page % 2 == 0);
		toy.is_accessed[page] = false;
	}
	reclaim_count(&toy.reclaim);
	for (int i = 0; i < 20; i++)
		cr_assert_geq(reclaim_run(&toy.reclaim, &one), RECLAIM_CLUSTER);
	for (uint32_t page = 1; page < PROGRAM_PAGES; page += 2)
		gone += toy.has_left[page];
	reclaim_finish(&toy.reclaim);
	return gone;
}

Test(reclaim, swappiness_decides_between_processes_and_files)
{
	cr_assert_eq(anon_gone(0), 0);
	uint64_t some = anon_gone(60), more = anon_gone(190);
	cr_assert_geq(more, some);
}

Test(reclaim, without_swap_processes_keep_their_pages)
{
	toy_make(FEW_PAGES, FEW_PAGES);
	toy.has_no_swap = true;
	for (uint32_t page = 0; page < FEW_PAGES; page++)
		access_page(page, false);
	cr_assert_eq(reclaim_run(&toy.reclaim, &one), 0);
	cr_assert_eq(toy.reclaim.work[RECLAIM_GROUP].scanned, 0);
	reclaim_finish(&toy.reclaim);
}

Test(reclaim, at_random_the_lists_hold)
{
	struct random_source random = {.state = SEED};
	const char *why = "";
	toy_make(FEW_PAGES, 300);
	for (int step = 0; step < STEPS; step++) {
		uint32_t page = (uint32_t)random_below(&random, FEW_PAGES);
		if (random_below(&random, 20) == 0 && is_present(page)) {
			lru_remove(&toy.reclaim.lru, page);
			toy.has_left[page] = false;
			toy.present--;
		} else if (random_below(&random, 20) == 0) {
			lru_lock(&toy.reclaim.lru, page, false);
			lru_mark(&toy.reclaim.lru, page);
		} else {
			access_page(page, page % 3 == 0);
		}
		cr_assert_leq(toy.present, 300);
		if (step % 500 == 0) {
			expect_whole();
			reclaim_count(&toy.reclaim);
		}
	}
	toy.reclaim.lru.lengths[LRU_ACTIVE_ANON]++;
	cr_assert_not(lru_check(&toy.reclaim.lru, &why));
	reclaim_finish(&toy.reclaim);
}
