/* SPDX-License-Identifier: MIT */
/*
 * Pages: the one place where resident sets and counts of mappings change.
 */
#include "vm/page.h"

#include "vm/group.h"
#include "vm/swapping.h"

uint64_t page_bits(const struct vm_space *space, const struct area *area)
{
	uint64_t bits = ENTRY_PRESENT | ENTRY_USER | ENTRY_ACCESSED;
	if (!(area->flags & (VM_AREA_READ | VM_AREA_WRITE | VM_AREA_EXEC)))
		bits = ENTRY_NO_ACCESS | ENTRY_ACCESSED;
	if (!(area->flags & VM_AREA_EXEC))
		bits |= ENTRY_NO_EXEC;
	if ((area->flags & VM_AREA_SHARED) && (area->flags & VM_AREA_WRITE) &&
	    !area_notifies(space, area) && rule(space, VM_RULE_shared_maps_writable))
		bits |= ENTRY_WRITE;
	return bits;
}

bool area_notifies(const struct vm_space *space, const struct area *area)
{
	return (area->flags & VM_AREA_SHARED) && area->file != NULL &&
	       area->file->kind == VM_FILE_DISK && rule(space, VM_RULE_write_notify);
}

/* ---- books ---- */

static void rss_add(struct vm_space *space, enum frame_use use, uint64_t pages)
{
	struct vm_counters *counters = &space->counters;
	if (use == FRAME_ANON)
		counters->rss_anon += pages;
	else if (use == FRAME_FILE)
		counters->rss_file += pages;
	else if (use == FRAME_SHARED)
		counters->rss_shared += pages;
	uint64_t rss = counters->rss_anon + counters->rss_file + counters->rss_shared;
	counters->rss_max = size_max(counters->rss_max, rss);
}

static void rss_take(struct vm_space *space, enum frame_use use, uint64_t pages)
{
	struct vm_counters *counters = &space->counters;
	if (use == FRAME_ANON)
		counters->rss_anon -= pages;
	else if (use == FRAME_FILE)
		counters->rss_file -= pages;
	else if (use == FRAME_SHARED)
		counters->rss_shared -= pages;
}

static void block_release(struct vm_space *space, uint32_t head)
{
	struct frame *frame = frame_at(&space->machine->frames, head);
	if (frame->block_maps != 0)
		return;
	if (frame->is_cached && frame->use == FRAME_ANON)
		swap_cache_leave(space->machine, head);
	if (frame->is_cached)
		return;
	group_forget(space->machine, head);
	frame_give(&space->machine->frames, head);
}

void page_enter(struct vm_space *space, uint64_t *entry, uint32_t frame, uint64_t bits)
{
	struct frames *frames = &space->machine->frames;
	assert(*entry == 0);
	*entry = entry_make(frame, bits);
	if (frame_at(frames, frame)->use == FRAME_ZERO)
		return;
	frame_at(frames, frame)->maps++;
	frame_head(frames, frame)->block_maps++;
	rss_add(space, frame_at(frames, frame)->use, 1);
}

/* An entry less maps the frame. */
static void frame_unmap(const struct frames *frames, uint32_t number)
{
	frame_at(frames, number)->maps--;
	frame_head(frames, number)->block_maps--;
}

void page_leave(struct vm_space *space, uint64_t *entry)
{
	struct frames *frames = &space->machine->frames;
	uint32_t number = entry_frame(*entry);
	struct frame *frame = frame_at(frames, number);
	*entry = 0;
	if (frame->use == FRAME_ZERO)
		return;
	frame_unmap(frames, number);
	rss_take(space, frame->use, 1);
	block_release(space, frame->head);
}

void page_swap(struct vm_space *space, uint64_t *entry, uint64_t slot)
{
	uint32_t number = entry_frame(*entry);
	struct frame *frame = frame_at(&space->machine->frames, number);
	uint64_t own = frame->is_exclusive ? ENTRY_SWAP_OWN : 0;
	assert(frame->use == FRAME_ANON && frame->is_cached);
	*entry = slot << ENTRY_FRAME_SHIFT | ENTRY_SWAP | own;
	frame_unmap(&space->machine->frames, number);
	rss_take(space, FRAME_ANON, 1);
	space->counters.swapped++;
}

/* ---- huge pages ---- */

static uint64_t huge_pages(const struct vm_space *space)
{
	return pages_of(space, space->machine->huge_bytes);
}

bool huge_enter(struct vm_space *space, uint64_t *upper, uint32_t head, uint64_t bits)
{
	struct frame *frame = frame_at(&space->machine->frames, head);
	assert(*upper == 0);
	if (rule(space, VM_RULE_huge_table) && !table_reserve(space))
		return false;
	*upper = entry_make(head, bits | ENTRY_HUGE);
	if (frame->use == FRAME_ZERO)
		return true;
	frame->huge_maps++;
	frame->block_maps++;
	rss_add(space, frame->use, huge_pages(space));
	return true;
}

void huge_leave(struct vm_space *space, uint64_t *upper)
{
	uint32_t head = entry_frame(*upper);
	struct frame *frame = frame_at(&space->machine->frames, head);
	*upper = 0;
	table_reserve_drop(space);
	if (frame->use == FRAME_ZERO)
		return;
	frame->huge_maps--;
	frame->block_maps--;
	rss_take(space, frame->use, huge_pages(space));
	block_release(space, head);
}

bool huge_split(struct vm_space *space, uint64_t address, uint64_t *upper)
{
	struct frames *frames = &space->machine->frames;
	uint64_t leaf = *upper;
	uint32_t head = entry_frame(leaf);
	struct frame *first = frame_at(frames, head);
	uint64_t count = huge_pages(space);
	if (space->reserve == FRAME_NONE && !table_reserve(space))
		return false;
	*upper = table_reserve_use(space);
	address -= address % space->machine->huge_bytes;
	entries_changed(space, address, address + space->machine->huge_bytes);
	uint64_t *entries = frame_at(frames, entry_frame(*upper))->table;
	uint64_t bits = leaf & ~(ENTRY_FRAME_MASK | ENTRY_HUGE);
	bool is_zero = first->use == FRAME_ZERO;
	if (!is_zero) {
		first->huge_maps--;
		first->block_maps--;
	}
	for (uint64_t i = 0; i < count; i++) {
		uint32_t frame = is_zero ? space->machine->zero_frame : head + (uint32_t)i;
		entries[i] = entry_make(frame, bits);
		if (is_zero)
			continue;
		frame_at(frames, frame)->maps++;
		frame_at(frames, frame)->is_exclusive = first->is_exclusive;
		first->block_maps++;
	}
	return true;
}

bool huge_split_at(struct vm_space *space, uint64_t address)
{
	struct slot slot;
	uint64_t bytes = space->machine->huge_bytes;
	if (bytes == 0 || address % bytes == 0 ||
	    !slot_next(space, address, address + 1, &slot) || slot.entries != NULL)
		return true;
	return huge_split(space, address, slot.upper);
}

uint64_t block_maps_here(struct vm_space *space, uint64_t address, uint32_t number)
{
	struct frames *frames = &space->machine->frames;
	const struct frame *head = frame_head(frames, number);
	uint32_t first = frame_at(frames, number)->head;
	uint64_t start = address - (number - first) * page_bytes(space);
	uint64_t count = 0;
	for (uint32_t i = 0; i < (uint32_t)1 << head->order; i++) {
		struct slot slot;
		uint64_t at = start + i * page_bytes(space);
		if (slot_next(space, at, at + 1, &slot) && slot.entries != NULL &&
		    entry_is_mapped(*slot.entries) && entry_frame(*slot.entries) == first + i)
			count++;
	}
	return count;
}

/* ---- dropping ---- */

/* What was accessed of a file is marked, unless advice says that it is used once. */
static void entry_drop(struct vm_space *space, const struct slot *slot, uint64_t index)
{
	uint64_t *entry = &slot->entries[index];
	const struct area *area;
	if (space->machine->group != NULL && *entry & ENTRY_ACCESSED) {
		area = area_look(&space->areas, slot->start + index * page_bytes(space));
		if (frame_at(&space->machine->frames, entry_frame(*entry))->use == FRAME_FILE &&
		    !(area->flags & (VM_AREA_RANDOM | VM_AREA_SEQUENTIAL)))
			group_mark(space->machine, entry_frame(*entry));
	}
	page_leave(space, entry);
}

static void entries_drop(struct vm_space *space, const struct slot *slot, unsigned flags)
{
	uint64_t count = pages_of(space, slot->end - slot->start);
	for (uint64_t i = 0; i < count; i++) {
		if (entry_is_mapped(slot->entries[i]))
			entry_drop(space, slot, i);
		else if (entry_is_swapped(slot->entries[i]))
			swap_entry_drop(space, &slot->entries[i]);
		else if (flags & DROP_GUARDS || !rule(space, VM_RULE_guard_survives))
			slot->entries[i] = 0;
	}
	if ((flags & DROP_TABLES) && slot_is_whole(space, slot))
		table_free_empty(space, slot);
}

bool pages_drop(struct vm_space *space, uint64_t start, uint64_t end, unsigned flags)
{
	struct slot slot;
	entries_changed(space, start, end);
	for (uint64_t at = start; slot_next(space, at, end, &slot);) {
		at = slot.end;
		if (slot.entries != NULL) {
			entries_drop(space, &slot, flags);
		} else if (slot_is_whole(space, &slot) || !rule(space, VM_RULE_huge_split)) {
			huge_leave(space, slot.upper);
		} else {
			if (!huge_split(space, slot.start, slot.upper))
				return false;
			at = slot.start;
		}
	}
	return true;
}
