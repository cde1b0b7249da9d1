/* SPDX-License-Identifier: MIT */
/*
 * Geometries: every machine known by name is possible, takes addresses apart and puts them
 * together again; impossible ones are refused with the reason.
 */
#include <allot/vm.h>

#include <criterion/criterion.h>
#include <string.h>

#include "random.h"

enum { MESSAGE_BYTES = 200, ADDRESSES = 2000 };

Test(geometry, every_machine_is_possible)
{
	char message[MESSAGE_BYTES] = "";
	size_t count = 0;
	for (const struct vm_geometry *g; (g = vm_geometry_get(count)) != NULL; count++) {
		cr_expect(vm_geometry_check(g, message, sizeof(message)), "%s: %s", g->name,
			  message);
		cr_expect_eq(vm_geometry_find(g->name), g);
	}
	cr_expect_eq(count, 8);
	cr_expect_null(vm_geometry_find("x86"));
}

/* An address of the machine, in either half where it has two. */
static uint64_t address_draw(struct random_source *random, const struct vm_geometry *g)
{
	uint64_t va = random_next(random) >> (64 - g->va_bits);
	if (g->is_canonical && (va >> (g->va_bits - 1) & 1))
		va |= UINT64_MAX << g->va_bits;
	return va;
}

Test(geometry, an_address_is_its_parts)
{
	struct random_source random = {1};
	for (size_t m = 0; vm_geometry_get(m) != NULL; m++) {
		const struct vm_geometry *g = vm_geometry_get(m);
		for (int i = 0; i < ADDRESSES; i++) {
			struct vm_split split;
			uint64_t va = address_draw(&random, g), vpn = 0;
			cr_assert(vm_split(g, va, &split), "%s: %lx", g->name, va);
			cr_assert_lt(split.vpo, g->page_bytes);
			cr_assert_eq(vm_join(g, split.vpn, split.vpo),
				     va & (UINT64_MAX >> (64 - g->va_bits)));
			for (unsigned level = 0; level < g->level_count; level++)
				vpn = vpn << g->bits[level] | split.indices[level];
			cr_assert_eq(vpn, split.vpn, "%s: %lx", g->name, va);
		}
	}
}

Test(geometry, x86_64_cuts_an_address_as_its_manual_does)
{
	const struct vm_geometry *g = vm_geometry_find("x86-64");
	struct vm_split split;
	cr_assert(vm_split(g, 0x7f3d6c9fdabc, &split));
	cr_expect_eq(split.vpo, 0xabc);
	cr_expect_eq(split.indices[0], 0xfe);
	cr_expect_eq(split.indices[1], 0xf5);
	cr_expect_eq(split.indices[2], 0x164);
	cr_expect_eq(split.indices[3], 0x1fd);
	cr_expect_eq(vm_geometry_page_bytes(g, 0), 4096);
	cr_expect_eq(vm_geometry_page_bytes(g, 1), 2 << 20);
	cr_expect_eq(vm_geometry_page_bytes(g, 2), 1 << 30);
	cr_expect_eq(vm_geometry_page_bytes(vm_geometry_find("i386"), 1), 4 << 20);
	cr_expect_eq(vm_geometry_page_bytes(vm_geometry_find("aarch64-16k"), 1), 32 << 20);
	cr_expect_eq(vm_geometry_page_bytes(vm_geometry_find("aarch64-64k"), 1), 512 << 20);
}

Test(geometry, what_is_no_address_is_refused)
{
	struct vm_split split = {.vpn = 7};
	const struct vm_geometry *x86 = vm_geometry_find("x86-64");
	cr_expect(vm_split(x86, 0x00007fffffffffff, &split));
	cr_expect_not(vm_split(x86, 0x0000800000000000, &split));
	cr_expect(vm_split(x86, 0xffff800000000000, &split));
	cr_expect_not(vm_split(x86, 0xfffe800000000000, &split));
	cr_expect_not(vm_split(vm_geometry_find("csapp"), 0x4000, &split));
	cr_expect(vm_split(vm_geometry_find("csapp"), 0x3fff, &split));
	cr_expect_not(vm_split(vm_geometry_find("i386"), 0x100000000, &split));
	cr_expect(vm_split(vm_geometry_find("x86-64-la57"), 0x00ffffffffffffff, &split));
	cr_expect_not(vm_split(vm_geometry_find("x86-64-la57"), 0x0100000000000000, &split));
}

Test(geometry, pages_of_100_bytes_are_divided)
{
	const struct vm_geometry *g = vm_geometry_find("notes100");
	struct vm_split split;
	cr_assert(vm_split(g, 42, &split));
	cr_expect(split.vpn == 0 && split.vpo == 42);
	cr_assert(vm_split(g, 199, &split));
	cr_expect(split.vpn == 1 && split.vpo == 99);
	/* The notes: what lies at 100 to 200 is in the frame at 600 to 700. */
	cr_expect_eq(vm_join(g, 6, split.vpo), 699);
}

/* A change to a machine that makes it impossible, and a word of the reason. */
struct wrong {
	const char *name;
	struct vm_geometry geometry;
	const char *why;
};

Test(geometry, impossible_machines_are_refused_with_the_reason)
{
	const struct wrong wrongs[] = {
		{"no address", {.page_bytes = 64, .page_shift = 6, .pa_bits = 12, .level_count = 1,
				.bits = {8}, .pte_bytes = 1, .size_count = 1}, "1 to 64 bits"},
		{"bits that do not add up",
		 {.page_bytes = 4096, .page_shift = 12, .va_bits = 48, .pa_bits = 52,
		  .level_count = 4, .bits = {9, 9, 9, 8}, .pte_bytes = 8, .size_count = 3},
		 "do not make an address of 48"},
		{"a table that is no page",
		 {.page_bytes = 4096, .page_shift = 12, .va_bits = 32, .pa_bits = 32,
		  .level_count = 2, .bits = {10, 10}, .pte_bytes = 8, .size_count = 1},
		 "more than a page"},
		{"an entry too small",
		 {.page_bytes = 64, .page_shift = 6, .va_bits = 14, .pa_bits = 14,
		  .level_count = 1, .bits = {8}, .pte_bytes = 1, .size_count = 1},
		 "do not fit into 1 bytes"},
		{"division with levels",
		 {.page_bytes = 100, .va_bits = 16, .pa_bits = 16, .level_count = 2,
		  .bits = {5, 5}, .pte_bytes = 2, .size_count = 1},
		 "allow one level"},
		{"division with too few entries",
		 {.page_bytes = 100, .va_bits = 16, .pa_bits = 16, .level_count = 1,
		  .bits = {9}, .pte_bytes = 2, .size_count = 1},
		 "too few"},
		{"division with more entries than numbers",
		 {.page_bytes = 100, .va_bits = 16, .pa_bits = 16, .level_count = 1,
		  .bits = {232}, .pte_bytes = 2, .size_count = 1},
		 "at most 32"},
		{"a shift that is another page",
		 {.page_bytes = 4096, .page_shift = 13, .va_bits = 48, .pa_bits = 52,
		  .level_count = 4, .bits = {9, 9, 9, 8}, .pte_bytes = 8, .size_count = 3},
		 "is not 2^13"},
		{"no levels",
		 {.page_bytes = 64, .page_shift = 6, .va_bits = 14, .pa_bits = 12,
		  .pte_bytes = 1, .size_count = 1},
		 "levels"},
		{"more sizes than levels",
		 {.page_bytes = 64, .page_shift = 6, .va_bits = 14, .pa_bits = 12,
		  .level_count = 1, .bits = {8}, .pte_bytes = 1, .size_count = 2},
		 "one a level"},
		{"entries of three bytes",
		 {.page_bytes = 64, .page_shift = 6, .va_bits = 14, .pa_bits = 12,
		  .level_count = 1, .bits = {8}, .pte_bytes = 3, .size_count = 1},
		 "1, 2, 4 or 8"},
	};
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		char message[MESSAGE_BYTES] = "";
		cr_expect_not(vm_geometry_check(&wrongs[i].geometry, message, sizeof(message)),
			      "%s", wrongs[i].name);
		cr_expect_not_null(strstr(message, wrongs[i].why), "%s: %s", wrongs[i].name,
				   message);
		cr_expect_not(vm_geometry_check(&wrongs[i].geometry, NULL, 0));
	}
}

Test(geometry, nothing_drawn_at_random_goes_beyond_what_is_checked)
{
	struct random_source random = {2};
	size_t possible = 0;
	for (int i = 0; i < 200000; i++) {
		struct vm_geometry g = {
			.name = "drawn",
			.page_shift = (uint8_t)random_below(&random, 20),
			.va_bits = (uint8_t)random_below(&random, 70),
			.pa_bits = (uint8_t)random_below(&random, 70),
			.level_count = (uint8_t)random_below(&random, 7),
			.pte_bytes = (uint8_t)(1 << random_below(&random, 5)),
			.size_count = (uint8_t)random_below(&random, 4),
			.is_canonical = random_below(&random, 2),
		};
		unsigned sum = g.page_shift;
		g.page_bytes = 1u << g.page_shift;
		for (unsigned level = 0; level < g.level_count && level < VM_LEVELS_MAX; level++)
			sum += g.bits[level] = (uint8_t)random_below(&random, 13);
		if (random_below(&random, 2))
			g.va_bits = (uint8_t)sum;
		if (!vm_geometry_check(&g, NULL, 0))
			continue;
		struct vm_split split;
		uint64_t va = address_draw(&random, &g);
		possible++;
		cr_assert(vm_split(&g, va, &split));
		cr_assert_eq(vm_join(&g, split.vpn, split.vpo),
			     va & (UINT64_MAX >> (64 - g.va_bits)));
	}
	cr_expect_gt(possible, 100);
}
