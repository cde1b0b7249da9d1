/* SPDX-License-Identifier: MIT */
/*
 * Zones: figures that follow from how much memory there is and from a few settings. All of them
 * are the kernel's in its own integer arithmetic: where it rounds, so do we.
 */
#include <allot/vm.h>

#include "base/bits.h"

enum {
	PAGE_SHIFT_KIB = 10,
	SCALE_WHOLE = 10000,      /* watermark_scale_factor of a whole zone */
	EXTRA_SHARE = 1024,       /* an extra zone keeps one page in so many, */
	EXTRA_MIN_PAGES = 32,     /* SWAP_CLUSTER_MAX at least, */
	EXTRA_MAX_PAGES = 128,    /* and no more than that */
	MIN_FREE_MIN_KIB = 128,
	MIN_FREE_MAX_KIB = 262144,
	BLOCKS_FREE = 2,          /* huge blocks kept free in each zone, */
	PAGE_KINDS = 3,           /* and one for each kind of page beside each other kind */
	HUGE_SHARE_MAX = 20,      /* but no more than a twentieth of the memory */
	INDEX_WHOLE = 1000,       /* fragmentation is in thousandths */
};

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* value * part / whole, for products beyond 64 bits. */
static uint64_t scale(uint64_t value, uint64_t part, uint64_t whole)
{
	return (uint64_t)((unsigned __int128)value * part / whole);
}

/* ---- watermarks ---- */

static uint64_t extra_min(uint64_t managed)
{
	return smaller(larger(managed / EXTRA_SHARE, EXTRA_MIN_PAGES), EXTRA_MAX_PAGES);
}

void vm_zone_watermarks(const struct vm_zone *zones, size_t count,
			const struct vm_zone_settings *settings, struct vm_watermarks *out)
{
	uint64_t min_pages = settings->min_free_kib / (settings->page_bytes >> PAGE_SHIFT_KIB);
	uint64_t all = 0;
	for (size_t i = 0; i < count; i++)
		all += zones[i].is_extra ? 0 : zones[i].managed_pages;
	for (size_t i = 0; i < count; i++) {
		uint64_t managed = zones[i].managed_pages;
		/* The steps of an extra zone are of the share it would have had. */
		uint64_t share = all != 0 ? scale(min_pages, managed, all) : 0;
		uint64_t step = larger(share / 4, scale(managed, settings->watermark_scale_factor,
							SCALE_WHOLE));
		uint64_t min = zones[i].is_extra ? extra_min(managed) : share;
		out[i] = (struct vm_watermarks){
			.min = min,
			.low = min + step,
			.high = min + 2 * step,
			.promo = min + 3 * step,
		};
	}
}

void vm_zone_reserves(const uint64_t *managed, size_t count, size_t index, uint64_t ratio,
		      uint64_t *out)
{
	uint64_t above = 0;
	for (size_t i = 0; i < count; i++) {
		above += i > index ? managed[i] : 0;
		bool is_kept = i > index && ratio != 0 && managed[index] != 0;
		out[i] = is_kept ? above / ratio : 0;
	}
}

static uint64_t root_floor(uint64_t value)
{
	uint64_t root = 0;
	for (uint64_t bit = (uint64_t)1 << 31; bit != 0; bit >>= 1) {
		uint64_t next = root | bit;
		if (next * next <= value)
			root = next;
	}
	return root;
}

uint64_t vm_min_free_kib(uint64_t usable_pages, uint32_t page_bytes)
{
	uint64_t usable_kib = usable_pages * (page_bytes >> PAGE_SHIFT_KIB);
	uint64_t root = root_floor(usable_kib * 16);
	return smaller(larger(root, MIN_FREE_MIN_KIB), MIN_FREE_MAX_KIB);
}

uint64_t vm_min_free_huge_kib(size_t zone_count, uint64_t huge_pages, uint64_t usable_pages,
			      uint32_t page_bytes)
{
	uint64_t blocks = zone_count * (BLOCKS_FREE + PAGE_KINDS * PAGE_KINDS);
	uint64_t pages = smaller(blocks * huge_pages, usable_pages / HUGE_SHARE_MAX);
	return pages * (page_bytes >> PAGE_SHIFT_KIB);
}

/* ---- what can be had ---- */

uint64_t vm_zone_reserve_total(uint64_t managed, uint64_t high, const uint64_t *reserves,
			       size_t count)
{
	uint64_t most = 0;
	for (size_t i = 0; i < count; i++)
		most = larger(most, reserves[i]);
	return smaller(most + high, managed);
}

/* What of a cache can go: half of it stays, or as much as keeps kswapd asleep. */
static uint64_t can_go(uint64_t pages, uint64_t low)
{
	return pages - smaller(pages / 2, low);
}

uint64_t vm_available_pages(const struct vm_available_input *input)
{
	int64_t pages = (int64_t)input->free - (int64_t)input->reserve;
	pages += (int64_t)can_go(input->file, input->low);
	pages += (int64_t)can_go(input->reclaimable, input->low);
	return pages > 0 ? (uint64_t)pages : 0;
}

uint64_t vm_commit_limit_pages(const struct vm_commit_input *input)
{
	uint64_t pages = (input->total_pages - input->huge_pages) * input->overcommit_ratio / 100;
	if (input->overcommit_kib != 0)
		pages = input->overcommit_kib / (input->page_bytes >> PAGE_SHIFT_KIB);
	return pages + input->swap_pages;
}

/* ---- fragmentation ---- */

/* Free blocks, what they hold, and how many blocks of 2^order pages could be cut from them. */
struct free_count {
	uint64_t pages, blocks, suitable;
};

static struct free_count free_counted(const uint64_t free_blocks[VM_ORDERS], unsigned order)
{
	struct free_count count = {0};
	for (unsigned i = 0; i < VM_ORDERS; i++) {
		count.pages += free_blocks[i] << i;
		count.blocks += free_blocks[i];
		if (i >= order)
			count.suitable += free_blocks[i] << (i - order);
	}
	return count;
}

uint64_t vm_unusable_index(const uint64_t free_blocks[VM_ORDERS], unsigned order)
{
	struct free_count count = free_counted(free_blocks, order);
	if (count.pages == 0)
		return INDEX_WHOLE;
	return (count.pages - (count.suitable << order)) * INDEX_WHOLE / count.pages;
}

int64_t vm_fragmentation_index(const uint64_t free_blocks[VM_ORDERS], unsigned order)
{
	struct free_count count = free_counted(free_blocks, order);
	if (count.blocks == 0)
		return 0;
	if (count.suitable != 0)
		return -INDEX_WHOLE;
	uint64_t missing = (INDEX_WHOLE + (count.pages * INDEX_WHOLE >> order)) / count.blocks;
	return INDEX_WHOLE - (int64_t)missing;
}
