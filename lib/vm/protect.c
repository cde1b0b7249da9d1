/* SPDX-License-Identifier: MIT */
/*
 * Protecting: mprotect (mm/mprotect.c).
 *
 * Entries get the bits of the area's new protection. A page of the process's own, which no fork
 * has shared since, is writable again at once; everything else waits for its fault.
 */
#include <errno.h>

#include "vm/merge.h"
#include "vm/page.h"
#include "vm/populate.h"

/* May this entry be written without a fault, beyond what page_bits() gives? */
static bool is_own(const struct vm_space *space, const struct area *area, uint64_t entry)
{
	const struct frame *frame = frame_at(&space->machine->frames, entry_frame(entry));
	if (!(area->flags & VM_AREA_WRITE) || !rule(space, VM_RULE_protect_keeps_writable))
		return false;
	/* A shared page its file system knows to be dirty need not be told again. */
	if (area->flags & VM_AREA_SHARED)
		return area_notifies(space, area) && entry & ENTRY_DIRTY;
	return frame->use == FRAME_ANON && frame->is_exclusive;
}

static void entry_protect(const struct vm_space *space, const struct area *area, uint64_t *entry)
{
	uint64_t kept = *entry & (ENTRY_FRAME_MASK | ENTRY_ACCESSED | ENTRY_DIRTY | ENTRY_HUGE);
	uint64_t bits = page_bits(space, area) & ~ENTRY_ACCESSED;
	if (is_own(space, area, *entry))
		bits |= ENTRY_WRITE;
	*entry = kept | bits;
}

static void entries_protect(struct vm_space *space, const struct area *area, uint64_t start,
			    uint64_t end)
{
	struct slot slot;
	entries_changed(space, start, end);
	for (uint64_t at = start; slot_next(space, at, end, &slot); at = slot.end) {
		if (slot.entries == NULL) {
			entry_protect(space, area, slot.upper);
			continue;
		}
		for (uint64_t i = 0; i < pages_of(space, slot.end - slot.start); i++) {
			if (entry_is_mapped(slot.entries[i]))
				entry_protect(space, area, &slot.entries[i]);
		}
	}
}

enum {
	ACCESS = VM_AREA_READ | VM_AREA_WRITE | VM_AREA_EXEC,
};

/* The flags of an area after mprotect, its charge included. */
static uint32_t flags_protected(const struct vm_space *space, const struct area *area,
				unsigned protection)
{
	enum {
		NEVER_CHARGED = VM_AREA_ACCOUNT | VM_AREA_WRITE | VM_AREA_SHARED |
				VM_AREA_NORESERVE,
	};
	uint32_t flags = (area->flags & ~(uint32_t)ACCESS) | (protection & ACCESS);
	if (flags & VM_AREA_WRITE) {
		if (!(area->flags & NEVER_CHARGED))
			flags |= VM_AREA_ACCOUNT;
	} else if (area->file == NULL && area->anon == 0 &&
		   rule(space, VM_RULE_uncharge_untouched)) {
		flags &= ~(uint32_t)VM_AREA_ACCOUNT;
	}
	return flags;
}

/* One area's part. False when there are too many areas. */
static bool area_protect(struct vm_space *space, struct area **area, uint64_t start, uint64_t end,
			 unsigned protection)
{
	uint32_t old_flags = (*area)->flags;
	uint32_t flags = flags_protected(space, *area, protection);
	/* Where nothing changes, a charge that could be taken back stays. */
	if ((old_flags & ACCESS) == (protection & ACCESS))
		return true;
	*area = space_modify(space, *area, start, end, flags);
	if (*area == NULL)
		return false;
	entries_protect(space, *area, start, end);
	uint32_t lock_bits = VM_AREA_WRITE | VM_AREA_SHARED | VM_AREA_LOCKED;
	bool was_locked_readonly = (old_flags & lock_bits) == VM_AREA_LOCKED;
	if (was_locked_readonly && flags & VM_AREA_WRITE)
		populate(space, start, end, VM_RULE_lock_populates);
	return true;
}

struct vm_result vm_protect(struct vm_space *space, uint64_t address, uint64_t bytes,
			    unsigned protection)
{
	uint64_t end = address + align_up(bytes, page_bytes(space));
	if (!is_aligned(address, page_bytes(space)))
		return result_error(EINVAL);
	if (bytes == 0)
		return result_of(0);
	if (end <= address)
		return result_error(ENOMEM);
	struct area *area = area_find(&space->areas, address);
	if (area == NULL || area->start > address)
		return result_error(ENOMEM);
	for (uint64_t at = address; at < end;) {
		uint64_t to = size_min(end, area->end);
		if (!area_protect(space, &area, at, to, protection))
			return result_error(ENOMEM);
		at = to;
		struct area *next = area->end > at ? area : area->next;
		if (at < end && (next == NULL || next->start > at))
			return result_error(ENOMEM);
		area = next;
	}
	return result_of(0);
}
