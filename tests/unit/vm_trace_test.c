/* SPDX-License-Identifier: MIT */
/*
 * Traces: what is written is read again, in text and in bytes, however it is cut into pieces; what
 * is damaged is used up to the damage, which is found wherever it is.
 */
#include <allot/vm.h>

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"

enum { COUNT = 3000, TEXT_BYTES = COUNT * 40, MESSAGE_BYTES = 100 };

static struct vm_access written[COUNT], read_again[COUNT];
static char text[TEXT_BYTES];
static uint8_t block[VM_TRACE_BLOCK_BYTES_MAX];

/* Accesses as programs have them, and some as none has. */
static void accesses_draw(uint64_t seed, size_t count)
{
	struct random_source random = {seed};
	uint64_t code = 0x401000, stack = 0x1ffefff000, heap = 0x4c3a040;
	for (size_t i = 0; i < count; i++) {
		struct vm_access *a = &written[i];
		*a = (struct vm_access){.kind = (uint32_t)random_below(&random, VM_KIND_COUNT)};
		a->bytes = 1u << random_below(&random, 6);
		switch (random_below(&random, 8)) {
		case 0:
			a->va = random_next(&random) >> random_below(&random, 60);
			a->bytes = (uint32_t)random_between(&random, 1, 999999999);
			break;
		case 1:
			a->va = stack + random_below(&random, 4096);
			break;
		default:
			a->va = heap += random_below(&random, 64);
		}
		if (a->kind == VM_FETCH) {
			a->bytes = (uint32_t)random_between(&random, 1, 15);
			a->va = code += random_below(&random, 5) ? a->bytes : 200;
		}
	}
}

static size_t text_write(size_t count)
{
	static const char *const names[] = {" L", " S", "I ", " M"};
	size_t used = 0;
	for (size_t i = 0; i < count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "%s %08" PRIx64 ",%" PRIu32 "\n", names[written[i].kind],
					 written[i].va, written[i].bytes);
	return used;
}

static void same(size_t count)
{
	for (size_t i = 0; i < count; i++)
		cr_assert(memcmp(&written[i], &read_again[i], sizeof(written[i])) == 0,
			  "access %zu of %zu: %lx,%u,%u, not %lx,%u,%u", i, count,
			  read_again[i].va, read_again[i].bytes, read_again[i].kind,
			  written[i].va, written[i].bytes, written[i].kind);
}

Test(lackey, text_is_read_whatever_pieces_it_comes_in)
{
	struct random_source random = {5};
	accesses_draw(1, COUNT);
	size_t bytes = text_write(COUNT);
	for (unsigned round = 0; round < 20; round++) {
		struct vm_lackey reader = {0};
		size_t from = 0, until = 0, count = 0, used, more;
		size_t piece = round == 0 ? bytes : random_between(&random, 1, 300);
		while (count < COUNT) {
			until = until + piece > bytes ? bytes : until + piece;
			enum vm_trace_end end = vm_lackey_read(
				&reader, text + from, until - from, until == bytes,
				read_again + count, random_between(&random, 0, COUNT - count),
				&used, &more);
			cr_assert_neq(end, VM_TRACE_DAMAGED, "line %lu", reader.lines + 1);
			from += used;
			count += more;
		}
		cr_assert_eq(from, bytes);
		cr_assert_eq(reader.lines, COUNT);
		same(COUNT);
	}
}

/* The accesses read of `words`, the whole of a text, and how that ends. */
static size_t lackey_count(const char *words, enum vm_trace_end *end, struct vm_lackey *reader)
{
	size_t used, count;
	*reader = (struct vm_lackey){0};
	*end = vm_lackey_read(reader, words, strlen(words), true, read_again, COUNT, &used, &count);
	return count;
}

Test(lackey, valgrinds_own_lines_are_passed_over)
{
	struct vm_lackey reader;
	enum vm_trace_end end;
	cr_expect_eq(lackey_count("==12== Lackey\n==12== \n\n--12-- note\nI  04001090,3\n"
				  " S 1ffefff8a0,8\n==12== Exit code: 0\n", &end, &reader), 2);
	cr_expect_eq(end, VM_TRACE_MORE);
	cr_expect_eq(reader.lines, 7);
	cr_expect(read_again[0].va == 0x4001090 && read_again[0].kind == VM_FETCH);
	cr_expect(read_again[1].bytes == 8 && read_again[1].kind == VM_STORE);
}

Test(lackey, damage_is_used_up_to_and_named)
{
	static const char *const wrongs[] = {
		"hello\n", " L \n", " L 12\n", " L 12,\n", " L 12,0\n", " L ,8\n", " X 12,8\n",
		"I 12,8\n", " L 12345678901234567,8\n", " L 12,1234567890\n", " L 12,8 \n",
		" L 12,8", " L 1g,8\n", "L  12,8\n", "=\n", " S 12,8\r\n",
		" L 12,8,this line is longer than any that there may be in a trace\n",
	};
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		struct vm_lackey reader;
		enum vm_trace_end end;
		char whole[MESSAGE_BYTES * 2];
		snprintf(whole, sizeof(whole), " L 10,4\n==1== x\nI  20,2\n%s", wrongs[i]);
		cr_expect_eq(lackey_count(whole, &end, &reader), 2, "%s", wrongs[i]);
		cr_expect_eq(end, VM_TRACE_DAMAGED, "%s", wrongs[i]);
		cr_expect_eq(reader.lines, 3, "%s", wrongs[i]);
		cr_expect_not_null(reader.expected);
	}
}

Test(trace, a_block_is_read_as_it_was_written)
{
	for (uint64_t seed = 1; seed <= 200; seed++) {
		struct random_source random = {seed};
		struct vm_trace_block out;
		size_t count = random_between(&random, 1, COUNT);
		accesses_draw(seed, count);
		size_t bytes = vm_trace_block_write(written, count, (uint32_t)seed, block);
		cr_assert_leq(bytes, sizeof(block));
		cr_assert_eq(vm_trace_block_read(block, bytes, read_again, &out), VM_TRACE_FULL);
		cr_assert_eq(out.count, count);
		cr_assert_eq(out.bytes, bytes);
		cr_assert_eq(out.thread, seed);
		same(count);
		cr_assert_eq(vm_trace_block_read(block, bytes - 1, read_again, &out),
			     VM_TRACE_MORE);
	}
}

Test(trace, the_largest_block_there_can_be_fits)
{
	static struct vm_access wide[VM_TRACE_BLOCK_ACCESSES], again[VM_TRACE_BLOCK_ACCESSES];
	struct vm_trace_block out;
	for (size_t i = 0; i < VM_TRACE_BLOCK_ACCESSES; i++)
		wide[i] = (struct vm_access){
			.va = i * 0x9E3779B97F4A7C15u, .bytes = UINT32_MAX - 4, .kind = VM_LOAD};
	size_t bytes = vm_trace_block_write(wide, VM_TRACE_BLOCK_ACCESSES, 0, block);
	cr_assert_leq(bytes, sizeof(block));
	cr_assert_eq(vm_trace_block_read(block, bytes, again, &out), VM_TRACE_FULL);
	cr_expect(memcmp(wide, again, sizeof(wide)) == 0);
}

Test(trace, a_changed_bit_is_found_wherever_it_is)
{
	struct vm_trace_block out;
	accesses_draw(3, 60);
	size_t bytes = vm_trace_block_write(written, 60, 1, block);
	for (size_t bit = 0; bit < bytes * 8; bit++) {
		block[bit / 8] ^= (uint8_t)(1u << bit % 8);
		cr_expect_neq(vm_trace_block_read(block, bytes, read_again, &out), VM_TRACE_FULL,
			      "bit %zu", bit);
		block[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

Test(trace, a_header_is_known_from_other_files)
{
	uint8_t header[VM_TRACE_HEADER_BYTES];
	const char *expected = NULL;
	vm_trace_header_write(header);
	cr_expect(vm_trace_header_check(header, sizeof(header), &expected));
	cr_expect_not(vm_trace_header_check(header, sizeof(header) - 1, &expected));
	header[8] = 2;
	cr_expect_not(vm_trace_header_check(header, sizeof(header), &expected));
	cr_expect_str_eq(expected, "version 1 of the form");
	header[0] = 'A';
	cr_expect_not(vm_trace_header_check(header, sizeof(header), &expected));
	cr_expect_str_eq(expected, "a trace that begins with 'allotvm'");
}

Test(trace, a_program_takes_few_bytes)
{
	struct random_source random = {9};
	uint64_t code = 0x401000, heap = 0x4c3a040, stack = 0x1ffefff000;
	for (size_t i = 0; i < COUNT; i++) {
		struct vm_access *a = &written[i];
		bool is_fetch = i % 3 != 2;
		a->kind = is_fetch ? VM_FETCH : random_below(&random, 3) ? VM_LOAD : VM_STORE;
		a->bytes = is_fetch ? (uint32_t)random_between(&random, 2, 7) : 8;
		if (is_fetch)
			a->va = code = random_below(&random, 6) ? code + a->bytes : code - 40;
		else
			a->va = random_below(&random, 2) ? (heap += 8)
							 : stack + 8 * random_below(&random, 30);
	}
	size_t bytes = vm_trace_block_write(written, COUNT, 0, block);
	cr_expect_leq(bytes * 10, COUNT * 25u, "%zu bytes for %u accesses", bytes, COUNT);
}
