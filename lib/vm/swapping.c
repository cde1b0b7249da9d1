/* SPDX-License-Identifier: MIT */
/*
 * Swapping. See swapping.h.
 *
 * Swap is taken to be memory itself (zram): a page is written and read at once, and nobody waits.
 * A page that only one process has comes back alone, and its slot is free again at once; one that
 * several have comes back by way of the swap cache, with others around it, and keeps its slot: if
 * it leaves again unchanged it need not be written.
 */
#include "vm/swapping.h"

#include "vm/mapping.h"
#include "vm/page.h"

enum {
	AHEAD_MAX = 8,            /* 2^page-cluster of /proc/sys/vm */
	AHEAD_HITS_FIRST = 4,     /* assumed of an area nothing has been read ahead in */
	AHEAD_HITS_MAX = 63,
};

/* ---- out ---- */

static struct group *group_of(const struct vm_space *space)
{
	return space->machine->group;
}

/* The page is in the slot and in memory. */
static void cache_enter(struct group *group, uint32_t number, uint64_t slot)
{
	group->homes[number].slot = (uint32_t)slot;
	group->swap.frames[slot] = number;
	frame_at(&group->machine->frames, number)->is_cached = true;
}

static void cache_remove(struct group *group, uint32_t number)
{
	struct page_home *home = &group->homes[number];
	group->swap.frames[home->slot] = FRAME_NONE;
	swap_give(&group->swap, home->slot);
	home->slot = SWAP_NONE;
	frame_at(&group->machine->frames, number)->is_cached = false;
}

static void unmap_one(void *context, const struct mapping *mapping)
{
	struct group *group = context;
	struct page_home *home = &group->homes[entry_frame(*mapping->entry)];
	if (!swap_share(&group->swap, home->slot))
		return;
	home->is_dirty |= (*mapping->entry & ENTRY_DIRTY) != 0;
	entries_changed(mapping->space, mapping->address,
			mapping->address + page_bytes(mapping->space));
	page_swap(mapping->space, mapping->entry, home->slot);
}

enum reclaim_outcome swap_out(struct group *group, uint32_t number, uint64_t shadow)
{
	struct page_home *home = &group->homes[number];
	struct frame *frame = frame_at(&group->machine->frames, number);
	if (home->slot == SWAP_NONE) {
		uint64_t slot = group->has_swap ? swap_take(&group->swap) : SWAP_NONE;
		if (slot == SWAP_NONE)
			return RECLAIM_STAYS;
		cache_enter(group, number, slot);
		home->is_dirty = true;
	}
	mappings_visit(group, number, unmap_one, group);
	if (frame->maps > 0)
		return RECLAIM_STAYS;
	bool is_written = home->is_dirty;
	group->swap.shadows[home->slot] = shadow;
	cache_remove(group, number);
	group_forget(group->machine, number);
	frame_give(&group->machine->frames, number);
	return is_written ? RECLAIM_WRITTEN : RECLAIM_GONE;
}

bool swap_is_cached(const struct vm_machine *machine, uint64_t entry)
{
	return machine->group->swap.frames[entry_slot(entry)] != FRAME_NONE;
}

bool swap_cache_can_leave(const struct vm_machine *machine, uint32_t number)
{
	const struct group *group = machine->group;
	const struct page_home *home = &group->homes[number];
	return home->slot != SWAP_NONE && group->swap.uses[home->slot] <= 1;
}

bool swap_cache_leave(struct vm_machine *machine, uint32_t number)
{
	if (!swap_cache_can_leave(machine, number))
		return false;
	cache_remove(machine->group, number);
	machine->group->homes[number].is_dirty = true;
	return true;
}

/* ---- entries ---- */

void swap_entry_drop(struct vm_space *space, uint64_t *entry)
{
	struct swap *swap = &group_of(space)->swap;
	uint64_t slot = entry_slot(*entry);
	uint32_t cached = swap->frames[slot];
	*entry = 0;
	space->counters.swapped--;
	swap_give(swap, slot);
	if (cached == FRAME_NONE ||
	    frame_at(&space->machine->frames, cached)->block_maps > 0 ||
	    !swap_cache_leave(space->machine, cached))
		return;
	group_forget(space->machine, cached);
	frame_give(&space->machine->frames, cached);
}

void swap_entry_copy(struct vm_space *child, uint64_t *from, uint64_t *to)
{
	bool is_shared = swap_share(&group_of(child)->swap, entry_slot(*from));
	assert(is_shared);
	(void)is_shared;
	*from &= ~ENTRY_SWAP_OWN;
	*to = *from;
	child->counters.swapped++;
}

/* ---- in ---- */

/* A frame for a slot, on its list as what reclaim noted says. */
static uint32_t slot_read(struct vm_space *space, uint64_t address, uint64_t slot)
{
	struct group *group = group_of(space);
	uint32_t number = group_frame_take(space, address, FRAME_ANON);
	if (number == FRAME_NONE)
		return FRAME_NONE;
	reclaim_refault(&group->reclaim, number, false, group->swap.shadows[slot]);
	return number;
}

static uint32_t slot_read_cached(struct vm_space *space, uint64_t address, uint64_t slot)
{
	struct group *group = group_of(space);
	uint32_t number = group->swap.frames[slot];
	if (number != FRAME_NONE)
		return number;
	number = slot_read(space, address, slot);
	if (number == FRAME_NONE)
		return FRAME_NONE;
	swap_share(&group->swap, slot);
	cache_enter(group, number, slot);
	group->homes[number].is_dirty = false;
	return number;
}

/* How many pages to read with one that is `page`; the last such one was `last`. */
static uint64_t ahead_pages(const struct area *area, uint64_t page, uint64_t last)
{
	uint64_t hits = area->ahead_is_set ? area->ahead_hits : AHEAD_HITS_FIRST;
	uint64_t pages = hits + 2;
	if (hits == 0 && page != last + 1 && page + 1 != last) {
		pages = 1;
	} else if (hits > 0) {
		pages = 4;
		while (pages < hits + 2)
			pages *= 2;
	}
	pages = size_min(pages, AHEAD_MAX);
	return size_max(pages, area->ahead_pages / 2);
}

/*
 * The pages around `address` that are read with it, in the direction the last ones went, within
 * the area and the last-level table (mm/swap_state.c swap_vma_ra_win).
 */
static void ahead_window(struct vm_space *space, struct area *area, uint64_t address,
			 uint64_t *out_start, uint64_t *out_end)
{
	uint64_t span = table_span(space, 1), bytes = page_bytes(space);
	uint64_t page = address / bytes, last = area->ahead_address / bytes;
	uint64_t pages = ahead_pages(area, page, last), first = page - (pages - 1) / 2;
	if (page == last + 1)
		first = page;
	else if (last == page + 1)
		first = size_max(page + 1, pages) - pages;
	area->ahead_is_set = true;
	area->ahead_address = address;
	area->ahead_pages = (uint32_t)pages;
	area->ahead_hits = 0;
	*out_start = size_max(size_max(first * bytes, area->start), align_down(address, span));
	*out_end = size_min(size_min((first + pages) * bytes, area->end),
			    align_down(address, span) + span);
}

static uint32_t read_around(struct vm_space *space, struct area *area, uint64_t address,
			    uint64_t slot)
{
	struct group *group = group_of(space);
	uint64_t start = address, end = address + page_bytes(space);
	if (rule(space, VM_RULE_swap_read_ahead))
		ahead_window(space, area, address, &start, &end);
	for (uint64_t at = start; at < end && end - start > page_bytes(space);
	     at += page_bytes(space)) {
		const uint64_t *entry = table_entry(space, at, 0, false);
		if (entry == NULL || !entry_is_swapped(*entry) ||
		    group->swap.frames[entry_slot(*entry)] != FRAME_NONE)
			continue;
		uint32_t number = slot_read_cached(space, at, entry_slot(*entry));
		if (number == FRAME_NONE)
			return FRAME_NONE;
		group->homes[number].is_ahead = at != address;
	}
	lru_drain(&group->reclaim.lru);
	return slot_read_cached(space, address, slot);
}

/* A page of the cache is used: was it worth reading it with another one? */
static void ahead_note(struct group *group, struct area *area, uint64_t address, uint32_t number)
{
	struct page_home *home = &group->homes[number];
	uint32_t hits = area->ahead_is_set ? area->ahead_hits : AHEAD_HITS_FIRST;
	if (home->is_ahead && hits < AHEAD_HITS_MAX)
		hits++;
	home->is_ahead = false;
	area->ahead_is_set = true;
	area->ahead_hits = hits;
	area->ahead_address = address;
}

/* Is the slot of a page that is to be mapped given up? */
static bool is_slot_given_up(const struct vm_space *space, const struct area *area,
			     uint32_t number, bool is_store)
{
	const struct swap *swap = &group_of(space)->swap;
	return swap->free_count * 2 < swap->count || area->flags & VM_AREA_LOCKED ||
	       (is_store && frame_at(&space->machine->frames, number)->maps == 0);
}

/* Map it in place of its swap entry; true: a store goes through. */
static bool page_return(struct vm_space *space, struct area *area, uint64_t *entry,
			uint32_t number, bool is_store, bool is_alone)
{
	struct frame *frame = frame_at(&space->machine->frames, number);
	uint64_t bits = page_bits(space, area);
	bool is_own = is_alone || *entry & ENTRY_SWAP_OWN;
	swap_give(&group_of(space)->swap, entry_slot(*entry));
	*entry = 0;
	space->counters.swapped--;
	if (frame->is_cached && is_slot_given_up(space, area, number, is_store))
		swap_cache_leave(space->machine, number);
	is_own = is_own || (!frame->is_cached && frame->maps == 0);
	if (is_own && area->flags & VM_AREA_WRITE)
		bits |= ENTRY_WRITE | (is_store ? ENTRY_DIRTY : 0);
	frame->is_exclusive = is_own;
	page_enter(space, entry, number, bits);
	if (area->flags & VM_AREA_LOCKED)
		lru_lock(&group_of(space)->reclaim.lru, number, true);
	return (bits & ENTRY_WRITE) != 0;
}

enum vm_signal swap_in(struct vm_space *space, struct area *area, uint64_t address,
		       uint64_t *entry, bool is_store, bool *out_copies)
{
	struct group *group = group_of(space);
	uint64_t slot = entry_slot(*entry);
	uint32_t number = group->swap.frames[slot];
	enum vm_reason reason = VM_REASON_SWAP_CACHE;
	bool is_alone = false;
	if (number != FRAME_NONE) {
		ahead_note(group, area, address, number);
	} else {
		reason = VM_REASON_SWAP_IN;
		is_alone = group->swap.uses[slot] == 1 && rule(space, VM_RULE_swap_in_alone);
		number = is_alone ? slot_read(space, address, slot)
				  : read_around(space, area, address, slot);
	}
	if (number == FRAME_NONE)
		return VM_SIGBUS_MEMORY;
	*out_copies = !page_return(space, area, entry, number, is_store, is_alone) && is_store;
	space->counters.by_reason[reason]++;
	return VM_SIGNAL_NONE;
}
