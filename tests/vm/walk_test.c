/* SPDX-License-Identifier: MIT */
/*
 * Walks and processors: an access comes to what vm_walk() said it would, on any machine state that
 * random operations lead to; and a TLB that is told what it must be told never grants more than
 * the tables do.
 */
#include <allot/vm.h>
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "long_run.h"
#include "random.h"

enum {
	SPACES = 3,
	PAGE = 4096,
	HUGE_PAGES = 512,
	REGION_PAGES = 4 * HUGE_PAGES,
	OPERATIONS = 60000,
	OPERATIONS_LONG = 1000000,
	MESSAGE_BYTES = 200,
	FILES = 3,
	CHECK_EVERY = 100,
	LIMIT_PAGES = 800, /* where it is short */
	SWAP_PAGES = 1 << 14,
};

static const uint64_t base = UINT64_C(0x7fff00000000);

struct run {
	struct vm_machine *machine;
	struct vm_space *spaces[SPACES];
	struct vm_file *files[FILES];
	struct vm_processor processor;
	struct random_source random;
	void *memory;
	uint64_t reasons[VM_REASON_COUNT]; /* foretold, and so it was */
	uint64_t signals;
	uint64_t kills;
	bool is_limited;
};

static size_t below(struct run *run, size_t bound)
{
	return random_below(&run->random, bound);
}

/* Under a limit there are no huge pages: how they leave is not modelled. */
static void run_init(struct run *run, uint32_t asid_count, bool is_limited)
{
	struct vm_profile profile = *vm_profile_find("linux-6.18");
	struct vm_config config = { .frame_count = 1 << 15, .profile = &profile };
	struct vm_tlb_conf conf = { 0 };
	char message[MESSAGE_BYTES];
	if (is_limited)
		profile.huge = VM_HUGE_NEVER;
	*run = (struct run){ .machine = vm_machine_create(&config), .is_limited = is_limited };
	if (is_limited) {
		cr_assert(vm_group_create(run->machine) && vm_swap_on(run->machine, SWAP_PAGES));
		cr_assert_eq(vm_group_limit(run->machine, LIMIT_PAGES).error, 0);
	}
	run->random.state = test_seed();
	run->spaces[0] = vm_space_create(run->machine);
	static const enum vm_file_kind kinds[FILES] = { VM_FILE_DISK, VM_FILE_SHARED,
							VM_FILE_QUIET };
	for (int i = 0; i < FILES; i++)
		run->files[i] = vm_file_open(run->machine, kinds[i], 40 * PAGE);
	cr_assert(vm_tlb_preset("skylake", &conf));
	conf.asid_count = asid_count;
	conf.translate = vm_processor_translate;
	conf.context = &run->processor;
	run->memory = malloc(vm_tlb_bytes(&conf));
	cr_assert(vm_tlb_init(&run->processor.tlb, run->memory, vm_tlb_bytes(&conf), &conf,
			      message, sizeof(message)), "%s", message);
	vm_machine_watch(run->machine, vm_processor_invalidate, &run->processor);
	vm_processor_switch(&run->processor, run->spaces[0]);
}

static void run_finish(struct run *run)
{
	vm_machine_destroy(run->machine);
	free(run->memory);
}

static uint64_t some_address(struct run *run)
{
	size_t page = below(run, 3) == 0 ? below(run, REGION_PAGES) : below(run, 80);
	return base + page * PAGE;
}

static uint64_t some_bytes(struct run *run)
{
	return below(run, 4) == 0 ? HUGE_PAGES * PAGE : (1 + below(run, 40)) * PAGE;
}

static void map_some(struct run *run, struct vm_space *space)
{
	static const unsigned flags[] = { 0, 0, 0, VM_MAP_SHARED, VM_MAP_SHARED, VM_MAP_POPULATE,
					  VM_MAP_GROWSDOWN };
	bool is_file = below(run, 3) == 0;
	struct vm_map_request request = {
		.address = some_address(run),
		.bytes = some_bytes(run),
		.protection = below(run, 3) == 0 ? (unsigned)below(run, 8) : 3,
		.flags = flags[below(run, 7)] | VM_MAP_FIXED,
		.file = is_file ? run->files[below(run, FILES)] : NULL,
		.offset = is_file ? below(run, 32) * PAGE : 0,
	};
	vm_map(space, &request);
}

/* Room for a huge page. */
static void map_huge(struct run *run, struct vm_space *space)
{
	uint64_t bytes = (uint64_t)HUGE_PAGES * PAGE;
	struct vm_map_request request = { .address = base + below(run, 4) * bytes, .bytes = bytes,
					  .protection = 3, .flags = VM_MAP_FIXED };
	vm_map(space, &request);
	vm_advise(space, request.address, bytes, VM_ADVISE_HUGEPAGE);
}

static void space_fork(struct run *run)
{
	size_t from = below(run, SPACES), to = 1 + below(run, SPACES - 1);
	if (run->spaces[from] == NULL || from == to)
		return;
	if (run->spaces[to] != NULL) {
		if (run->processor.space == run->spaces[to])
			vm_processor_switch(&run->processor, run->spaces[0]);
		vm_space_exit(run->spaces[to]);
	}
	run->spaces[to] = vm_space_fork(run->spaces[from]);
}

static void space_change(struct run *run, struct vm_space *space)
{
	static const enum vm_advice advices[] = {
		VM_ADVISE_DONTNEED, VM_ADVISE_FREE, VM_ADVISE_COLD, VM_ADVISE_HUGEPAGE,
		VM_ADVISE_HUGEPAGE, VM_ADVISE_GUARD_INSTALL, VM_ADVISE_GUARD_REMOVE,
		VM_ADVISE_POPULATE_WRITE,
	};
	uint64_t address = some_address(run), bytes = some_bytes(run);
	switch (below(run, 11)) {
	case 0:
	case 1:
		map_some(run, space);
		break;
	case 2:
		vm_unmap(space, address, bytes);
		break;
	case 3:
		vm_protect(space, address, bytes, (unsigned)below(run, 8));
		break;
	case 4:
		vm_protect(space, address, bytes, 3);
		break;
	case 5:
		vm_remap(space, address, bytes, bytes,
			 VM_REMAP_MAYMOVE | VM_REMAP_FIXED |
				 (below(run, 2) ? VM_REMAP_DONTUNMAP : 0u),
			 some_address(run));
		break;
	case 6:
		space_fork(run);
		break;
	case 7:
		map_huge(run, space);
		break;
	case 8:
		if (run->is_limited)
			vm_file_drop(run->machine, run->files[below(run, FILES)]);
		break;
	default:
		vm_advise(space, address, bytes, advices[below(run, 8)]);
		break;
	}
}

/* Foretell an access, make it, and compare. */
static void access_some(struct run *run, size_t operation)
{
	static const enum vm_kind kinds[] = { VM_LOAD, VM_LOAD, VM_STORE, VM_STORE, VM_FETCH };
	struct vm_space *space = run->processor.space;
	struct vm_counters before, after;
	struct vm_walk walk;
	enum vm_kind kind = kinds[below(run, 5)];
	uint64_t address = some_address(run) + below(run, PAGE);
	vm_counters_get(space, &before);
	vm_walk(space, address, kind, &walk);
	vm_counters_get(space, &after);
	cr_assert_eq(memcmp(&before, &after, sizeof(before)), 0, "looking changed something");
	struct vm_touched touched = vm_processor_touch(&run->processor, address, 1, kind);
	vm_counters_get(space, &after);
	/* For want of memory: nobody can foretell that from the tables. */
	if (run->is_limited && touched.signal == VM_SIGNAL_KILLED)
		return;
	cr_assert_eq(touched.signal, walk.signal, "operation %zu: %s, not %s", operation,
		     vm_signal_name(touched.signal), vm_signal_name(walk.signal));
	cr_assert_eq(after.minor_faults + after.major_faults -
			     (before.minor_faults + before.major_faults),
		     walk.is_served, "operation %zu", operation);
	if (walk.is_served) {
		cr_assert_eq(after.by_reason[walk.reason], before.by_reason[walk.reason] + 1,
			     "operation %zu: not %s", operation, vm_reason_name(walk.reason));
		run->reasons[walk.reason]++;
	}
	if (walk.is_granted)
		cr_assert_eq(touched.signal, VM_SIGNAL_NONE);
	run->signals += touched.signal != VM_SIGNAL_NONE;
	vm_walk(space, address, kind, &walk);
	cr_assert_eq(walk.is_granted, touched.signal == VM_SIGNAL_NONE);
}

/* Those that were killed for want of memory; another takes the place of the first. */
static void spaces_bury(struct run *run)
{
	for (size_t i = SPACES; i-- > 0;) {
		struct vm_space *space = run->spaces[i];
		if (space == NULL || !vm_space_is_killed(space))
			continue;
		run->spaces[i] = i == 0 ? vm_space_create(run->machine) : NULL;
		if (run->processor.space == space)
			vm_processor_switch(&run->processor, run->spaces[0]);
		vm_space_exit(space);
		run->kills++;
	}
}

/* An upgrade there is only without the rule that shared memory is mapped writable. */
static bool is_met(enum vm_reason reason, bool is_limited)
{
	switch (reason) {
	case VM_REASON_SHARED_UPGRADE:
		return false;
	case VM_REASON_SWAP_CACHE:
	case VM_REASON_SWAP_IN:
	case VM_REASON_FILE_IN:
		return is_limited;
	case VM_REASON_HUGE_ZERO:
	case VM_REASON_HUGE_DEMAND:
	case VM_REASON_HUGE_ZERO_WRITE:
	case VM_REASON_HUGE_REUSE:
		return !is_limited;
	default:
		return true;
	}
}

static void run_some(uint32_t asid_count, bool is_limited)
{
	struct run run;
	char message[MESSAGE_BYTES];
	size_t count = is_long_run() ? OPERATIONS_LONG : OPERATIONS;
	run_init(&run, asid_count, is_limited);
	for (size_t i = 0; i < count; i++) {
		size_t index = below(&run, SPACES);
		if (run.spaces[index] != NULL && below(&run, 8) == 0)
			vm_processor_switch(&run.processor, run.spaces[index]);
		if (below(&run, 3) == 0)
			space_change(&run, run.processor.space);
		else
			access_some(&run, i);
		cr_assert(vm_processor_check(&run.processor, message, sizeof(message)),
			  "operation %zu: %s", i, message);
		spaces_bury(&run);
		if (i % CHECK_EVERY == 0)
			cr_assert(vm_check(run.machine, message, sizeof(message)),
				  "operation %zu: %s", i, message);
	}
	cr_assert(vm_check(run.machine, message, sizeof(message)), "%s", message);
	for (int i = 0; i < VM_REASON_COUNT; i++)
		cr_expect((run.reasons[i] > 0) == is_met((enum vm_reason)i, is_limited), "%s",
			  vm_reason_name((enum vm_reason)i));
	cr_expect_gt(run.signals, 0);
	cr_expect_eq(run.kills > 0, is_limited);
	run_finish(&run);
}

Test(walk, an_access_comes_to_what_was_foretold_and_the_tlb_never_grants_more)
{
	run_some(4, false);
}

Test(walk, also_where_a_switch_flushes)
{
	run_some(0, false);
}

Test(walk, also_where_pages_leave_for_swap)
{
	run_some(4, true);
}

Test(walk, steps_are_those_of_the_address)
{
	struct vm_machine *machine = vm_machine_create(NULL);
	struct vm_space *space = vm_space_create(machine);
	struct vm_map_request request = { .address = base, .bytes = 4 * PAGE, .protection = 3,
					  .flags = VM_MAP_FIXED };
	struct vm_walk walk;
	cr_assert_eq(vm_map(space, &request).error, 0);
	vm_walk(space, base + 5, VM_LOAD, &walk);
	cr_expect_eq(walk.level_count, 1, "there is only the top table");
	cr_expect_eq(walk.reason, VM_REASON_ZERO_READ);
	cr_expect_eq(walk.error, (unsigned)VM_ERROR_USER);
	vm_touch(space, base, 1, VM_LOAD);
	vm_walk(space, base + 5, VM_STORE, &walk);
	cr_expect_eq(walk.level_count, 4);
	cr_expect_eq(walk.error, (unsigned)(VM_ERROR_USER | VM_ERROR_PRESENT | VM_ERROR_WRITE));
	cr_expect_eq(walk.reason, VM_REASON_ZERO_WRITE);
	vm_touch(space, base, 1, VM_STORE);
	vm_walk(space, base + 5, VM_STORE, &walk);
	cr_expect(walk.is_granted);
	cr_expect_eq(walk.physical % PAGE, 5);
	vm_walk(space, base + 5, VM_FETCH, &walk);
	cr_expect_eq(walk.signal, VM_SIGSEGV_ACCERR);
	cr_expect_eq(walk.error, (unsigned)(VM_ERROR_USER | VM_ERROR_PRESENT | VM_ERROR_FETCH));
	vm_walk(space, UINT64_C(0x800000000000), VM_LOAD, &walk);
	cr_expect(!walk.is_address);
	cr_expect_eq(walk.signal, VM_SIGSEGV_KERNEL);
	vm_walk(space, 0, VM_LOAD, &walk);
	cr_expect_eq(walk.signal, VM_SIGSEGV_MAPERR);
	vm_machine_destroy(machine);
}

/* A miss reads as many entries as vm_walk() shows, found or not. */
Test(walk, a_miss_reads_an_entry_a_level)
{
	struct vm_machine *machine = vm_machine_create(NULL);
	struct vm_processor processor = { .space = vm_space_create(machine) };
	struct vm_map_request request = { .address = base, .bytes = 4 * PAGE, .protection = 3,
					  .flags = VM_MAP_FIXED };
	static const uint64_t addresses[] = { 0, UINT64_C(0x7fff00000000), UINT64_C(0x7fff00001000),
					      UINT64_C(0x7fff40000000) };
	struct vm_translation found;
	struct vm_walk walk;
	cr_assert_eq(vm_map(processor.space, &request).error, 0);
	vm_touch(processor.space, base, 1, VM_STORE);
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		bool is_there = vm_processor_translate(&processor, addresses[i], VM_LOAD, true,
						       &found);
		vm_walk(processor.space, addresses[i], VM_LOAD, &walk);
		cr_expect_eq(found.reads, walk.level_count, "%zu", i);
		cr_expect_eq(is_there, walk.is_granted, "%zu", i);
	}
	cr_expect_not(vm_processor_translate(&processor, UINT64_MAX, VM_LOAD, true, &found));
	vm_machine_destroy(machine);
}
