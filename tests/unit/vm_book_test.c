/* SPDX-License-Identifier: MIT */
/*
 * Books: the example of CSAPP 9.6.4 gives the book's answers, and a linear page table the error
 * codes of the manual.
 */
#include <allot/vm.h>

#include <criterion/criterion.h>
#include <stdlib.h>

/* What the book finds on the way of an address. */
struct answer {
	uint64_t va, vpn;
	uint32_t index;
	uint64_t tag;
	bool is_tlb_hit, is_fault;
	uint64_t pa;
	uint64_t cache_offset, cache_index, cache_tag;
	bool is_cache_hit;
	uint8_t byte;
};

static const struct answer answers[] = {
	{0x3d4, 0xF, 3, 3, true, false, 0x354, 0, 5, 0xD, true, 0x36},
	{0x3d7, 0xF, 3, 3, true, false, 0x357, 3, 5, 0xD, true, 0x1D},
	{0x27c, 0x9, 1, 2, false, false, 0x5FC, 0, 0xF, 0x17, false, 0},
	{0x3a9, 0xE, 2, 3, false, false, 0x469, 1, 0xA, 0x11, false, 0},
	{0x040, 0x1, 1, 0, false, true, 0, 0, 0, 0, false, 0},
};

static void *book_make(struct vm_book *book)
{
	void *memory = malloc(vm_book_bytes());
	cr_assert_not_null(memory);
	vm_book_init(book, memory);
	return memory;
}

static void answer_check(const struct answer *answer)
{
	struct vm_book book;
	struct vm_split split;
	struct vm_tlb_look look;
	struct vm_cache_look cached;
	void *memory = book_make(&book);
	cr_assert(vm_split(book.table.geometry, answer->va, &split));
	cr_expect_eq(split.vpn, answer->vpn);
	vm_tlb_look(&book.tlb, 0, answer->va, 0, &look);
	cr_expect_eq(look.set, answer->index);
	cr_expect_eq(look.tag, answer->tag);
	cr_expect_eq(look.is_hit, answer->is_tlb_hit, "%lx", answer->va);
	cr_expect_eq(vm_tlb_access(&book.tlb, answer->va, 1, VM_LOAD), !answer->is_fault);
	if (answer->is_fault) {
		cr_expect_eq(book.tlb.fault.error, VM_ERROR_USER);
	} else {
		vm_tlb_look(&book.tlb, 0, answer->va, 0, &look);
		cr_expect(look.is_hit);
		uint64_t pa = vm_join(book.table.geometry, look.entry.ppn, split.vpo);
		cr_expect_eq(pa, answer->pa, "%lx", pa);
		vm_cache_look(&book.cache, pa, &cached);
		cr_expect_eq(cached.offset, answer->cache_offset);
		cr_expect_eq(cached.index, answer->cache_index);
		cr_expect_eq(cached.tag, answer->cache_tag);
		cr_expect_eq(cached.is_hit, answer->is_cache_hit);
		cr_expect_eq(cached.byte, answer->byte);
	}
	cr_expect(vm_tlb_check(&book.tlb, NULL, 0));
	free(memory);
}

Test(book, the_example_gives_the_answers_of_the_book)
{
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		answer_check(&answers[i]);
}

Test(book, a_miss_enters_the_page_in_the_set)
{
	struct vm_book book;
	struct vm_tlb_statistics counted;
	void *memory = book_make(&book);
	cr_expect(vm_tlb_access(&book.tlb, 0x27c, 1, VM_LOAD));
	cr_expect(vm_tlb_access(&book.tlb, 0x27c, 1, VM_LOAD));
	vm_tlb_statistics(&book.tlb, &counted);
	cr_expect_eq(counted.misses[0][VM_LOAD], 1);
	cr_expect_eq(counted.walk_reads, 1);
	cr_expect_eq(counted.evictions, 0); /* set 1 had an invalid entry */
	cr_expect(book.table.ptbr[9].is_accessed);
	cr_expect_not(book.table.ptbr[9].is_dirty);
	free(memory);
}

enum { ENTRIES = 16 };

static struct vm_linear_entry entries[ENTRIES];

static struct vm_linear table_make(void)
{
	entries[0] = (struct vm_linear_entry){.is_valid = true, .ppn = 6, .rights = VM_RIGHT_READ};
	entries[1] = (struct vm_linear_entry){
		.is_valid = true,
		.ppn = 4,
		.rights = VM_RIGHT_READ | VM_RIGHT_WRITE | VM_RIGHT_USER,
	};
	return (struct vm_linear){vm_geometry_find("csapp"), entries, ENTRIES};
}

static unsigned error_of(struct vm_linear *table, uint64_t va, enum vm_kind kind, bool is_user)
{
	struct vm_translation found;
	cr_assert_not(vm_linear_translate(table, va, kind, is_user, &found));
	return found.error;
}

Test(book, a_fault_has_the_error_code_of_the_manual)
{
	struct vm_linear table = table_make();
	cr_expect_eq(error_of(&table, 2 * 64, VM_LOAD, false), 0);
	cr_expect_eq(error_of(&table, 2 * 64, VM_STORE, true), VM_ERROR_WRITE | VM_ERROR_USER);
	cr_expect_eq(error_of(&table, 0, VM_LOAD, true), VM_ERROR_PRESENT | VM_ERROR_USER);
	cr_expect_eq(error_of(&table, 0, VM_MODIFY, false), VM_ERROR_PRESENT | VM_ERROR_WRITE);
	cr_expect_eq(error_of(&table, 64, VM_FETCH, true),
		     VM_ERROR_PRESENT | VM_ERROR_FETCH | VM_ERROR_USER);
}

Test(book, pages_beyond_the_length_register_fault_without_a_read)
{
	struct vm_linear table = table_make();
	struct vm_translation found;
	cr_expect_not(vm_linear_translate(&table, ENTRIES * 64, VM_LOAD, true, &found));
	cr_expect_eq(found.error, VM_ERROR_LIMIT | VM_ERROR_USER);
	cr_expect_eq(found.reads, 0);
	cr_expect_not(vm_linear_translate(&table, 1 << 14, VM_LOAD, true, &found));
	cr_expect_eq(found.error & VM_ERROR_LIMIT, VM_ERROR_LIMIT);
}

Test(book, only_a_store_makes_a_page_dirty)
{
	struct vm_linear table = table_make();
	struct vm_translation found;
	cr_expect(vm_linear_translate(&table, 64, VM_LOAD, true, &found));
	cr_expect(entries[1].is_accessed && !entries[1].is_dirty && !found.is_dirty);
	cr_expect(vm_linear_translate(&table, 64, VM_MODIFY, true, &found));
	cr_expect(entries[1].is_dirty && found.is_dirty);
	cr_expect_eq(found.ppn, 4);
}
