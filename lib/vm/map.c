/* SPDX-License-Identifier: MIT */
/*
 * Mapping and unmapping: mmap, munmap, brk (mm/mmap.c, mm/vma.c; CSAPP 9.8.3).
 */
#include "vm/map.h"

#include <errno.h>

#include "vm/fault.h"
#include "vm/file.h"
#include "vm/merge.h"
#include "vm/page.h"
#include "vm/place.h"
#include "vm/populate.h"

/* ---- books ---- */

void books_map(struct vm_space *space, uint64_t pages, uint32_t flags)
{
	struct vm_counters *counters = &space->counters;
	counters->total += pages;
	counters->total_max = size_max(counters->total_max, counters->total);
	if (flags & VM_AREA_LOCKED)
		counters->locked += pages;
}

/* ---- mmap ---- */

static uint32_t flags_of(const struct vm_space *space, const struct vm_map_request *request)
{
	static const struct {
		unsigned from, to;
	} table[] = {
		{ VM_MAP_SHARED, VM_AREA_SHARED },
		{ VM_MAP_LOCKED, VM_AREA_LOCKED },
		{ VM_MAP_NORESERVE, VM_AREA_NORESERVE },
		{ VM_MAP_GROWSDOWN, VM_AREA_GROWSDOWN },
	};
	uint32_t flags = request->protection & (VM_PROT_READ | VM_PROT_WRITE | VM_PROT_EXEC);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (request->flags & table[i].from)
			flags |= table[i].to;
	}
	if (request->flags & VM_MAP_STACK && space->machine->profile.stack_flag_is_small &&
	    rule(space, VM_RULE_stack_flag_small))
		flags |= VM_AREA_NOHUGEPAGE;
	/* Private memory that can be written is charged when it is mapped. */
	if ((flags & (VM_AREA_NORESERVE | VM_AREA_SHARED | VM_AREA_WRITE)) == VM_AREA_WRITE)
		flags |= VM_AREA_ACCOUNT;
	return flags;
}

static bool overlaps(const struct vm_space *space, uint64_t start, uint64_t end)
{
	const struct area *area = area_look(&space->areas, start);
	return area != NULL && area->start < end;
}

/* Find the address, or check the one that was given; 0 or an error. */
static int address_settle(const struct vm_space *space, const struct vm_map_request *request,
			  uint64_t bytes, uint64_t *out_address)
{
	uint64_t end = space->machine->geometry->user_end;
	bool is_shared = request->flags & VM_MAP_SHARED;
	struct place_request place = {
		.wish = request->address,
		.bytes = bytes,
		.is_anon = request->file == NULL && !is_shared,
		.has_file = request->file != NULL && request->file->kind != VM_FILE_SHARED,
		.offset = request->offset,
	};
	if (bytes > end)
		return ENOMEM;
	if (!(request->flags & (VM_MAP_FIXED | VM_MAP_NOREPLACE)))
		return place_find(space, &place, out_address) ? 0 : ENOMEM;
	if (request->address > end - bytes)
		return ENOMEM;
	if (!is_aligned(request->address, page_bytes(space)))
		return EINVAL;
	if (request->address < space->machine->profile.lowest_address)
		return EPERM;
	if (request->flags & VM_MAP_NOREPLACE &&
	    overlaps(space, request->address, request->address + bytes))
		return EEXIST;
	*out_address = request->address;
	return 0;
}

/* Enter the area, or let a neighbour take it in. NULL without memory. */
static struct area *area_make(struct vm_space *space, const struct vm_map_request *request,
			      uint64_t start, uint64_t bytes)
{
	bool is_shared = request->flags & VM_MAP_SHARED;
	struct area_plan plan = {
		.start = start,
		.end = start + bytes,
		.offset = pages_of(space, request->file != NULL ? request->offset : start),
		.flags = flags_of(space, request),
		.file = request->file,
	};
	if (request->file == NULL && is_shared) {
		plan.offset = 0;
		plan.file = file_make_shared(space->machine, pages_of(space, bytes));
		return plan.file != NULL ? space_area_add(space, &plan) : NULL;
	}
	struct area *merged = space_merge_new(space, &plan, false);
	return merged != NULL ? merged : space_area_add(space, &plan);
}

/* Without the rule that tables are made by faults: make them now. */
static void tables_make_now(struct vm_space *space, uint64_t start, uint64_t end)
{
	if (rule(space, VM_RULE_tables_on_demand))
		return;
	for (uint64_t at = start; at < end; at += page_bytes(space))
		table_entry(space, at, 0, true);
}

struct vm_result vm_map(struct vm_space *space, const struct vm_map_request *request)
{
	uint64_t start, bytes = align_up(request->bytes, page_bytes(space));
	if (request->bytes == 0 || !is_aligned(request->offset, page_bytes(space)))
		return result_error(EINVAL);
	if (bytes == 0 || space->areas.count > space->machine->profile.area_count_max)
		return result_error(ENOMEM);
	int error = address_settle(space, request, bytes, &start);
	if (error != 0)
		return result_error(error);
	if (request->flags & VM_MAP_SHARED && request->flags & VM_MAP_GROWSDOWN)
		return result_error(EINVAL);
	error = space_unmap(space, start, start + bytes);
	if (error != 0)
		return result_error(error);
	struct area *area = area_make(space, request, start, bytes);
	if (area == NULL)
		return result_error(ENOMEM);
	books_map(space, pages_of(space, bytes), area->flags);
	tables_make_now(space, start, start + bytes);
	if (request->flags & (VM_MAP_POPULATE | VM_MAP_LOCKED))
		populate_quietly(space, start, start + bytes,
				 request->flags & VM_MAP_LOCKED ? VM_RULE_lock_populates
								: VM_RULE_populate);
	return result_of(start);
}

/* ---- munmap ---- */

struct vm_result vm_unmap(struct vm_space *space, uint64_t address, uint64_t bytes)
{
	uint64_t user_end = space->machine->geometry->user_end;
	uint64_t rounded = align_up(bytes, page_bytes(space));
	if (!is_aligned(address, page_bytes(space)) || address > user_end ||
	    bytes > user_end - address || rounded == 0)
		return result_error(EINVAL);
	int error = space_unmap(space, address, address + rounded);
	return error != 0 ? result_error(error) : result_of(0);
}

/* ---- brk ---- */

uint64_t vm_space_break(const struct vm_space *space)
{
	return space->break_end;
}

/* Is there room between the break and what follows, its gap included? */
static bool break_has_room(const struct vm_space *space, uint64_t from, uint64_t to)
{
	const struct area *next = area_look(&space->areas, from);
	uint64_t page = page_bytes(space);
	return !rule(space, VM_RULE_break_blocked) || next == NULL ||
	       to + page <= area_start_gap(&space->areas, next);
}

/* Nothing is in the range. False without memory (mm/vma.c do_brk_flags). */
static bool zeros_add(struct vm_space *space, uint64_t start, uint64_t end, bool is_exec)
{
	struct area_plan plan = {
		.start = start,
		.end = end,
		.offset = pages_of(space, start),
		.flags = VM_AREA_READ | VM_AREA_WRITE | VM_AREA_ACCOUNT |
			 (is_exec ? VM_AREA_EXEC : 0u),
	};
	struct area *area = space_merge_new(space, &plan, true);
	if (area == NULL)
		area = space_area_add(space, &plan);
	if (area == NULL)
		return false;
	books_map(space, pages_of(space, end - start), area->flags);
	return true;
}

int space_zeros_map(struct vm_space *space, uint64_t start, uint64_t end, bool is_exec)
{
	if (start == end)
		return 0;
	if (start > end || end > space->machine->geometry->user_end)
		return ENOMEM;
	if (start < space->machine->profile.lowest_address)
		return EPERM;
	int error = space_unmap(space, start, end);
	if (error != 0)
		return error;
	return zeros_add(space, start, end, is_exec) ? 0 : ENOMEM;
}

static bool break_grow(struct vm_space *space, uint64_t from, uint64_t to)
{
	return break_has_room(space, from, to) && !overlaps(space, from, to) &&
	       zeros_add(space, from, to, false);
}

struct vm_result vm_break(struct vm_space *space, uint64_t to)
{
	uint64_t old_end = align_up(space->break_end, page_bytes(space));
	uint64_t new_end = align_up(to, page_bytes(space));
	bool is_done = true;
	if (to < space->break_start || to > space->machine->geometry->user_end)
		return result_of(space->break_end);
	if (new_end < old_end) {
		/* What lies there now may be another mapping, which is left alone. */
		const struct area *area = area_look(&space->areas, new_end);
		is_done = area != NULL && area->start < old_end &&
			  space_unmap(space, new_end, old_end) == 0;
	} else if (new_end > old_end) {
		is_done = break_grow(space, old_end, new_end);
	}
	if (is_done)
		space->break_end = to;
	return result_of(space->break_end);
}
