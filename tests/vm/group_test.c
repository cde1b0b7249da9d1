/* SPDX-License-Identifier: MIT */
/*
 * Groups: whatever processes do under a limit, every book of the machine holds; limits, swap and
 * the killer say what they say.
 */
#include <allot/vm.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "long_run.h"
#include "random.h"
#include "vm/group.h"

enum {
	PAGE_BYTES = 4096,
	MESSAGE_BYTES = 160,
	SPACES = 4,
	REGIONS = 4,
	REGION_PAGES = 700,
	STEPS = 3000,
	CHECKED_EVERY = 10,
};

static void expect_whole(struct vm_machine *machine)
{
	char message[MESSAGE_BYTES];
	cr_assert(vm_check(machine, message, sizeof(message)), "%s", message);
}

static void expect_damaged(struct vm_machine *machine, const char *why)
{
	char message[MESSAGE_BYTES];
	cr_assert_not(vm_check(machine, message, sizeof(message)), "not found: %s", why);
	cr_assert_not_null(strstr(message, why), "%s", message);
}

static struct vm_machine *machine_make(uint64_t limit, uint64_t swap)
{
	struct vm_machine *machine = vm_machine_create(NULL);
	cr_assert(vm_group_create(machine));
	if (swap > 0)
		cr_assert(vm_swap_on(machine, swap));
	cr_assert_eq(vm_group_limit(machine, limit).error, 0);
	return machine;
}

static uint64_t map_anon(struct vm_space *space, uint64_t pages)
{
	const struct vm_map_request request = {
		.bytes = pages * PAGE_BYTES, .protection = VM_PROT_READ | VM_PROT_WRITE,
	};
	struct vm_result result = vm_map(space, &request);
	cr_assert_eq(result.error, 0);
	return result.value;
}

static struct vm_group_view view_of(const struct vm_machine *machine)
{
	struct vm_group_view view;
	vm_group_get(machine, &view);
	return view;
}

/* ---- what is said ---- */

Test(group, usage_never_exceeds_the_limit)
{
	struct vm_machine *machine = machine_make(500, 5000);
	struct vm_space *space = vm_space_create(machine);
	uint64_t at = map_anon(space, 2000);
	cr_assert_eq(vm_touch(space, at, 2000 * PAGE_BYTES, VM_STORE).signal, VM_SIGNAL_NONE);
	struct vm_group_view view = view_of(machine);
	struct vm_counters counters;
	vm_counters_get(space, &counters);
	cr_assert_leq(view.usage_max, 500);
	cr_assert_eq(counters.rss_anon + counters.swapped, 2000);
	cr_assert_eq(view.swap_used, counters.swapped);
	cr_assert_eq(counters.minor_faults, 2000);
	vm_touch(space, at, PAGE_BYTES, VM_LOAD);
	vm_counters_get(space, &counters);
	cr_assert_eq(counters.major_faults, 1);
	cr_assert_eq(counters.by_reason[VM_REASON_SWAP_IN], 1);
	expect_whole(machine);
	vm_space_exit(space);
	cr_assert_eq(view_of(machine).swap_used, 0);
	expect_whole(machine);
	vm_machine_destroy(machine);
}

Test(group, what_was_there_before_is_not_charged)
{
	struct vm_machine *machine = vm_machine_create(NULL);
	struct vm_space *space = vm_space_create(machine);
	uint64_t at = map_anon(space, 100);
	vm_touch(space, at, 100 * PAGE_BYTES, VM_STORE);
	cr_assert_eq(view_of(machine).limit, 0);
	cr_assert(vm_group_create(machine));
	cr_assert_not(vm_group_create(machine));
	cr_assert_eq(view_of(machine).usage, 0);
	cr_assert_eq(view_of(machine).limit, VM_GROUP_UNLIMITED);
	vm_space_exit(space);
	cr_assert_eq(view_of(machine).usage, 0);
	expect_whole(machine);
	vm_machine_destroy(machine);
}

Test(group, a_limit_below_what_cannot_leave_is_refused)
{
	struct vm_machine *machine = machine_make(500, 0);
	struct vm_space *space = vm_space_create(machine);
	vm_touch(space, map_anon(space, 300), 300 * PAGE_BYTES, VM_STORE);
	cr_assert_eq(vm_group_limit(machine, 200).error, EBUSY);
	cr_assert_eq(view_of(machine).limit, 500);
	cr_assert(vm_swap_on(machine, 1000));
	cr_assert_not(vm_swap_on(machine, 1000));
	cr_assert_eq(vm_group_limit(machine, 200).error, 0);
	cr_assert_leq(view_of(machine).usage, 200);
	expect_whole(machine);
	vm_machine_destroy(machine);
}

Test(group, who_is_killed_loses_its_memory_and_the_others_go_on)
{
	struct vm_machine *machine = machine_make(1000, 0);
	struct vm_space *large = vm_space_create(machine), *small = vm_space_create(machine);
	vm_touch(large, map_anon(large, 600), 600 * PAGE_BYTES, VM_STORE);
	cr_assert_eq(vm_touch(small, map_anon(small, 500), 500 * PAGE_BYTES, VM_STORE).signal,
		     VM_SIGNAL_NONE);
	cr_assert(vm_space_is_killed(large));
	cr_assert_not(vm_space_is_killed(small));
	cr_assert_eq(view_of(machine).kills, 1);
	expect_whole(machine);
	vm_space_exit(large);
	cr_assert_eq(vm_touch(small, map_anon(small, 900), 900 * PAGE_BYTES, VM_STORE).signal,
		     VM_SIGNAL_KILLED);
	cr_assert(vm_space_is_killed(small));
	expect_whole(machine);
	vm_space_exit(small);
	expect_whole(machine);
	vm_machine_destroy(machine);
}

Test(group, a_fork_that_is_killed_leaves_nothing)
{
	struct vm_machine *machine = machine_make(700, 0);
	struct vm_space *space = vm_space_create(machine);
	/* A page of each of 300 last-level tables: the child's do not fit. */
	uint64_t at = map_anon(space, 300 * 512);
	for (uint64_t i = 0; i < 300; i++)
		vm_touch(space, at + i * 512 * PAGE_BYTES, 1, VM_STORE);
	cr_assert_null(vm_space_fork(space));
	cr_assert(vm_space_is_killed(space));
	expect_whole(machine);
	vm_space_exit(space);
	expect_whole(machine);
	vm_machine_destroy(machine);
}

Test(group, a_page_moved_by_mremap_is_found_and_leaves)
{
	struct vm_machine *machine = machine_make(400, 5000);
	struct vm_space *space = vm_space_create(machine), *child;
	uint64_t at = map_anon(space, 100), there = map_anon(space, 2000);
	vm_touch(space, at, 100 * PAGE_BYTES, VM_STORE);
	child = vm_space_fork(space);
	struct vm_result moved = vm_remap(space, at, 100 * PAGE_BYTES, 100 * PAGE_BYTES,
					  VM_REMAP_MAYMOVE | VM_REMAP_FIXED, there);
	cr_assert_eq(moved.error, 0);
	vm_touch(space, there + 100 * PAGE_BYTES, 1900 * PAGE_BYTES, VM_STORE);
	struct vm_counters counters;
	vm_counters_get(child, &counters);
	cr_assert_eq(counters.rss_anon, 0);
	cr_assert_eq(counters.swapped, 100);
	expect_whole(machine);
	vm_machine_destroy(machine);
}

Test(group, damage_is_found)
{
	struct vm_machine *machine = machine_make(300, 5000);
	struct vm_space *space = vm_space_create(machine);
	vm_touch(space, map_anon(space, 600), 600 * PAGE_BYTES, VM_STORE);
	struct group *group = machine->group;
	group->usage++;
	expect_damaged(machine, "charged pages are miscounted");
	group->usage--;
	group->reclaim.lru.lengths[LRU_INACTIVE_ANON]++;
	expect_damaged(machine, "a list of pages is miscounted");
	group->reclaim.lru.lengths[LRU_INACTIVE_ANON]--;
	group->swap.uses[1]++;
	expect_damaged(machine, "uses of swap slots are miscounted");
	group->swap.uses[1]--;
	space->counters.swapped++;
	expect_damaged(machine, "swapped pages are miscounted");
	space->counters.swapped--;
	expect_whole(machine);
	vm_machine_destroy(machine);
}

/* ---- a machine short of memory ---- */

static struct vm_machine *short_machine(const struct vm_shortage_settings *settings)
{
	const struct vm_config config = {.frame_count = 2048};
	struct vm_machine *machine = vm_machine_create(&config);
	cr_assert(vm_shortage_on(machine, settings));
	return machine;
}

static uint64_t free_frames(const struct vm_machine *machine)
{
	struct vm_memory memory;
	vm_memory_get(machine, &memory);
	return memory.free_frames;
}

/* Write 4,000 pages, one after another, with swap for all of them. */
static struct vm_shortage_view pages_write(uint64_t kswapd_every)
{
	const struct vm_shortage_settings settings = {.kswapd_every = kswapd_every};
	struct vm_machine *machine = short_machine(&settings);
	struct vm_space *space = vm_space_create(machine);
	uint64_t at = map_anon(space, 4000);
	struct vm_shortage_view view;
	cr_assert(vm_swap_on(machine, 5000));
	for (uint64_t i = 0; i < 4000; i++) {
		vm_touch(space, at + i * PAGE_BYTES, 1, VM_STORE);
		vm_shortage_get(machine, &view);
		/* Who asks below the lowest watermark makes room first. */
		cr_assert_geq(free_frames(machine), view.marks.min);
	}
	cr_assert_lt(view.marks.min, view.marks.low);
	expect_whole(machine);
	vm_machine_destroy(machine);
	return view;
}

Test(group, a_kswapd_that_keeps_up_lets_nobody_wait)
{
	struct vm_shortage_view view = pages_write(0);
	cr_assert_eq(view.stalls, 0);
	cr_assert_eq(view.stolen_direct, 0);
	cr_assert_gt(view.stolen_kswapd, 2000);
	cr_assert_gt(view.wakes, 0);
}

Test(group, behind_a_slow_kswapd_processes_reclaim_by_themselves)
{
	struct vm_shortage_view view = pages_write(1000);
	cr_assert_gt(view.stalls, 0);
	cr_assert_gt(view.stolen_direct, 0);
	cr_assert_gt(view.stolen_kswapd, 0);
}

Test(group, a_machine_kills_as_its_settings_say)
{
	struct vm_shortage_settings settings = {.kills_allocating = true};
	struct vm_machine *machine = short_machine(&settings);
	struct vm_space *large = vm_space_create(machine), *small = vm_space_create(machine);
	vm_touch(large, map_anon(large, 1500), 1500 * PAGE_BYTES, VM_STORE);
	cr_assert_eq(vm_touch(small, map_anon(small, 800), 800 * PAGE_BYTES, VM_STORE).signal,
		     VM_SIGNAL_KILLED);
	cr_assert_not(vm_space_is_killed(large));
	vm_space_exit(small);
	settings = (struct vm_shortage_settings){.panic_on_oom = 1};
	cr_assert(vm_shortage_on(machine, &settings));
	cr_assert_eq(vm_touch(large, map_anon(large, 800), 800 * PAGE_BYTES, VM_STORE).signal,
		     VM_SIGBUS_MEMORY);
	struct vm_shortage_view view;
	vm_shortage_get(machine, &view);
	cr_assert(view.has_panicked);
	cr_assert_not(vm_space_is_killed(large));
	expect_whole(machine);
	vm_machine_destroy(machine);
}

/* ---- at random ---- */

struct world {
	struct vm_machine *machine;
	struct vm_space *spaces[SPACES];
	uint64_t regions[REGIONS];
	struct vm_file *file;
};

static void region_change(struct world *world, struct vm_space *space,
			  struct random_source *random)
{
	size_t which = random_below(random, REGIONS);
	uint64_t first = random_below(random, REGION_PAGES);
	uint64_t count = 1 + random_below(random, REGION_PAGES - first);
	uint64_t at = world->regions[which] + first * PAGE_BYTES, bytes = count * PAGE_BYTES;
	const struct vm_map_request again = {
		.address = at, .bytes = bytes, .protection = VM_PROT_READ | VM_PROT_WRITE,
		.flags = VM_MAP_FIXED, .file = which == 0 ? world->file : NULL,
		.offset = which == 0 ? first * PAGE_BYTES : 0,
	};
	switch (random_below(random, 12)) {
	case 0:
		vm_map(space, &again);
		break;
	case 1:
		vm_advise(space, at, bytes, VM_ADVISE_DONTNEED);
		break;
	case 2:
		vm_lock(space, at, count < 40 ? bytes : PAGE_BYTES, false);
		break;
	case 3:
		vm_unlock(space, at, bytes);
		break;
	case 4:
		vm_remap(space, at, bytes, bytes, VM_REMAP_MAYMOVE | VM_REMAP_FIXED,
			 world->regions[REGIONS - 1] + (1 + first) * REGION_PAGES * PAGE_BYTES);
		break;
	case 5:
		vm_protect(space, at, bytes, VM_PROT_READ);
		break;
	case 6:
		vm_protect(space, at, bytes, VM_PROT_READ | VM_PROT_WRITE);
		break;
	case 7:
		vm_advise(space, at, bytes, random_below(random, 2) == 0 ? VM_ADVISE_RANDOM
									 : VM_ADVISE_NORMAL);
		break;
	default:
		vm_touch(space, at, bytes, random_below(random, 2) == 0 ? VM_LOAD : VM_STORE);
		break;
	}
}

static void spaces_reap(struct world *world)
{
	for (size_t i = 0; i < SPACES; i++) {
		if (world->spaces[i] != NULL && vm_space_is_killed(world->spaces[i])) {
			vm_space_exit(world->spaces[i]);
			world->spaces[i] = NULL;
		}
	}
}

static void world_change(struct world *world, struct random_source *random)
{
	size_t i = random_below(random, SPACES), j = random_below(random, SPACES);
	struct vm_space *space = world->spaces[i];
	if (space == NULL) {
		world->spaces[i] = world->spaces[j] != NULL ? vm_space_fork(world->spaces[j])
							    : vm_space_create(world->machine);
		return;
	}
	switch (random_below(random, 40)) {
	case 0:
		vm_space_exit(space);
		world->spaces[i] = NULL;
		break;
	case 1:
		vm_group_limit(world->machine, 600 + random_below(random, 1000));
		break;
	case 2:
		vm_group_swappiness(world->machine, (unsigned)random_below(random, 201));
		break;
	case 3:
		vm_group_count(world->machine);
		break;
	case 4:
		vm_file_drop(world->machine, world->file);
		break;
	default:
		region_change(world, space, random);
		break;
	}
}

Test(group, at_random_every_book_holds, .timeout = 600)
{
	struct random_source random = {.state = test_seed()};
	struct world world = {.machine = machine_make(1000, 300)};
	fprintf(stderr, "group: seed %llu\n", (unsigned long long)random.state);
	world.file = vm_file_open(world.machine, VM_FILE_DISK, REGION_PAGES * PAGE_BYTES);
	world.spaces[0] = vm_space_create(world.machine);
	for (size_t i = 0; i < REGIONS; i++)
		world.regions[i] = 0x10000000 + i * 0x1000000;
	for (size_t step = 0; step < STEPS * (is_long_run() ? 20 : 1); step++) {
		world_change(&world, &random);
		spaces_reap(&world);
		if (step % CHECKED_EVERY == 0)
			expect_whole(world.machine);
	}
	struct vm_group_view view = view_of(world.machine);
	fprintf(stderr, "group: %llu stolen, %llu refaulted, %llu killed\n",
		(unsigned long long)view.stolen, (unsigned long long)view.refaulted,
		(unsigned long long)view.kills);
	cr_assert_gt(view.refaulted, 0);
	for (size_t i = 0; i < SPACES; i++) {
		if (world.spaces[i] != NULL)
			vm_space_exit(world.spaces[i]);
	}
	expect_whole(world.machine);
	cr_assert_eq(view_of(world.machine).swap_used, 0);
	vm_machine_destroy(world.machine);
}
