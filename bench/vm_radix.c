/* SPDX-License-Identifier: MIT */
/*
 * A radix tree of page tables. Entries of tables are pointers of this program with a bit for
 * present; entries of pages are laid out as x86-64's: frame from bit 12, D bit 6, A bit 5, P bit 0.
 */
#include "vm_radix.h"

#include <stdlib.h>

enum { PRESENT = 1, ACCESSED = 1 << 5, DIRTY = 1 << 6, PAGE_SHIFT = 12 };

static uint64_t *table_make(struct radix *radix)
{
	uint64_t *table = aligned_alloc(4096, RADIX_ENTRIES * sizeof(*table));
	for (unsigned i = 0; table != NULL && i < RADIX_ENTRIES; i++)
		table[i] = 0;
	radix->table_count++;
	return table;
}

bool radix_open(struct radix *radix)
{
	*radix = (struct radix){.next_frame = 1};
	radix->root = table_make(radix);
	return radix->root != NULL;
}

static void table_free(uint64_t *table, unsigned level)
{
	for (unsigned i = 0; i < RADIX_ENTRIES && level > 1; i++)
		if (table[i] != 0)
			table_free((uint64_t *)(uintptr_t)(table[i] & ~(uint64_t)PRESENT),
				   level - 1);
	free(table);
}

void radix_close(struct radix *radix)
{
	table_free(radix->root, RADIX_LEVELS);
}

bool radix_translate(void *context, uint64_t va, enum vm_kind kind, bool is_user,
		     struct vm_translation *out)
{
	struct radix *radix = context;
	uint64_t *table = radix->root;
	(void)is_user;
	for (unsigned level = RADIX_LEVELS; level > 1; level--) {
		unsigned shift = PAGE_SHIFT + RADIX_BITS * (level - 1);
		uint64_t *entry = &table[va >> shift & (RADIX_ENTRIES - 1)];
		if (__builtin_expect(*entry == 0, 0))
			*entry = (uint64_t)(uintptr_t)table_make(radix) | PRESENT;
		table = (uint64_t *)(uintptr_t)(*entry & ~(uint64_t)PRESENT);
	}
	uint64_t *entry = &table[va >> PAGE_SHIFT & (RADIX_ENTRIES - 1)];
	if (__builtin_expect(*entry == 0, 0)) {
		*entry = radix->next_frame++ << PAGE_SHIFT | PRESENT;
		radix->page_count++;
	}
	*entry |= ACCESSED | (kind == VM_STORE || kind == VM_MODIFY ? DIRTY : 0);
	*out = (struct vm_translation){
		.ppn = *entry >> PAGE_SHIFT,
		.rights = VM_RIGHT_READ | VM_RIGHT_WRITE | VM_RIGHT_EXECUTE | VM_RIGHT_USER,
		.reads = RADIX_LEVELS,
		.is_dirty = (*entry & DIRTY) != 0,
	};
	return true;
}
