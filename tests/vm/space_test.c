/* SPDX-License-Identifier: MIT */
/*
 * Spaces: after any operation, also one that ran out of memory, every book of the machine is right,
 * for every geometry with tables; and at the end nothing is left.
 */
#include <allot/vm.h>
#include <criterion/criterion.h>
#include <stdio.h>

#include "long_run.h"
#include "random.h"

enum {
	SPACES = 4,
	REGION_PAGES = 300,
	CHECK_BYTES = 200,
	OPERATIONS = 1500,
	BLOCKS_EVERY = 10,
	FRAMES_MANY = 1 << 14,
	FRAMES_FEW = 600, /* runs out all the time */
};

struct run {
	struct vm_machine *machine;
	struct vm_space *spaces[SPACES];
	struct vm_file *files[3];
	struct random_source random;
	uint64_t page, base;
};

static size_t below(struct run *run, size_t bound)
{
	return random_below(&run->random, bound);
}

static void expect_sound(struct run *run, size_t operation)
{
	char message[CHECK_BYTES];
	cr_assert(vm_check(run->machine, message, sizeof(message)), "operation %zu: %s", operation,
		  message);
}

static void map_some(struct run *run, struct vm_space *space, uint64_t address, uint64_t bytes)
{
	struct vm_map_request request = {
		.address = below(run, 2) ? address : 0,
		.bytes = bytes,
		.protection = (unsigned)below(run, 8),
		.file = below(run, 2) ? run->files[below(run, 3)] : NULL,
		.offset = below(run, 16) * run->page,
	};
	unsigned flags[] = { 0, 0, VM_MAP_SHARED, VM_MAP_POPULATE, VM_MAP_LOCKED, VM_MAP_GROWSDOWN,
			     VM_MAP_STACK, VM_MAP_NORESERVE };
	request.flags = flags[below(run, 8)];
	if (request.address != 0)
		request.flags |= VM_MAP_FIXED;
	vm_map(space, &request);
}

static void space_change(struct run *run, size_t index)
{
	if (run->spaces[index] == NULL)
		run->spaces[index] = vm_space_fork(run->spaces[0]);
	else if (index != 0)
		vm_space_exit(run->spaces[index]), run->spaces[index] = NULL;
}

static void operate(struct run *run)
{
	size_t index = below(run, SPACES);
	struct vm_space *space = run->spaces[index] != NULL ? run->spaces[index] : run->spaces[0];
	uint64_t address = run->base + below(run, REGION_PAGES) * run->page;
	uint64_t bytes = (1 + below(run, 40)) * run->page;
	switch (below(run, 12)) {
	case 0:
	case 1:
		map_some(run, space, address, bytes);
		break;
	case 2:
		vm_unmap(space, address, bytes);
		break;
	case 3:
		vm_protect(space, address, bytes, (unsigned)below(run, 8));
		break;
	case 4:
		vm_remap(space, address, bytes, (1 + below(run, 40)) * run->page,
			 (unsigned)below(run, 8), run->base + below(run, 400) * run->page);
		break;
	case 5:
		vm_advise(space, address, bytes,
			  (enum vm_advice)below(run, VM_ADVISE_GUARD_REMOVE + 1));
		break;
	case 6:
		vm_lock(space, address, bytes, below(run, 2));
		break;
	case 7:
		vm_unlock(space, address, bytes);
		break;
	case 8:
		vm_break(space, vm_space_break(space) + (below(run, 20) - 8) * run->page);
		break;
	case 9:
		space_change(run, index);
		break;
	default:
		vm_touch(space, address, bytes, (enum vm_kind)below(run, 3));
		break;
	}
}

/* Blocks stand side by side, each aligned to its size, and are as many as the books say. */
static void expect_blocks(const struct vm_machine *machine)
{
	struct vm_memory memory;
	struct vm_block_view block;
	uint64_t free_blocks[VM_ORDERS] = { 0 };
	uint64_t at = 1;
	vm_memory_get(machine, &memory);
	while (vm_block_next(machine, at, &block)) {
		cr_assert_eq(block.frame, at);
		cr_assert_eq(block.frame % ((uint64_t)1 << block.order), 0);
		if (block.use == VM_BLOCK_FREE)
			free_blocks[block.order]++;
		at += (uint64_t)1 << block.order;
	}
	cr_assert_eq(at, memory.frames);
	cr_assert_arr_eq(free_blocks, memory.free_blocks, sizeof(free_blocks));
}

static void run_all(const struct vm_geometry *geometry, uint64_t frames, bool is_huge)
{
	struct vm_profile profile = *vm_profile_at(0);
	struct vm_config config = { .geometry = geometry, .frame_count = frames,
				    .profile = &profile };
	struct run run = { .random = { test_seed() }, .page = geometry->page_bytes };
	profile.huge = is_huge ? VM_HUGE_ALWAYS : VM_HUGE_ADVISED;
	config.layout.map_end = geometry->user_end / 2 / run.page * run.page;
	config.layout.break_start = geometry->user_end / 8 / run.page * run.page;
	run.base = geometry->user_end / 4 / run.page * run.page;
	run.machine = vm_machine_create(&config);
	cr_assert_not_null(run.machine, "%s", geometry->name);
	for (int i = 0; i < 3; i++)
		run.files[i] = vm_file_open(run.machine, (enum vm_file_kind)i, 20 * run.page);
	struct vm_memory before, after;
	vm_memory_get(run.machine, &before);
	run.spaces[0] = vm_space_create(run.machine);
	for (size_t i = 0; i < OPERATIONS; i++) {
		operate(&run);
		expect_sound(&run, i);
		if (i % BLOCKS_EVERY == 0)
			expect_blocks(run.machine);
	}
	for (size_t i = 0; i < SPACES; i++) {
		if (run.spaces[i] != NULL)
			vm_space_exit(run.spaces[i]);
	}
	expect_sound(&run, OPERATIONS);
	/* Pages of tmpfs stay, as do those of the huge zero page. */
	vm_memory_get(run.machine, &after);
	cr_expect_geq(after.free_frames + 20 + 512, before.free_frames, "%s", geometry->name);
	vm_machine_destroy(run.machine);
}

static bool has_tables(const struct vm_geometry *geometry)
{
	return geometry->page_shift >= 12;
}

/* Ends of accesses that do not fit 64 bits, and addresses of nobody, end in a signal. */
Test(space, no_address_is_too_wild)
{
	struct vm_machine *machine = vm_machine_create(NULL);
	struct vm_space *space = vm_space_create(machine);
	struct vm_map_request request = { .bytes = UINT64_MAX };
	cr_expect_eq(vm_touch(space, UINT64_MAX - 3, 8, VM_LOAD).signal, VM_SIGSEGV_MAPERR);
	cr_expect_eq(vm_touch(space, (uint64_t)1 << 47, 1, VM_STORE).signal, VM_SIGSEGV_KERNEL);
	cr_expect_neq(vm_map(space, &request).error, 0);
	request.bytes = UINT64_MAX / 2;
	cr_expect_neq(vm_map(space, &request).error, 0);
	/* A wish nobody can have is no wish. */
	request = (struct vm_map_request){ .bytes = 4096, .address = UINT64_MAX - 4095 };
	cr_expect_lt(vm_map(space, &request).value, (uint64_t)1 << 47);
	cr_expect_neq(vm_unmap(space, 4096, UINT64_MAX).error, 0);
	cr_expect_neq(vm_protect(space, 4096, UINT64_MAX - 4096, VM_PROT_READ).error, 0);
	cr_expect_neq(vm_remap(space, UINT64_MAX & ~(uint64_t)4095, 8192, 4096, 1, 0).error, 0);
	cr_expect_neq(vm_advise(space, 4096, UINT64_MAX, VM_ADVISE_DONTNEED).error, 0);
	cr_expect_neq(vm_lock(space, 4096, UINT64_MAX - 4096, false).error, 0);
	vm_machine_destroy(machine);
}

Test(space, every_operation_leaves_the_books_right, .timeout = 600)
{
	fprintf(stderr, "space: seed %llu\n", (unsigned long long)test_seed());
	for (size_t i = 0; vm_geometry_get(i) != NULL; i++) {
		if (has_tables(vm_geometry_get(i)))
			run_all(vm_geometry_get(i), FRAMES_MANY, false);
	}
}

Test(space, so_does_one_that_runs_out_of_frames, .timeout = 600)
{
	for (size_t i = 0; vm_geometry_get(i) != NULL; i++) {
		if (has_tables(vm_geometry_get(i)))
			run_all(vm_geometry_get(i), FRAMES_FEW, false);
	}
}

Test(space, so_it_is_with_huge_pages_everywhere, .timeout = 600)
{
	run_all(vm_geometry_get(0), FRAMES_MANY, true);
	run_all(vm_geometry_get(0), 2000, true);
}

Test(space, a_machine_without_tables_is_refused)
{
	struct vm_config config = { .geometry = vm_geometry_find("notes100") };
	cr_expect_null(vm_machine_create(&config));
	config.geometry = vm_geometry_find("csapp");
	cr_expect_null(vm_machine_create(&config));
}
