/* SPDX-License-Identifier: MIT */
/*
 * Sums: what the pages of an area and the areas of a space come to, as the kernel adds them up for
 * /proc/PID/smaps, status and pagemap (fs/proc/task_mmu.c).
 */
#include "vm/group.h"
#include "vm/page.h"
#include "vm/swapping.h"

enum {
	PSS_SHIFT = 12, /* shares of a page are summed in 1/4096 bytes, and cut at the end */
	SWAP_NUMBER_BITS = 5, /* MAX_SWAPFILES_SHIFT */
};

/* ---- areas ---- */

static void share_add(struct vm_area_sums *sums, uint64_t bytes, uint64_t maps, bool is_dirty)
{
	uint64_t pss = (bytes << PSS_SHIFT) / maps;
	sums->pss += pss;
	if (is_dirty)
		sums->pss_dirty += pss;
	if (maps == 1)
		*(is_dirty ? &sums->private_dirty : &sums->private_clean) += bytes;
	else
		*(is_dirty ? &sums->shared_dirty : &sums->shared_clean) += bytes;
}

/* `bytes` from the frame `number` on, mapped by one entry. */
static void page_add(const struct vm_space *space, struct vm_area_sums *sums, uint64_t entry,
		     uint32_t number, uint64_t bytes)
{
	const struct frames *frames = &space->machine->frames;
	const struct frame *frame = frame_at(frames, number);
	const struct frame *head = frame_head(frames, number);
	bool is_anon = frame->use == FRAME_ANON;
	const struct group *group = space->machine->group;
	bool is_dirty = entry & ENTRY_DIRTY || frame->is_dirty ||
			(group != NULL && group->homes[number].is_dirty);
	if (frame->use == FRAME_ZERO)
		return;
	sums->rss += bytes;
	if (is_anon)
		sums->anonymous += bytes;
	/* In a group a clean page came from swap: MADV_FREE is not lazy there. */
	if (is_anon && !is_dirty && group == NULL)
		sums->lazy_free += bytes;
	if (entry & ENTRY_ACCESSED)
		sums->referenced += bytes;
	/* Pieces of a block may be mapped one by one beside the whole. */
	for (uint64_t i = 0; i < pages_of(space, bytes); i++) {
		uint64_t maps = frame_at(frames, number + i)->maps;
		if (is_anon)
			maps += head->huge_maps;
		share_add(sums, page_bytes(space), maps, is_dirty);
	}
}

static void swapped_add(const struct vm_space *space, struct vm_area_sums *sums, uint64_t entry)
{
	uint64_t page = page_bytes(space);
	sums->swap += page;
	sums->swap_pss += (page << PSS_SHIFT) /
			  space->machine->group->swap.uses[entry_slot(entry)];
}

static void slot_add(const struct vm_space *space, struct vm_area_sums *sums,
		     const struct slot *slot)
{
	uint64_t page = page_bytes(space);
	if (slot->entries == NULL) {
		uint32_t head = entry_frame(*slot->upper);
		uint64_t inside = slot->start % space->machine->huge_bytes / page;
		if (frame_at(&space->machine->frames, head)->use == FRAME_ANON)
			sums->anon_huge += slot->end - slot->start;
		page_add(space, sums, *slot->upper, head + (uint32_t)inside,
			 slot->end - slot->start);
		return;
	}
	for (uint64_t i = 0; i < pages_of(space, slot->end - slot->start); i++)
		if (entry_is_mapped(slot->entries[i]))
			page_add(space, sums, slot->entries[i], entry_frame(slot->entries[i]),
				 page);
		else if (entry_is_swapped(slot->entries[i]))
			swapped_add(space, sums, slot->entries[i]);
}

/* Is there an aligned 2 MiB in it, and is it allowed (mm/huge_memory.c)? */
static bool may_be_huge(const struct vm_space *space, const struct area *area)
{
	uint64_t huge = space->machine->huge_bytes;
	enum vm_huge_policy policy = space->machine->profile.huge;
	if (huge == 0 || area->file != NULL || area->flags & VM_AREA_NOHUGEPAGE)
		return false;
	if (policy == VM_HUGE_NEVER ||
	    (policy == VM_HUGE_ADVISED && !(area->flags & VM_AREA_HUGEPAGE)))
		return false;
	return align_up(area->start, huge) + huge <= area->end;
}

bool vm_area_sums_get(const struct vm_space *space, uint64_t start, struct vm_area_sums *out)
{
	const struct area *area = area_look(&space->areas, start);
	struct vm_area_sums sums = {0};
	struct slot slot;
	if (area == NULL || area->start != start)
		return false;
	/* Only looks, though the walk could also change what it finds. */
	for (uint64_t at = start; slot_next((struct vm_space *)space, at, area->end, &slot);
	     at = slot.end)
		slot_add(space, &sums, &slot);
	sums.locked = area->flags & VM_AREA_LOCKED ? sums.pss >> PSS_SHIFT : 0;
	sums.pss >>= PSS_SHIFT;
	sums.swap_pss >>= PSS_SHIFT;
	sums.pss_dirty >>= PSS_SHIFT;
	sums.may_be_huge = may_be_huge(space, area);
	*out = sums;
	return true;
}

/* ---- spaces ---- */

void vm_sizes_get(const struct vm_space *space, struct vm_sizes *out)
{
	*out = (struct vm_sizes){0};
	for (const struct area *area = space->areas.first; area != NULL; area = area->next) {
		uint64_t pages = pages_of(space, area->end - area->start);
		if (area->flags & VM_AREA_FURNITURE)
			continue;
		if (area->flags & VM_AREA_GROWSDOWN)
			out->stack += pages;
		else if (area->flags & VM_AREA_WRITE)
			out->data += area->flags & VM_AREA_SHARED ? 0 : pages;
		else if (area->flags & VM_AREA_EXEC)
			out->code += pages;
	}
}

/* ---- pagemap ---- */

uint64_t vm_pagemap_entry(const struct vm_page_view *page)
{
	uint64_t entry = page->frame & VM_PAGEMAP_FRAME;
	if (page->state == VM_PAGE_NONE)
		return 0;
	if (page->state == VM_PAGE_GUARD)
		return VM_PAGEMAP_GUARD;
	if (page->state == VM_PAGE_SWAPPED)
		return VM_PAGEMAP_SWAP | entry_slot(page->entry) << SWAP_NUMBER_BITS;
	/* To pagemap what is not anonymous is of a file, the huge zero page as well. */
	if (page->state == VM_PAGE_FILE || page->state == VM_PAGE_SHARED ||
	    page->state == VM_PAGE_HUGE_ZERO)
		entry |= VM_PAGEMAP_FILE;
	if (page->is_exclusive)
		entry |= VM_PAGEMAP_EXCLUSIVE;
	return entry | VM_PAGEMAP_PRESENT;
}

bool vm_pagemap_physical(const struct vm_space *space, uint64_t address, uint64_t entry,
			 uint64_t *out_physical)
{
	uint64_t page = page_bytes(space);
	if (!(entry & VM_PAGEMAP_PRESENT))
		return false;
	*out_physical = (entry & VM_PAGEMAP_FRAME) * page + address % page;
	return true;
}
