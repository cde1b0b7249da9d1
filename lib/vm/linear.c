/* SPDX-License-Identifier: MIT */
/*
 * The machines of the textbooks: a page table as one array, a cache one can draw, and the two with
 * the contents of a well-known example.
 */
#include <allot/vm.h>

#include <string.h>

#include "base/bits.h"
#include "base/compiler.h"

/* ---- the linear page table ---- */

static uint16_t error_code(enum vm_kind kind, bool is_user, unsigned reason)
{
	unsigned error = reason;
	if (kind == VM_STORE || kind == VM_MODIFY)
		error |= VM_ERROR_WRITE;
	if (kind == VM_FETCH)
		error |= VM_ERROR_FETCH;
	if (is_user)
		error |= VM_ERROR_USER;
	return (uint16_t)error;
}

bool vm_linear_translate(void *context, uint64_t va, enum vm_kind kind, bool is_user,
			 struct vm_translation *out)
{
	const struct vm_linear *table = context;
	struct vm_split split;
	*out = (struct vm_translation){0};
	if (!vm_split(table->geometry, va, &split) || split.vpn >= table->ptlr) {
		out->error = error_code(kind, is_user, VM_ERROR_LIMIT);
		return false;
	}
	struct vm_linear_entry *entry = &table->ptbr[split.vpn];
	unsigned needed = vm_rights_needed(kind, is_user);
	out->reads = 1;
	if (!entry->is_valid || (entry->rights & needed) != needed) {
		out->error = error_code(kind, is_user, entry->is_valid ? VM_ERROR_PRESENT : 0);
		return false;
	}
	entry->is_accessed = true;
	if (kind == VM_STORE || kind == VM_MODIFY)
		entry->is_dirty = true;
	out->ppn = entry->ppn;
	out->rights = entry->rights;
	out->is_dirty = entry->is_dirty;
	return true;
}

/* ---- the cache ---- */

void vm_cache_look(const struct vm_cache *cache, uint64_t pa, struct vm_cache_look *out)
{
	out->offset = pa & (((uint64_t)1 << cache->offset_bits) - 1);
	out->index = pa >> cache->offset_bits & (((uint64_t)1 << cache->index_bits) - 1);
	out->tag = pa >> (cache->offset_bits + cache->index_bits);
	const struct vm_cache_line *line = &cache->lines[out->index];
	out->is_hit = line->is_valid && line->tag == out->tag;
	out->byte = out->is_hit ? line->bytes[out->offset] : 0;
}

/* ---- the example ---- */

enum {
	BOOK_PAGES = 256, /* of the address space */
	BOOK_SETS = 4,
	BOOK_WAYS = 4,
	BOOK_LINES = 16,
	BOOK_LINE_BYTES = 4,
	NONE = 0xFFFF,    /* a dash in the book's tables: not valid */
};

/* Tag and PPN of each way of each set. */
static const uint16_t book_tlb[BOOK_SETS][BOOK_WAYS][2] = {
	{{0x03, NONE}, {0x09, 0x0D}, {0x00, NONE}, {0x07, 0x02}},
	{{0x03, 0x2D}, {0x02, NONE}, {0x04, NONE}, {0x0A, NONE}},
	{{0x02, NONE}, {0x08, NONE}, {0x06, NONE}, {0x03, NONE}},
	{{0x07, NONE}, {0x03, 0x0D}, {0x0A, 0x34}, {0x02, NONE}},
};

/* PPN of the first pages; the book shows no others. */
static const uint16_t book_table[] = {
	0x28, NONE, 0x33, 0x02, NONE, 0x16, NONE, NONE,
	0x13, 0x17, 0x09, NONE, NONE, 0x2D, 0x11, 0x0D,
};

static const struct {
	uint8_t tag;
	bool is_valid;
	uint8_t bytes[BOOK_LINE_BYTES];
} book_cache[BOOK_LINES] = {
	{0x19, true, {0x99, 0x11, 0x23, 0x11}},
	{0x15, false, {0}},
	{0x1B, true, {0x00, 0x02, 0x04, 0x08}},
	{0x36, false, {0}},
	{0x32, true, {0x43, 0x6D, 0x8F, 0x09}},
	{0x0D, true, {0x36, 0x72, 0xF0, 0x1D}},
	{0x31, false, {0}},
	{0x16, true, {0x11, 0xC2, 0xDF, 0x03}},
	{0x24, true, {0x3A, 0x00, 0x51, 0x89}},
	{0x2D, false, {0}},
	{0x2D, true, {0x93, 0x15, 0xDA, 0x3B}},
	{0x0B, false, {0}},
	{0x12, false, {0}},
	{0x16, true, {0x04, 0x96, 0x34, 0x15}},
	{0x13, true, {0x83, 0x77, 0x1B, 0xD3}},
	{0x14, false, {0}},
};

enum {
	BOOK_RIGHTS = VM_RIGHT_READ | VM_RIGHT_WRITE | VM_RIGHT_EXECUTE | VM_RIGHT_USER,
};

static void book_conf(struct vm_tlb_conf *conf)
{
	vm_tlb_preset("csapp", conf);
	conf->translate = vm_linear_translate;
	conf->context = NULL;
}

size_t vm_book_bytes(void)
{
	struct vm_tlb_conf conf;
	book_conf(&conf);
	return vm_tlb_bytes(&conf) + BOOK_PAGES * sizeof(struct vm_linear_entry) +
	       BOOK_LINES * sizeof(struct vm_cache_line);
}

static void table_fill(struct vm_linear_entry *entries)
{
	memset(entries, 0, BOOK_PAGES * sizeof(*entries));
	for (size_t i = 0; i < ARRAY_LEN(book_table); i++) {
		entries[i].is_valid = book_table[i] != NONE;
		if (!entries[i].is_valid)
			continue;
		entries[i].ppn = book_table[i];
		entries[i].rights = BOOK_RIGHTS;
	}
}

static void cache_fill(struct vm_cache_line *lines)
{
	memset(lines, 0, BOOK_LINES * sizeof(*lines));
	for (unsigned i = 0; i < BOOK_LINES; i++) {
		lines[i].tag = book_cache[i].tag;
		lines[i].is_valid = book_cache[i].is_valid;
		memcpy(lines[i].bytes, book_cache[i].bytes, BOOK_LINE_BYTES);
	}
}

static void tlb_fill(struct vm_tlb *tlb)
{
	for (uint32_t set = 0; set < BOOK_SETS; set++) {
		for (uint32_t way = 0; way < BOOK_WAYS; way++) {
			const uint16_t *cell = book_tlb[set][way];
			struct vm_tlb_entry entry = {
				.vpn = (uint64_t)cell[0] * BOOK_SETS + set,
				.is_valid = cell[1] != NONE,
				.ppn = cell[1] != NONE ? cell[1] : 0,
				.rights = BOOK_RIGHTS,
				.is_dirty = true,
			};
			vm_tlb_entry_put(tlb, 0, set, way, &entry);
		}
	}
}

void vm_book_init(struct vm_book *book, void *memory)
{
	struct vm_linear_entry *entries = memory;
	struct vm_cache_line *lines = (struct vm_cache_line *)(entries + BOOK_PAGES);
	struct vm_tlb_conf conf;
	book_conf(&conf);
	book->table = (struct vm_linear){conf.geometry, entries, BOOK_PAGES};
	book->cache = (struct vm_cache){.offset_bits = 2, .index_bits = 4, .lines = lines};
	conf.context = &book->table;
	table_fill(entries);
	cache_fill(lines);
	bool is_made = vm_tlb_init(&book->tlb, lines + BOOK_LINES, vm_tlb_bytes(&conf), &conf,
				   NULL, 0);
	assert(is_made);
	(void)is_made;
	tlb_fill(&book->tlb);
}
