/* SPDX-License-Identifier: MIT */
/*
 * Populating: area by area, each as far as it goes.
 */
#include "vm/populate.h"

#include <errno.h>

#include "vm/fault.h"

/* One area's part; 0 or ENOMEM. */
static int area_populate(struct vm_space *space, struct area *area, uint64_t start, uint64_t end)
{
	uint32_t access = area->flags & (VM_AREA_READ | VM_AREA_WRITE | VM_AREA_EXEC);
	bool is_own = (area->flags & (VM_AREA_WRITE | VM_AREA_SHARED)) == VM_AREA_WRITE;
	if (area->flags & VM_AREA_LOCKED_ON_FAULT)
		return 0;
	if (access == 0)
		return ENOMEM;
	is_own = is_own && rule(space, VM_RULE_lock_writes);
	return fault_in(space, area, start, end, is_own) == VM_SIGNAL_NONE ? 0 : ENOMEM;
}

static int populate_areas(struct vm_space *space, uint64_t start, uint64_t end, bool goes_on)
{
	for (uint64_t at = start; at < end;) {
		struct area *area = area_look(&space->areas, at);
		if (area == NULL || area->start >= end)
			return goes_on ? 0 : at == start ? ENOMEM : 0;
		uint64_t from = size_max(at, area->start), to = size_min(end, area->end);
		at = area->end;
		int error = area_populate(space, area, from, to);
		if (error != 0 && !goes_on)
			return error;
	}
	return 0;
}

int populate(struct vm_space *space, uint64_t start, uint64_t end, enum vm_rule because)
{
	return rule(space, because) ? populate_areas(space, start, end, false) : 0;
}

void populate_quietly(struct vm_space *space, uint64_t start, uint64_t end, enum vm_rule because)
{
	if (rule(space, because))
		populate_areas(space, start, end, true);
}
