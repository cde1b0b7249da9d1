/* SPDX-License-Identifier: MIT */
/*
 * Accesses: what the processor lets through, and what the kernel makes of the rest
 * (arch/x86/mm/fault.c; CSAPP 9.7.2, figure 9.28).
 */
#include "vm/access.h"

#include "vm/fault.h"
#include "vm/group.h"
#include "vm/merge.h"
#include "vm/page.h"

/* The bits that decide whether an access goes through; sets accessed and dirty if it does. */
static bool walk(struct vm_space *space, uint64_t address, enum vm_kind kind)
{
	struct slot slot;
	if (!slot_next(space, address, address + 1, &slot))
		return false;
	uint64_t *entry = slot.entries != NULL ? slot.entries : slot.upper;
	if (!(*entry & ENTRY_PRESENT) || (kind == VM_STORE && !(*entry & ENTRY_WRITE)) ||
	    (kind == VM_FETCH && *entry & ENTRY_NO_EXEC))
		return false;
	*entry |= ENTRY_ACCESSED | (kind == VM_STORE ? ENTRY_DIRTY : 0);
	return true;
}

static bool is_present(struct vm_space *space, uint64_t address)
{
	struct slot slot;
	if (!slot_next(space, address, address + 1, &slot))
		return false;
	uint64_t entry = slot.entries != NULL ? *slot.entries : *slot.upper;
	return (entry & ENTRY_PRESENT) != 0;
}

static bool is_accessible(const struct area *area)
{
	return (area->flags & (VM_AREA_READ | VM_AREA_WRITE | VM_AREA_EXEC)) != 0;
}

/* May an area that grows down reach for `address`: is there the gap below it (mm/vma.c)? */
static bool stack_reaches(const struct vm_space *space, const struct area *area, uint64_t address)
{
	const struct vm_profile *profile = &space->machine->profile;
	const struct area *below = area->previous;
	uint64_t gap = profile->stack_gap_pages * page_bytes(space);
	if (!(area->flags & VM_AREA_GROWSDOWN) || !rule(space, VM_RULE_stack_growth) ||
	    address < profile->lowest_address)
		return false;
	return below == NULL || below->flags & VM_AREA_GROWSDOWN || !is_accessible(below) ||
	       address - below->end >= gap;
}

/* And may it be as large as that? */
static bool stack_fits(const struct vm_space *space, const struct area *area, uint64_t address)
{
	return area->end - address <= space->machine->profile.stack_limit_bytes &&
	       pages_of(space, area->start - address) <= area->offset;
}

bool access_grows_stack(const struct vm_space *space, const struct area *area, uint64_t address)
{
	return stack_reaches(space, area, address) && stack_fits(space, area, address);
}

/* Extend an area that grows down to `address`, if the limit and the gap allow. */
static bool stack_grow(struct vm_space *space, struct area *area, uint64_t address)
{
	uint64_t pages = pages_of(space, area->start - address);
	if (!stack_reaches(space, area, address))
		return false;
	/* The area has its anonymous memory before the limit is looked at. */
	space_anon_prepare(space, area);
	if (!stack_fits(space, area, address))
		return false;
	area_resize(area, address, area->end, area->offset - pages);
	space->counters.total += pages;
	if (area->flags & VM_AREA_LOCKED)
		space->counters.locked += pages;
	return true;
}

bool access_is_allowed(struct vm_space *space, const struct area *area, uint64_t address,
		       enum vm_kind kind)
{
	if (kind == VM_STORE)
		return area->flags & VM_AREA_WRITE;
	/* The page is there and the processor refused: nothing a fault could mend. */
	if (is_present(space, address))
		return false;
	if (kind == VM_FETCH && !rule(space, VM_RULE_fetch_faults_first))
		return area->flags & VM_AREA_EXEC;
	return is_accessible(area);
}

enum vm_signal access_fault(struct vm_space *space, uint64_t address, enum vm_kind kind)
{
	uint64_t page = address - address % page_bytes(space);
	struct area *area = area_find(&space->areas, address);
	if (area == NULL || address >= space->machine->geometry->user_end ||
	    (area->start > address && !stack_grow(space, area, page)))
		return VM_SIGSEGV_MAPERR;
	if (!access_is_allowed(space, area, address, kind))
		return VM_SIGSEGV_ACCERR;
	enum vm_signal signal = fault_serve(space, area, address, kind);
	if (!space->is_killed)
		return signal;
	group_space_empty(space);
	return VM_SIGNAL_KILLED;
}

/* Where that is asked, the bits above the highest repeat it. */
bool access_is_address(const struct vm_space *space, uint64_t address)
{
	const struct vm_geometry *geometry = space->machine->geometry;
	if (address < geometry->user_end)
		return true;
	if (!geometry->is_canonical)
		return address >> geometry->va_bits == 0;
	uint64_t high = address >> (geometry->va_bits - 1);
	return high == 0 || high == UINT64_MAX >> (geometry->va_bits - 1);
}

struct vm_touched vm_touch(struct vm_space *space, uint64_t address, uint64_t bytes,
			   enum vm_kind kind)
{
	uint64_t page = page_bytes(space), piece;
	if (kind == VM_MODIFY)
		kind = VM_STORE;
	for (uint64_t at = address; bytes > 0; at += piece, bytes -= piece) {
		piece = size_min(bytes, page - (at & (page - 1)));
		if (!access_is_address(space, at))
			return (struct vm_touched){VM_SIGSEGV_KERNEL, at};
		while (!walk(space, at, kind)) {
			enum vm_signal signal = access_fault(space, at, kind);
			if (signal != VM_SIGNAL_NONE)
				return (struct vm_touched){signal, at};
		}
	}
	return (struct vm_touched){VM_SIGNAL_NONE, 0};
}
