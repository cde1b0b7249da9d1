/* SPDX-License-Identifier: MIT */
/*
 * Advice: madvise (mm/madvise.c). Some is a flag of areas, some drops pages or faults them in,
 * and some, without swap, comes to nothing.
 */
#include <errno.h>

#include "vm/fault.h"
#include "vm/file.h"
#include "vm/group.h"
#include "vm/merge.h"
#include "vm/page.h"

/* ---- flags ---- */

/* The flags of `area` after the advice; false where it is no flag. */
static bool flags_advised(const struct area *area, enum vm_advice advice, uint32_t *out_flags)
{
	static const struct {
		enum vm_advice advice;
		uint32_t clear, set;
	} table[] = {
		{ VM_ADVISE_NORMAL, VM_AREA_RANDOM | VM_AREA_SEQUENTIAL, 0 },
		{ VM_ADVISE_RANDOM, VM_AREA_SEQUENTIAL, VM_AREA_RANDOM },
		{ VM_ADVISE_SEQUENTIAL, VM_AREA_RANDOM, VM_AREA_SEQUENTIAL },
		{ VM_ADVISE_HUGEPAGE, VM_AREA_NOHUGEPAGE, VM_AREA_HUGEPAGE },
		{ VM_ADVISE_NOHUGEPAGE, VM_AREA_HUGEPAGE, VM_AREA_NOHUGEPAGE },
		{ VM_ADVISE_DONTFORK, 0, VM_AREA_DONTFORK },
		{ VM_ADVISE_DOFORK, VM_AREA_DONTFORK, 0 },
		{ VM_ADVISE_WIPEONFORK, 0, VM_AREA_WIPEONFORK },
		{ VM_ADVISE_KEEPONFORK, VM_AREA_WIPEONFORK, 0 },
		{ VM_ADVISE_DONTDUMP, 0, VM_AREA_DONTDUMP },
		{ VM_ADVISE_DODUMP, VM_AREA_DONTDUMP, 0 },
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].advice != advice)
			continue;
		*out_flags = (area->flags & ~table[i].clear) | table[i].set;
		return true;
	}
	return false;
}

/* ---- pages ---- */

/* Without the rule that shared pages stay: forget those nobody maps. */
static void shared_forget(struct vm_space *space, struct area *area, uint64_t start, uint64_t end)
{
	if (rule(space, VM_RULE_shared_stays) || area->file == NULL ||
	    area->file->kind != VM_FILE_SHARED)
		return;
	for (uint64_t at = start; at < end; at += page_bytes(space)) {
		uint64_t page = area_offset_at(space, area, at);
		uint32_t frame = file_frame(area->file, page);
		if (frame != FRAME_NONE && frame_at(&space->machine->frames, frame)->maps == 0)
			file_forget(space->machine, area->file, page);
	}
}

static int advise_dontneed(struct vm_space *space, struct area *area, uint64_t start, uint64_t end)
{
	bool reclaims = space->machine->profile.reclaims_tables &&
			rule(space, VM_RULE_tables_reclaimed);
	if (area->flags & VM_AREA_LOCKED && rule(space, VM_RULE_lock_refuses_dontneed))
		return EINVAL;
	if (!rule(space, VM_RULE_dontneed_drops))
		return 0;
	if (!pages_drop(space, start, end, reclaims ? DROP_TABLES : 0))
		return ENOMEM;
	shared_forget(space, area, start, end);
	return 0;
}

/* A block that is advised in part, and that nobody else maps, is split into single pages. */
static void block_split_part(struct vm_space *space, const struct slot *slot, uint64_t index)
{
	struct frames *frames = &space->machine->frames;
	uint32_t number = entry_frame(slot->entries[index]);
	uint64_t address = slot->start + index * page_bytes(space);
	const struct frame *head = frame_head(frames, number);
	uint64_t count = (uint64_t)1 << head->order;
	uint64_t first = address - (number - frame_at(frames, number)->head) * page_bytes(space);
	bool is_whole = first >= slot->start && first + count * page_bytes(space) <= slot->end &&
			head->block_maps == count;
	if (head->use == FRAME_ANON && head->order > 0 && !is_whole &&
	    block_maps_here(space, address, number) == head->block_maps)
		frame_split(frames, frame_at(frames, number)->head);
}

/* What MADV_FREE and MADV_COLD do that can be seen: huge pages in part are split. */
static bool huge_parts_split(struct vm_space *space, uint64_t start, uint64_t end)
{
	struct slot slot;
	for (uint64_t at = start; slot_next(space, at, end, &slot);) {
		at = slot.end;
		if (slot.entries == NULL) {
			const struct frame *head = frame_at(&space->machine->frames,
							    entry_frame(*slot.upper));
			if (slot_is_whole(space, &slot) || head->use == FRAME_ZERO ||
			    head->block_maps > 1)
				continue;
			if (!huge_split(space, slot.start, slot.upper))
				return false;
			at = slot.start;
			continue;
		}
		for (uint64_t i = 0; i < pages_of(space, slot.end - slot.start); i++) {
			if (entry_is_mapped(slot.entries[i]))
				block_split_part(space, &slot, i);
		}
	}
	return true;
}

/* Take the accessed bit of pages of one mapping, and for MADV_FREE of all pages, with the dirty
 * bit (mm/madvise.c). */
static void pages_age(struct vm_space *space, uint64_t start, uint64_t end, bool frees)
{
	const struct frames *frames = &space->machine->frames;
	uint64_t bits = ENTRY_ACCESSED | (frees ? ENTRY_DIRTY : 0);
	struct slot slot;
	entries_changed(space, start, end);
	for (uint64_t at = start; slot_next(space, at, end, &slot); at = slot.end) {
		if (slot.entries == NULL) {
			if (slot_is_whole(space, &slot))
				*slot.upper &= ~bits;
			continue;
		}
		for (uint64_t i = 0; i < pages_of(space, slot.end - slot.start); i++) {
			uint64_t *entry = &slot.entries[i];
			if (entry_is_mapped(*entry) &&
			    (frees || frame_at(frames, entry_frame(*entry))->maps == 1))
				*entry &= ~bits;
		}
	}
}

static int advise_lazily(struct vm_space *space, struct area *area, uint64_t start, uint64_t end,
			 enum vm_advice advice)
{
	if (area->flags & VM_AREA_LOCKED)
		return EINVAL;
	if (advice == VM_ADVISE_FREE && area->file != NULL)
		return EINVAL;
	if (advice == VM_ADVISE_FREE && !rule(space, VM_RULE_free_is_lazy))
		return advise_dontneed(space, area, start, end);
	if (advice != VM_ADVISE_FREE)
		group_advise(space, start, end, advice == VM_ADVISE_COLD);
	if (area->file == NULL && !huge_parts_split(space, start, end))
		return ENOMEM;
	if (advice != VM_ADVISE_PAGEOUT)
		pages_age(space, start, end, advice == VM_ADVISE_FREE);
	return 0;
}

static int advise_populate(struct vm_space *space, struct area *area, uint64_t start, uint64_t end,
			   bool is_store)
{
	if (!(area->flags & (is_store ? VM_AREA_WRITE : VM_AREA_READ)))
		return EINVAL;
	switch (fault_in(space, area, start, end, is_store)) {
	case VM_SIGNAL_NONE:
		return 0;
	case VM_SIGBUS_MEMORY:
		return ENOMEM;
	default:
		return EFAULT;
	}
}

/* ---- guards ---- */

static bool has_pages(struct vm_space *space, uint64_t start, uint64_t end)
{
	struct slot slot;
	for (uint64_t at = start; slot_next(space, at, end, &slot); at = slot.end) {
		if (slot.entries == NULL)
			return true;
		for (uint64_t i = 0; i < pages_of(space, slot.end - slot.start); i++) {
			if (entry_is_mapped(slot.entries[i]) || entry_is_swapped(slot.entries[i]))
				return true;
		}
	}
	return false;
}

static int advise_guard(struct vm_space *space, struct area *area, uint64_t start, uint64_t end)
{
	if (area->flags & VM_AREA_LOCKED)
		return EINVAL;
	/* A fork is to copy the marks, as it copies pages of the area's own. */
	area->is_guarded = true;
	if (area->file == NULL)
		space_anon_prepare(space, area);
	if (has_pages(space, start, end) && !pages_drop(space, start, end, 0))
		return ENOMEM;
	for (uint64_t at = start; at < end; at += page_bytes(space)) {
		uint64_t *entry = table_entry(space, at, 0, true);
		if (entry == NULL)
			return ENOMEM;
		*entry = ENTRY_GUARD;
	}
	return 0;
}

static void advise_unguard(struct vm_space *space, uint64_t start, uint64_t end)
{
	struct slot slot;
	for (uint64_t at = start; slot_next(space, at, end, &slot); at = slot.end) {
		for (uint64_t i = 0;
		     slot.entries != NULL && i < pages_of(space, slot.end - slot.start); i++) {
			if (slot.entries[i] == ENTRY_GUARD)
				slot.entries[i] = 0;
		}
	}
}

/* ---- one area ---- */

static int area_advise(struct vm_space *space, struct area **area, uint64_t start, uint64_t end,
		       enum vm_advice advice)
{
	uint32_t flags;
	if (advice == VM_ADVISE_WIPEONFORK && (*area)->file != NULL)
		return EINVAL;
	if (flags_advised(*area, advice, &flags)) {
		if (flags == (*area)->flags)
			return 0;
		*area = space_modify(space, *area, start, end, flags);
		return *area != NULL ? 0 : ENOMEM;
	}
	switch (advice) {
	case VM_ADVISE_DONTNEED:
		return advise_dontneed(space, *area, start, end);
	case VM_ADVISE_FREE:
	case VM_ADVISE_COLD:
	case VM_ADVISE_PAGEOUT:
		return advise_lazily(space, *area, start, end, advice);
	case VM_ADVISE_POPULATE_READ:
	case VM_ADVISE_POPULATE_WRITE:
		return advise_populate(space, *area, start, end,
				       advice == VM_ADVISE_POPULATE_WRITE);
	case VM_ADVISE_GUARD_INSTALL:
		return advise_guard(space, *area, start, end);
	case VM_ADVISE_GUARD_REMOVE:
		advise_unguard(space, start, end);
		return 0;
	default:
		return 0;
	}
}

struct vm_result vm_advise(struct vm_space *space, uint64_t address, uint64_t bytes,
			   enum vm_advice advice)
{
	uint64_t end = address + align_up(bytes, page_bytes(space));
	bool is_populate = advice == VM_ADVISE_POPULATE_READ || advice == VM_ADVISE_POPULATE_WRITE;
	int hole = 0;
	if (!is_aligned(address, page_bytes(space)) || end < address ||
	    (end == address && bytes != 0))
		return result_error(EINVAL);
	for (uint64_t at = address; at < end;) {
		struct area *area = area_find(&space->areas, at);
		if (area == NULL || area->start > at) {
			hole = ENOMEM;
			if (area == NULL || area->start >= end || is_populate)
				break;
			at = area->start;
		}
		uint64_t to = size_min(end, area->end);
		int error = area_advise(space, &area, at, to, advice);
		if (error != 0)
			return result_error(error);
		at = to;
	}
	return hole != 0 ? result_error(hole) : result_of(0);
}
