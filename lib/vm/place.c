/* SPDX-License-Identifier: MIT */
/*
 * Placement: the highest hole below the top of mappings that is large enough, and in it the top
 * (arch/x86/kernel/sys_x86_64.c, mm/mmap.c). A wish is granted where it is free.
 *
 * A multiple of 2 MiB of private memory is placed so that huge pages fit it: a hole larger by
 * 2 MiB is looked for, and an aligned address taken in it; where there is none, any hole does. A
 * file is placed so that its own multiples of 2 MiB are aligned (mm/huge_memory.c).
 */
#include "vm/place.h"

static bool wish_is_free(const struct vm_space *space, uint64_t wish, uint64_t bytes)
{
	const struct area *next = area_look(&space->areas, wish);
	const struct area *previous = area_before(&space->areas, next);
	uint64_t user_end = space->machine->geometry->user_end;
	if (wish < space->machine->profile.lowest_address || wish > user_end ||
	    bytes > user_end - wish)
		return false;
	return (previous == NULL || wish >= previous->end) &&
	       (next == NULL || wish + bytes <= area_start_gap(&space->areas, next));
}

/* The gap an area that grows down keeps ends the search above it: it goes on below the gap. */
static bool hole_find(const struct vm_space *space, uint64_t bytes, uint64_t *out_address)
{
	uint64_t top, end = space->machine->layout.map_end;
	if (!rule(space, VM_RULE_place_highest)) {
		bool is_found = area_hole_lowest(&space->areas, bytes, end / 2, end, &top);
		*out_address = is_found ? top - bytes : 0;
		return is_found;
	}
	while (area_hole_highest(&space->areas, bytes, page_bytes(space), end, &top)) {
		const struct area *above = area_look(&space->areas, top);
		if (above == NULL || area_start_gap(&space->areas, above) >= top) {
			*out_address = top - bytes;
			return true;
		}
		end = area_start_gap(&space->areas, above);
	}
	return false;
}

/* Is there an aligned 2 MiB in a mapping of `bytes` whose start stands for `offset`? */
static bool spans_huge(const struct vm_space *space, uint64_t bytes, uint64_t offset)
{
	uint64_t huge = space->machine->huge_bytes;
	uint64_t first = align_up(offset, huge);
	return offset + bytes > first && offset + bytes - first >= huge;
}

/* A hole at an address that is `offset` beyond a multiple of 2 MiB. */
static bool hole_find_huge(const struct vm_space *space, uint64_t bytes, uint64_t offset,
			   uint64_t *out_address)
{
	uint64_t huge = space->machine->huge_bytes, found;
	if (!hole_find(space, bytes + huge, &found))
		return false;
	uint64_t shift = (offset - found) & (huge - 1);
	*out_address = shift == 0 ? found + huge : found + shift;
	return true;
}

/* Is it of a size, and of a kind, that huge pages are to fit? */
static bool wants_huge(const struct vm_space *space, const struct place_request *request)
{
	uint64_t huge = space->machine->huge_bytes;
	if (huge == 0 || !rule(space, VM_RULE_place_huge))
		return false;
	return request->has_file ||
	       (request->is_anon && request->wish == 0 && request->bytes % huge == 0 &&
		space->machine->profile.places_huge);
}

/* A wish is granted if it is free: with what aligning would need beside it, as long as that is
 * tried, so that a wish just large enough is not. */
static bool wish_find(const struct vm_space *space, const struct place_request *request,
		      uint64_t bytes, uint64_t *out_address)
{
	uint64_t wish = size_max(request->wish, space->machine->profile.lowest_address);
	wish = align_up(wish, page_bytes(space));
	if (request->wish == 0 || !rule(space, VM_RULE_place_hint) ||
	    !wish_is_free(space, wish, bytes))
		return false;
	*out_address = wish;
	return true;
}

bool place_find(const struct vm_space *space, const struct place_request *request,
		uint64_t *out_address)
{
	uint64_t offset = request->has_file ? request->offset : 0;
	if (wants_huge(space, request) && spans_huge(space, request->bytes, offset) &&
	    (wish_find(space, request, request->bytes + space->machine->huge_bytes, out_address) ||
	     hole_find_huge(space, request->bytes, offset, out_address)))
		return true;
	return wish_find(space, request, request->bytes, out_address) ||
	       hole_find(space, request->bytes, out_address);
}
