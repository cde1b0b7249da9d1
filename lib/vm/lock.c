/* SPDX-License-Identifier: MIT */
/*
 * Locking: mlock2 and munlock (mm/mlock.c). A lock is a flag of areas, and pages faulted in.
 */
#include <errno.h>

#include "vm/group.h"
#include "vm/merge.h"
#include "vm/populate.h"

enum {
	LOCK_FLAGS = VM_AREA_LOCKED | VM_AREA_LOCKED_ON_FAULT,
};

/* Give the areas of [start, end) these flags; ENOMEM at a hole. */
static int lock_areas(struct vm_space *space, uint64_t start, uint64_t end, uint32_t lock)
{
	struct area *area = area_find(&space->areas, start);
	if (area == NULL || area->start > start)
		return ENOMEM;
	for (uint64_t at = start; at < end;) {
		uint64_t to = size_min(end, area->end);
		uint32_t old = area->flags;
		uint32_t flags = (old & ~(uint32_t)LOCK_FLAGS) | lock;
		if (flags != old) {
			area = space_modify(space, area, at, to, flags);
			if (area == NULL)
				return ENOMEM;
			group_lock(space, at, to, flags & VM_AREA_LOCKED);
			if (!(old & VM_AREA_LOCKED))
				space->counters.locked += pages_of(space, to - at);
			else if (!(flags & VM_AREA_LOCKED))
				space->counters.locked -= pages_of(space, to - at);
		}
		at = to;
		struct area *next = area->end > at ? area : area->next;
		if (at < end && (next == NULL || next->start > at))
			return ENOMEM;
		area = next;
	}
	return 0;
}

static struct vm_result lock_range(struct vm_space *space, uint64_t address, uint64_t bytes,
				   uint32_t lock)
{
	uint64_t page = page_bytes(space);
	uint64_t start = align_down(address, page);
	uint64_t end = align_up(address + bytes, page);
	if (end < start)
		return result_error(EINVAL);
	if (end == start)
		return result_of(0);
	int error = lock_areas(space, start, end, lock);
	if (error == 0 && lock != 0)
		error = populate(space, start, end, VM_RULE_lock_populates);
	return error != 0 ? result_error(error) : result_of(0);
}

struct vm_result vm_lock(struct vm_space *space, uint64_t address, uint64_t bytes, bool on_fault)
{
	return lock_range(space, address, bytes, on_fault ? LOCK_FLAGS : VM_AREA_LOCKED);
}

struct vm_result vm_unlock(struct vm_space *space, uint64_t address, uint64_t bytes)
{
	return lock_range(space, address, bytes, 0);
}
