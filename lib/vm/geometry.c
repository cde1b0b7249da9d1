/* SPDX-License-Identifier: MIT */
/*
 * Geometries: how machines cut their addresses, as data.
 *
 *      63        va_bits                                     page_shift       0
 *     | sign copies | index | index | ... | index of last level |    offset    |
 *                   '------------------ VPN ------------------' '---- VPO ----'
 *
 * Pages whose size is no power of two have no such picture: VPN and VPO are quotient and
 * remainder. That is how a person cuts memory into pages of 100 bytes, and why machines do not.
 *
 * Sources: Intel SDM 3A chapter 4 (x86-64, la57, i386 without PAE); Arm DDI 0487 chapter D8
 * (granules of 4, 16 and 64 KiB); Bryant and O'Hallaron section 9.6.4 (csapp).
 */
#include <allot/vm.h>

#include "base/bits.h"
#include "base/compiler.h"
#include "base/text.h"

enum {
	ADDRESS_BITS = 64,
	BITS_A_BYTE = 8,
};

static const struct vm_geometry geometries[] = {
	{
		.name = "x86-64",
		.summary = "4 KiB pages, four levels",
		.page_bytes = 4096,
		.page_shift = 12,
		.va_bits = 48,
		.pa_bits = 52,
		.level_count = 4,
		.bits = {9, 9, 9, 9},
		.pte_bytes = 8,
		.size_count = 3,
		.is_canonical = true,
		.user_end = 0x7ffffffff000,
	},
	{
		.name = "x86-64-la57",
		.summary = "4 KiB pages, five levels",
		.page_bytes = 4096,
		.page_shift = 12,
		.va_bits = 57,
		.pa_bits = 52,
		.level_count = 5,
		.bits = {9, 9, 9, 9, 9},
		.pte_bytes = 8,
		.size_count = 3,
		.is_canonical = true,
		.user_end = 0xfffffffffff000,
	},
	{
		.name = "aarch64-4k",
		.summary = "4 KiB granule, four levels",
		.page_bytes = 4096,
		.page_shift = 12,
		.va_bits = 48,
		.pa_bits = 48,
		.level_count = 4,
		.bits = {9, 9, 9, 9},
		.pte_bytes = 8,
		.size_count = 3,
		.is_canonical = true,
		.user_end = 0x1000000000000,
	},
	{
		.name = "aarch64-16k",
		.summary = "16 KiB granule, four levels, the first of two entries",
		.page_bytes = 16384,
		.page_shift = 14,
		.va_bits = 48,
		.pa_bits = 48,
		.level_count = 4,
		.bits = {1, 11, 11, 11},
		.pte_bytes = 8,
		.size_count = 2,
		.is_canonical = true,
		.user_end = 0x1000000000000,
	},
	{
		.name = "aarch64-64k",
		.summary = "64 KiB granule, three levels",
		.page_bytes = 65536,
		.page_shift = 16,
		.va_bits = 48,
		.pa_bits = 48,
		.level_count = 3,
		.bits = {6, 13, 13},
		.pte_bytes = 8,
		.size_count = 2,
		.is_canonical = true,
		.user_end = 0x1000000000000,
	},
	{
		.name = "i386",
		.summary = "4 KiB pages, two levels, entries of 4 bytes",
		.page_bytes = 4096,
		.page_shift = 12,
		.va_bits = 32,
		.pa_bits = 32,
		.level_count = 2,
		.bits = {10, 10},
		.pte_bytes = 4,
		.size_count = 2,
		.user_end = 0xc0000000,
	},
	{
		.name = "csapp",
		.summary = "the textbook's 14 and 12 bits, 64-byte pages, a linear table",
		.page_bytes = 64,
		.page_shift = 6,
		.va_bits = 14,
		.pa_bits = 12,
		.level_count = 1,
		.bits = {8},
		.pte_bytes = 1,
		.size_count = 1,
	},
	{
		.name = "notes100",
		.summary = "pages of 100 bytes: division instead of shift, a linear table",
		.page_bytes = 100,
		.page_shift = 0,
		.va_bits = 16,
		.pa_bits = 16,
		.level_count = 1,
		.bits = {10}, /* 656 pages */
		.pte_bytes = 2,
		.size_count = 1,
	},
};

const struct vm_geometry *vm_geometry_get(size_t index)
{
	return index < ARRAY_LEN(geometries) ? &geometries[index] : NULL;
}

const struct vm_geometry *vm_geometry_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(geometries); i++)
		if (string_equal(geometries[i].name, name))
			return &geometries[i];
	return NULL;
}

/* ---- what can be ---- */

static unsigned index_bits(const struct vm_geometry *g)
{
	unsigned sum = 0;
	for (unsigned i = 0; i < g->level_count; i++)
		sum += g->bits[i];
	return sum;
}

static bool check_limits(const struct vm_geometry *g, struct text *why)
{
	if (g->va_bits == 0 || g->va_bits > ADDRESS_BITS)
		text_format(why, "an address has 1 to 64 bits, not %u", (size_t)g->va_bits);
	else if (g->pa_bits == 0 || g->pa_bits > ADDRESS_BITS)
		text_format(why, "a physical address has 1 to 64 bits, not %u",
			    (size_t)g->pa_bits);
	else if (g->level_count == 0 || g->level_count > VM_LEVELS_MAX)
		text_format(why, "there are 1 to 5 levels of tables, not %u",
			    (size_t)g->level_count);
	else if (g->page_bytes < 2)
		text_format(why, "a page of %u bytes leaves no offset", (size_t)g->page_bytes);
	else if (g->size_count == 0 || g->size_count > VM_SIZES_MAX ||
		 g->size_count > g->level_count)
		text_format(why, "%u page sizes: at least 1, at most 3 and one a level",
			    (size_t)g->size_count);
	else if (!is_pow2(g->pte_bytes) || g->pte_bytes > sizeof(uint64_t))
		text_format(why, "a table entry has 1, 2, 4 or 8 bytes, not %u",
			    (size_t)g->pte_bytes);
	else
		return true;
	return false;
}

/* Pages of no power of two: quotient and remainder give no bits to index more levels with. */
static bool check_division(const struct vm_geometry *g, struct text *why)
{
	if (g->page_shift != 0)
		text_format(why, "a page of %u bytes is not 2^%u", (size_t)g->page_bytes,
			    (size_t)g->page_shift);
	else if (g->level_count != 1)
		text_format(why, "pages of %u bytes, no power of two, allow one level, not %u",
			    (size_t)g->page_bytes, (size_t)g->level_count);
	else if (g->va_bits > 32)
		text_format(why, "pages of no power of two are for addresses of at most 32 bits");
	else if (g->bits[0] > 32)
		text_format(why, "%u bits of index, and addresses have at most 32",
			    (size_t)g->bits[0]);
	else if (((uint64_t)1 << g->va_bits) / g->page_bytes >= (uint64_t)1 << g->bits[0])
		text_format(why, "%u bits of index are too few for the pages of %u bits",
			    (size_t)g->bits[0], (size_t)g->va_bits);
	else
		return true;
	return false;
}

/* The tables of a tree are frames themselves; a linear one is as long as it has to be. */
static bool check_tables(const struct vm_geometry *g, struct text *why)
{
	for (unsigned i = 0; i < g->level_count; i++) {
		if (g->bits[i] == 0 || g->bits[i] > 31) {
			text_format(why, "level %u has an index of %u bits", (size_t)i + 1,
				    (size_t)g->bits[i]);
			return false;
		}
		if (g->level_count > 1 &&
		    ((uint64_t)g->pte_bytes << g->bits[i]) > g->page_bytes) {
			text_format(why, "level %u: 2^%u entries of %u bytes are more than a page",
				    (size_t)i + 1, (size_t)g->bits[i], (size_t)g->pte_bytes);
			return false;
		}
	}
	return true;
}

static bool check_shift(const struct vm_geometry *g, struct text *why)
{
	if ((uint64_t)1 << g->page_shift != g->page_bytes) {
		text_format(why, "a page of %u bytes is not 2^%u", (size_t)g->page_bytes,
			    (size_t)g->page_shift);
		return false;
	}
	if (g->page_shift + index_bits(g) != g->va_bits) {
		text_format(why, "%u bits of offset and %u of index do not make an address of %u",
			    (size_t)g->page_shift, (size_t)index_bits(g), (size_t)g->va_bits);
		return false;
	}
	return true;
}

bool vm_geometry_check(const struct vm_geometry *g, char *message, size_t message_bytes)
{
	struct text why;
	text_init(&why, message, message == NULL ? 0 : message_bytes);
	if (!check_limits(g, &why))
		return false;
	if (g->page_shift > 31 || g->pa_bits < log2_floor(g->page_bytes)) {
		text_format(&why, "physical addresses of %u bits hold no page of %u bytes",
			    (size_t)g->pa_bits, (size_t)g->page_bytes);
		return false;
	}
	if (!(is_pow2(g->page_bytes) ? check_shift(g, &why) : check_division(g, &why)))
		return false;
	if (!check_tables(g, &why))
		return false;
	/* An entry holds a frame number and the valid bit. */
	unsigned ppn_bits = g->pa_bits - log2_floor(g->page_bytes);
	if (ppn_bits + 1 > (unsigned)g->pte_bytes * BITS_A_BYTE) {
		text_format(&why, "a frame number of %u bits and a valid bit do not fit into %u "
			    "bytes", (size_t)ppn_bits, (size_t)g->pte_bytes);
		return false;
	}
	return true;
}

/* ---- taking addresses apart ---- */

uint64_t vm_geometry_page_bytes(const struct vm_geometry *g, unsigned size)
{
	assert(size < g->size_count);
	uint64_t bytes = g->page_bytes;
	for (unsigned i = 0; i < size; i++)
		bytes <<= g->bits[g->level_count - 1 - i];
	return bytes;
}

static bool is_address(const struct vm_geometry *g, uint64_t va)
{
	if (g->va_bits == ADDRESS_BITS)
		return true;
	uint64_t above = va >> g->va_bits;
	if (!g->is_canonical)
		return above == 0;
	bool is_high = va >> (g->va_bits - 1) & 1;
	return above == (is_high ? UINT64_MAX >> g->va_bits : 0);
}

bool vm_split(const struct vm_geometry *g, uint64_t va, struct vm_split *out)
{
	if (!is_address(g, va))
		return false;
	if (g->va_bits < ADDRESS_BITS)
		va &= ((uint64_t)1 << g->va_bits) - 1;
	out->vpn = g->page_shift != 0 ? va >> g->page_shift : va / g->page_bytes;
	out->vpo = g->page_shift != 0 ? va & (g->page_bytes - 1) : va % g->page_bytes;
	uint64_t rest = out->vpn;
	for (unsigned i = VM_LEVELS_MAX; i-- > 0;) {
		out->indices[i] = 0;
		if (i >= g->level_count)
			continue;
		out->indices[i] = (uint32_t)(rest & (((uint64_t)1 << g->bits[i]) - 1));
		rest >>= g->bits[i];
	}
	return true;
}

uint64_t vm_join(const struct vm_geometry *g, uint64_t number, uint64_t offset)
{
	return g->page_shift != 0 ? number << g->page_shift | offset
				  : number * g->page_bytes + offset;
}

unsigned vm_rights_needed(enum vm_kind kind, bool is_user)
{
	static const uint8_t needs[VM_KIND_COUNT] = {
		[VM_LOAD] = VM_RIGHT_READ,
		[VM_STORE] = VM_RIGHT_WRITE,
		[VM_FETCH] = VM_RIGHT_EXECUTE,
		[VM_MODIFY] = VM_RIGHT_READ | VM_RIGHT_WRITE,
	};
	return needs[kind] | (is_user ? VM_RIGHT_USER : 0u);
}

bool vm_flat_translate(void *context, uint64_t va, enum vm_kind kind, bool is_user,
		       struct vm_translation *out)
{
	const struct vm_geometry *g = ((const struct vm_flat *)context)->geometry;
	(void)kind;
	(void)is_user;
	if (!is_address(g, va)) {
		out->error = VM_ERROR_LIMIT;
		out->reads = 0;
		return false;
	}
	if (g->va_bits < ADDRESS_BITS)
		va &= ((uint64_t)1 << g->va_bits) - 1;
	*out = (struct vm_translation){
		.ppn = g->page_shift != 0 ? va >> g->page_shift : va / g->page_bytes,
		.rights = VM_RIGHT_READ | VM_RIGHT_WRITE | VM_RIGHT_EXECUTE | VM_RIGHT_USER,
		.is_dirty = true,
	};
	return true;
}
