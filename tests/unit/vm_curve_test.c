/* SPDX-License-Identifier: MIT */
/*
 * Curves: what one pass says of every number of frames is what a run with each of them says; the
 * working set is what counting the last tau accesses says.
 */
#include <allot/vm.h>

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "long_run.h"
#include "random.h"

enum { LENGTH_MAX = 3000, UNIVERSE = 300, FRAMES_MAX = 40, PAGES_FIRST = 4 };

static uint64_t pages[LENGTH_MAX], next[LENGTH_MAX];

static size_t string_draw(uint64_t seed)
{
	struct random_source random = {seed};
	size_t length = random_between(&random, 1, LENGTH_MAX);
	size_t universe = random_between(&random, 1, UNIVERSE);
	for (size_t i = 0; i < length; i++)
		pages[i] = random_below(&random, 3) && i > 9
				   ? pages[i - 1 - random_below(&random, 9)]
				   : random_below(&random, universe) * 0x10001;
	return length;
}

static uint64_t faults_of(enum vm_policy_kind kind, uint32_t frames, size_t length)
{
	struct vm_policy_conf conf = {.kind = kind, .frames = frames};
	struct vm_policy policy;
	size_t bytes = vm_policy_bytes(&conf);
	void *memory = malloc(bytes);
	cr_assert(vm_policy_init(&policy, memory, bytes, &conf, NULL, 0));
	for (size_t i = 0; i < length; i++)
		vm_policy_access(&policy, pages[i], false, next[i], NULL);
	uint64_t faults = vm_policy_faults(&policy);
	free(memory);
	return faults;
}

/* Room for twice as many pages, when there is none for one more. */
static void *curve_grow(struct vm_curve *curve, void *memory)
{
	uint32_t pages_max = vm_curve_pages(curve) * 2;
	void *larger = malloc(vm_curve_bytes(pages_max));
	vm_curve_move(curve, larger, pages_max);
	free(memory);
	return larger;
}

Test(curve, the_curve_of_lru_is_a_run_with_every_number_of_frames, .timeout = 300)
{
	uint64_t first = test_seed();
	unsigned runs = is_long_run() ? 500 : 30;
	for (uint64_t seed = first; seed < first + runs; seed++) {
		size_t length = string_draw(seed);
		struct vm_curve curve;
		void *memory = malloc(vm_curve_bytes(PAGES_FIRST));
		vm_curve_init(&curve, memory, PAGES_FIRST);
		for (size_t i = 0, run; i < length; i += run) {
			for (run = 1; i + run < length && pages[i + run] == pages[i];)
				run++;
			while (!vm_curve_add(&curve, pages[i], run))
				memory = curve_grow(&curve, memory);
		}
		cr_assert_eq(vm_curve_accesses(&curve), length);
		for (uint32_t frames = 1; frames <= FRAMES_MAX; frames++)
			cr_assert_eq(vm_curve_faults(&curve, frames),
				     faults_of(VM_POLICY_LRU, frames, length),
				     "seed %lu, %u frames", seed, frames);
		cr_assert_eq(vm_curve_faults(&curve, UINT32_MAX), vm_curve_pages(&curve));
		free(memory);
	}
}

Test(curve, the_curve_of_opt_is_a_run_with_every_number_of_frames, .timeout = 300)
{
	uint64_t first = test_seed();
	for (uint64_t seed = first; seed < first + 30; seed++) {
		size_t length = string_draw(seed);
		uint64_t faults[FRAMES_MAX + 1];
		void *memory = malloc(vm_next_use_bytes(length));
		vm_next_use(pages, length, next, memory);
		free(memory);
		memory = malloc(vm_opt_curve_bytes(length));
		vm_opt_curve(pages, next, length, faults, FRAMES_MAX, memory);
		free(memory);
		cr_assert_eq(faults[0], length);
		for (uint32_t frames = 1; frames <= FRAMES_MAX; frames++)
			cr_assert_eq(faults[frames], faults_of(VM_POLICY_OPT, frames, length),
				     "seed %lu, %u frames", seed, frames);
	}
}

/* The different pages of [from, until). */
static uint32_t pages_between(size_t from, size_t until)
{
	uint32_t count = 0;
	for (size_t i = from; i < until; i++) {
		size_t before = from;
		while (pages[before] != pages[i])
			before++;
		count += before == i;
	}
	return count;
}

static void working_compare(uint64_t seed, size_t length, uint64_t tau)
{
	struct vm_working working;
	struct vm_working_view view;
	uint64_t sum = 0, footprint_max = 0, pages_max = 0;
	void *memory = malloc(vm_working_bytes(PAGES_FIRST));
	uint32_t room = PAGES_FIRST;
	vm_working_init(&working, memory, PAGES_FIRST, tau);
	for (size_t i = 0, run; i < length; i += run) {
		for (run = 1; i + run < length && pages[i + run] == pages[i];)
			run++;
		while (!vm_working_add(&working, pages[i], run)) {
			void *larger = malloc(vm_working_bytes(room *= 2));
			vm_working_move(&working, larger, room);
			free(memory);
			memory = larger;
		}
		vm_working_view(&working, &view);
		uint32_t now = pages_between(i + run > tau ? i + run - tau : 0, i + run);
		cr_assert_eq(view.pages, now, "seed %lu, tau %lu, access %zu", seed, tau, i + run);
	}
	for (size_t i = 1; i <= length; i++) {
		uint32_t now = pages_between(i > tau ? i - tau : 0, i);
		sum += now;
		pages_max = now > pages_max ? now : pages_max;
		if (i % tau == 0 && now > footprint_max)
			footprint_max = now;
	}
	cr_assert_eq(view.page_sum, sum, "seed %lu, tau %lu", seed, tau);
	cr_assert_eq(view.pages_max, pages_max, "seed %lu, tau %lu", seed, tau);
	cr_assert_eq(view.intervals, length / tau);
	cr_assert_eq(view.footprint_max, footprint_max, "seed %lu, tau %lu", seed, tau);
	cr_assert_eq(view.interval_pages, pages_between(length / tau * tau, length));
	free(memory);
}

Test(curve, the_working_set_is_the_pages_of_the_last_accesses, .timeout = 300)
{
	uint64_t first = test_seed();
	for (uint64_t seed = first; seed < first + 12; seed++) {
		size_t length = string_draw(seed) / 4 + 1;
		for (uint64_t tau = 1; tau < 400; tau = tau * 3 + 1)
			working_compare(seed, length, tau);
	}
}

Test(curve, a_long_run_on_one_page_is_as_long_in_time)
{
	struct vm_working working;
	struct vm_working_view view;
	char memory[4096] __attribute__((aligned(8)));
	vm_working_init(&working, memory, 8, 1000);
	cr_expect(vm_working_add(&working, 1, 10));
	cr_expect(vm_working_add(&working, 2, 1000000000000));
	vm_working_view(&working, &view);
	cr_expect_eq(view.pages, 1);
	/* Page 1 stays for tau - 1 accesses after its last. */
	cr_expect_eq(view.page_sum, 10 + 1000000000000 + 999);
	cr_expect_eq(view.intervals, 1000000000);
	cr_expect_eq(view.footprint_max, 2);
}

Test(curve, a_full_curve_refuses_and_stays_as_it_was)
{
	struct vm_curve curve;
	char memory[4096] __attribute__((aligned(8)));
	cr_assert_leq(vm_curve_bytes(2), sizeof(memory));
	vm_curve_init(&curve, memory, 2);
	cr_expect(vm_curve_add(&curve, 1, 1));
	cr_expect(vm_curve_add(&curve, 2, 1));
	cr_expect_not(vm_curve_add(&curve, 3, 1));
	cr_expect(vm_curve_add(&curve, 1, 5));
	cr_expect_eq(vm_curve_accesses(&curve), 7);
	cr_expect_eq(vm_curve_faults(&curve, 1), 3);
	cr_expect_eq(vm_curve_faults(&curve, 2), 2);
}
