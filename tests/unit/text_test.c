/* SPDX-License-Identifier: MIT */
/*
 * Text: what is built is right, too much is cut, and no byte behind the buffer is written.
 */
#include "base/text.h"

#include <criterion/criterion.h>
#include <string.h>

/* A text on a buffer of chosen capacity, with a guard behind it. */
struct fixture {
	char chars[128];
	struct text text;
};

static const char guard = '#';

static void begin(struct fixture *f, size_t capacity)
{
	memset(f->chars, guard, sizeof(f->chars));
	text_init(&f->text, f->chars, capacity);
}

static void expect_guard(const struct fixture *f, size_t capacity)
{
	for (size_t i = capacity; i < sizeof(f->chars); i++)
		cr_assert_eq(f->chars[i], guard, "byte %zu behind %zu was written", i, capacity);
}

Test(text, begins_empty)
{
	struct fixture f;
	begin(&f, 16);
	cr_assert_str_eq(f.chars, "");
	cr_assert_eq(f.text.length, 0);
}

Test(text, is_cut_at_every_capacity)
{
	static const char word[] = "abcdefghij";
	for (size_t capacity = 1; capacity <= sizeof(word) + 2; capacity++) {
		struct fixture f;
		begin(&f, capacity);
		text_string(&f.text, word);
		size_t kept = capacity - 1 < strlen(word) ? capacity - 1 : strlen(word);
		cr_assert_eq(f.text.length, kept);
		cr_assert_eq(strlen(f.chars), kept);
		cr_assert_eq(memcmp(f.chars, word, kept), 0);
		expect_guard(&f, capacity);
	}
}

Test(text, without_room_stays_empty)
{
	struct fixture f;
	begin(&f, 0);
	text_format(&f.text, "%s %u %p", "abc", (size_t)1, NULL);
	cr_assert_eq(f.text.length, 0);
	expect_guard(&f, 0);
	struct text nowhere;
	text_init(&nowhere, NULL, 0);
	text_string(&nowhere, "abc");
	cr_assert_eq(nowhere.length, 0);
}

Test(text, decimals_are_right_at_the_ends)
{
	static const struct {
		uint64_t n;
		const char *chars;
	} cases[] = {
		{0, "0"}, {9, "9"}, {10, "10"}, {4096, "4096"},
		{UINT64_MAX, "18446744073709551615"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture f;
		begin(&f, 64);
		text_decimal(&f.text, cases[i].n);
		cr_assert_str_eq(f.chars, cases[i].chars);
	}
}

Test(text, pointers_have_no_leading_zeros)
{
	static const struct {
		uintptr_t address;
		const char *chars;
	} cases[] = {
		{0, "0x0"}, {0xf, "0xf"}, {0x10, "0x10"}, {0x7fff12345678, "0x7fff12345678"},
		{UINTPTR_MAX, "0xffffffffffffffff"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture f;
		begin(&f, 64);
		text_pointer(&f.text, (const void *)cases[i].address);
		cr_assert_str_eq(f.chars, cases[i].chars);
	}
}

Test(text, ratios_are_cut_not_rounded)
{
	static const struct {
		uint64_t n, divisor;
		const char *chars;
	} cases[] = {
		{0, 7, "0.000"}, {1, 3, "0.333"}, {2, 3, "0.666"}, {7, 7, "1.000"},
		{1999, 1000, "1.999"}, {5, 0, "n/a"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture f;
		begin(&f, 64);
		text_ratio(&f.text, cases[i].n, cases[i].divisor, 3);
		cr_assert_str_eq(f.chars, cases[i].chars);
	}
}

Test(text, format_knows_its_four_words)
{
	struct fixture f;
	begin(&f, 64);
	text_format(&f.text, "%s has %u bytes at %p: 100%%", "it", (size_t)42, (void *)0x1000);
	cr_assert_str_eq(f.chars, "it has 42 bytes at 0x1000: 100%");
}

Test(text, string_is_compares_counted_characters)
{
	cr_assert(string_is("mmap,x", 4, "mmap"));
	cr_assert_not(string_is("mmap", 3, "mmap"));
	cr_assert_not(string_is("mmap1", 5, "mmap"));
	cr_assert(string_is("", 0, ""));
	cr_assert(string_equal("abc", "abc"));
	cr_assert_not(string_equal("abc", "abd"));
}

Test(text, distance_counts_edits_and_swaps)
{
	static const struct {
		const char *a, *b;
		size_t distance;
	} cases[] = {
		{"", "", 0}, {"abc", "abc", 0}, {"", "abc", 3}, {"abc", "", 3},
		{"kitten", "sitting", 3}, {"implict", "implicit", 1}, {"frist", "first", 1},
		{"sbkr", "sbrk", 1}, {"segregated", "Segregated", 1}, {"abcdef", "badcfe", 3},
		{"buddy", "simple", 6},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *a = cases[i].a, *b = cases[i].b;
		cr_assert_eq(string_distance(a, strlen(a), b), cases[i].distance, "%s, %s", a, b);
		cr_assert_eq(string_distance(b, strlen(b), a), cases[i].distance, "%s, %s", b, a);
	}
}

Test(text, distance_of_long_words_is_of_their_beginnings)
{
	char a[100], b[100];
	memset(a, 'a', sizeof(a));
	memset(b, 'b', sizeof(b) - 1);
	b[sizeof(b) - 1] = '\0';
	cr_assert_eq(string_distance(a, sizeof(a), b), 32);
}
