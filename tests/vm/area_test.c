/* SPDX-License-Identifier: MIT */
/*
 * Areas: list, tree and holes agree, whatever is entered and taken out, and a search finds what
 * a walk of the list would.
 */
#include "vm/area.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "long_run.h"
#include "random.h"

enum {
	PLACES = 400,
	PLACE_BYTES = 100,
	SPACE_BYTES = PLACES * PLACE_BYTES,
};

static void expect_whole(const struct area_set *set)
{
	const char *why = "";
	cr_assert(area_set_check(set, &why), "%s", why);
}

/* What a search is to find. */
static const struct area *walk_find(const struct area_set *set, uint64_t address)
{
	const struct area *area = set->first;
	while (area != NULL && area->end <= address)
		area = area->next;
	return area;
}

static bool walk_hole(const struct area_set *set, uint64_t bytes, uint64_t high, uint64_t *out_top)
{
	const struct area *next = NULL;
	for (const struct area *area = set->last;; area = area->previous) {
		uint64_t end = next != NULL && next->start < high ? next->start : high;
		uint64_t start = area != NULL ? area->end : 0;
		if (end >= start && end - start >= bytes) {
			*out_top = end;
			return true;
		}
		if (area == NULL)
			return false;
		next = area;
	}
}

static void expect_searches(struct area_set *set, struct random_source *random)
{
	uint64_t address = random_below(random, SPACE_BYTES + 10);
	uint64_t bytes = 1 + random_below(random, 300), high = random_below(random, SPACE_BYTES);
	uint64_t top = 0, walked = 0, steps = set->list_steps, hits = set->cache_hits, looked = 0;
	const struct area *area = set->first;
	for (; area != NULL && area->end <= address; area = area->next)
		looked++;
	looked += area != NULL;
	cr_assert_eq(area_find(set, address), walk_find(set, address));
	cr_assert_eq(area_look(set, address), walk_find(set, address));
	if (set->cache_hits == hits)
		cr_assert_eq(set->list_steps - steps, looked);
	bool is_found = area_hole_highest(set, bytes, 0, high, &top);
	cr_assert_eq(is_found, walk_hole(set, bytes, high, &walked));
	cr_assert_eq(top, walked);
}

Test(area, random_areas_keep_list_tree_and_holes_alike)
{
	static struct area areas[PLACES];
	struct area_set set = { 0 };
	struct random_source random = { test_seed() };
	fprintf(stderr, "area: seed %llu\n", (unsigned long long)random.state);
	for (size_t i = 0; i < 20000; i++) {
		size_t at = random_below(&random, PLACES);
		struct area *area = &areas[at];
		uint64_t start = at * PLACE_BYTES + random_below(&random, 20);
		uint64_t end = start + 1 + random_below(&random, 60);
		if (area->end != 0 && random_below(&random, 3) == 0) {
			area_resize(area, start, end, 0);
		} else if (area->end != 0) {
			area_remove(&set, area);
			*area = (struct area){ 0 };
		} else {
			*area = (struct area){ .start = start, .end = end };
			area_insert(&set, area);
		}
		expect_whole(&set);
		expect_searches(&set, &random);
	}
}

Test(area, a_search_takes_few_steps_in_the_tree_and_none_where_it_was_before)
{
	static struct area areas[1024];
	struct area_set set = { 0 };
	for (size_t i = 0; i < 1024; i++) {
		areas[i] = (struct area){ .start = i * 10, .end = i * 10 + 5 };
		area_insert(&set, &areas[i]);
	}
	area_find(&set, 5000);
	cr_assert_leq(set.tree_steps, 14);
	area_find(&set, 5001);
	cr_assert_eq(set.cache_hits, 1);
	cr_assert_leq(set.tree_steps, 14);
}

Test(area, what_grows_down_keeps_a_gap)
{
	struct area_set set = { .gap_bytes = 50 };
	struct area stack = { .start = 100, .end = 120, .flags = VM_AREA_GROWSDOWN };
	area_insert(&set, &stack);
	cr_assert_eq(area_start_gap(&set, &stack), 50);
	stack.start = 20;
	cr_assert_eq(area_start_gap(&set, &stack), 0);
}
