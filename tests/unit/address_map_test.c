/* SPDX-License-Identifier: MIT */
/*
 * Address map: an entry for each granule of 48 bits of address, 0 where none was set.
 */
#include "pages/address_map.h"

#include <criterion/criterion.h>

static struct address_map map;

static void map_init(void)
{
	cr_assert(address_map_init(&map));
}

static void map_finish(void)
{
	address_map_finish(&map);
}

TestSuite(address_map, .init = map_init, .fini = map_finish);

static const uintptr_t last_granule = ((uintptr_t)1 << ADDRESS_BITS) - GRANULE_BYTES;
/* The first granule of the second leaf. */
static const uintptr_t second_leaf = (uintptr_t)LEAF_ENTRIES << GRANULE_SHIFT;

Test(address_map, begins_with_zeros)
{
	cr_assert_eq(address_map_get(&map, 0), 0);
	cr_assert_eq(address_map_get(&map, (uintptr_t)&map), 0);
	cr_assert_eq(address_map_get(&map, last_granule), 0);
}

Test(address_map, any_address_may_be_asked_for)
{
	cr_assert(address_map_set(&map, last_granule, 7));
	cr_assert_eq(address_map_get(&map, last_granule + GRANULE_BYTES), 0);
	cr_assert_eq(address_map_get(&map, UINTPTR_MAX), 0);
	cr_assert_eq(address_map_get(&map, (uintptr_t)1 << 63 | last_granule), 0);
}

Test(address_map, an_entry_holds_for_its_granule_alone)
{
	static const uintptr_t granules[] = {GRANULE_BYTES, 0x7f0000000000};
	for (size_t i = 0; i < 2; i++) {
		uintptr_t granule = granules[i];
		cr_assert(address_map_set(&map, granule + 123, 42));
		cr_assert_eq(address_map_get(&map, granule), 42);
		cr_assert_eq(address_map_get(&map, granule + GRANULE_BYTES - 1), 42);
		cr_assert_eq(address_map_get(&map, granule + GRANULE_BYTES), 0);
		cr_assert_eq(address_map_get(&map, granule - 1), 0);
	}
}

Test(address_map, leaves_do_not_mix)
{
	cr_assert(address_map_set(&map, second_leaf - 1, 1));
	cr_assert(address_map_set(&map, second_leaf, 2));
	cr_assert(address_map_set(&map, last_granule, 3));
	cr_assert_eq(address_map_get(&map, second_leaf - 1), 1);
	cr_assert_eq(address_map_get(&map, second_leaf), 2);
	cr_assert_eq(address_map_get(&map, last_granule), 3);
	cr_assert_eq(address_map_get(&map, 0), 0);
}

Test(address_map, replace_changes_only_what_is_expected)
{
	cr_assert_not(address_map_replace(&map, second_leaf, 1, 2));
	cr_assert_eq(address_map_get(&map, second_leaf), 0);
	cr_assert(address_map_replace(&map, second_leaf, 0, 2));
	cr_assert_not(address_map_replace(&map, second_leaf, 0, 3));
	cr_assert(address_map_replace(&map, second_leaf, 2, 3));
	cr_assert_eq(address_map_get(&map, second_leaf), 3);
}

Test(address_map, find_below_gives_the_nearest)
{
	uintptr_t granule = 1;
	cr_assert_eq(address_map_find_below(&map, UINTPTR_MAX, &granule), 0);
	cr_assert(address_map_set(&map, GRANULE_BYTES, 1));
	cr_assert(address_map_set(&map, second_leaf * 5, 2));
	cr_assert(address_map_set(&map, last_granule, 3));
	static const struct {
		uintptr_t from;
		uint64_t entry;
	} cases[] = {
		{0, 0}, {GRANULE_BYTES - 1, 0}, {GRANULE_BYTES, 1}, {2 * GRANULE_BYTES, 1},
		{((uintptr_t)LEAF_ENTRIES << GRANULE_SHIFT) * 5 - 1, 1},
		{((uintptr_t)LEAF_ENTRIES << GRANULE_SHIFT) * 5, 2},
		{((uintptr_t)LEAF_ENTRIES << GRANULE_SHIFT) * 9 + 77, 2},
		{((uintptr_t)1 << ADDRESS_BITS) - 1, 3},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t entry = address_map_find_below(&map, cases[i].from, &granule);
		cr_assert_eq(entry, cases[i].entry, "from %zx", cases[i].from);
		if (entry != 0)
			cr_assert_eq(address_map_get(&map, granule), entry);
	}
}

struct visits {
	uintptr_t granules[8];
	size_t count;
	size_t count_max;
};

static bool note_visit(uintptr_t granule, uint64_t entry, void *context)
{
	struct visits *visits = context;
	cr_assert_eq(entry, granule >> GRANULE_SHIFT);
	visits->granules[visits->count++] = granule;
	return visits->count < visits->count_max;
}

Test(address_map, walk_meets_every_entry_in_order)
{
	uintptr_t granules[] = {GRANULE_BYTES, second_leaf - GRANULE_BYTES, second_leaf,
				last_granule};
	struct visits visits = {.count_max = 8};
	for (size_t i = 4; i-- > 0;)
		cr_assert(address_map_set(&map, granules[i] + 1, granules[i] >> GRANULE_SHIFT));
	cr_assert(address_map_walk(&map, note_visit, &visits));
	cr_assert_eq(visits.count, 4);
	for (size_t i = 0; i < 4; i++)
		cr_assert_eq(visits.granules[i], granules[i]);
}

Test(address_map, walk_stops_when_told)
{
	struct visits visits = {.count_max = 1};
	cr_assert(address_map_set(&map, GRANULE_BYTES, 1));
	cr_assert(address_map_set(&map, 2 * GRANULE_BYTES, 2));
	cr_assert_not(address_map_walk(&map, note_visit, &visits));
	cr_assert_eq(visits.count, 1);
}
