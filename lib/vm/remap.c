/* SPDX-License-Identifier: MIT */
/*
 * Remapping: mremap (mm/mremap.c).
 *
 * In place a range shrinks by unmapping its end, and grows as a new mapping behind it would, by
 * merging. To move it, a range is made at the new place, merged there if it fits, the entries are
 * carried over, tables whole where both places are aligned alike, and the old range is unmapped.
 */
#include <errno.h>

#include "vm/merge.h"
#include "vm/page.h"
#include "vm/place.h"
#include "vm/populate.h"

/* What is asked for, checked and rounded. */
struct remap {
	uint64_t from, from_bytes;
	uint64_t to, to_bytes;
	unsigned flags;
};

/* ---- carrying entries over ---- */

/* The end of the piece that starts at both places and crosses no boundary of `span` in either. */
static uint64_t piece_bytes(uint64_t from, uint64_t to, uint64_t bytes, uint64_t span)
{
	uint64_t piece = size_min(bytes, span - from % span);
	return size_min(piece, span - to % span);
}

/* Entry by entry. False without memory. */
static bool entries_move(struct vm_space *space, struct slot *slot, uint64_t to)
{
	for (uint64_t i = 0; i < pages_of(space, slot->end - slot->start); i++) {
		uint64_t *entry = table_entry(space, to + i * page_bytes(space), 0, true);
		if (entry == NULL)
			return false;
		*entry = slot->entries[i];
		slot->entries[i] = 0;
	}
	return true;
}

/* One piece within a last-level table on both sides. */
static bool piece_move(struct vm_space *space, uint64_t from, uint64_t to, uint64_t bytes)
{
	struct slot slot;
	if (!slot_next(space, from, from + bytes, &slot) || slot.start != from)
		return true;
	bool is_whole = slot.upper != NULL && slot_is_whole(space, &slot) &&
			bytes == slot.end - from;
	uint64_t *upper = is_whole ? table_entry(space, to, 1, true) : NULL;
	if (is_whole && upper == NULL)
		return false;
	if (is_whole && *upper == 0) {
		*upper = *slot.upper;
		*slot.upper = 0;
		return true;
	}
	if (slot.entries == NULL) {
		if (!huge_split(space, slot.start, slot.upper))
			return false;
		return piece_move(space, from, to, bytes);
	}
	return entries_move(space, &slot, to);
}

static bool pages_move(struct vm_space *space, uint64_t from, uint64_t to, uint64_t bytes)
{
	entries_changed(space, from, from + bytes);
	while (bytes > 0) {
		uint64_t piece = piece_bytes(from, to, bytes, table_span(space, 1));
		if (!piece_move(space, from, to, piece))
			return false;
		from += piece;
		to += piece;
		bytes -= piece;
	}
	return true;
}

/* Is the stretch of the last-level table below an area's start free of other areas? */
static bool is_free_below(const struct vm_space *space, uint64_t address, uint64_t span)
{
	const struct area *area = area_look(&space->areas, address - address % span);
	const struct area *own = area_look(&space->areas, address);
	return own != NULL && own->start == address && area == own;
}

/*
 * Both places may be taken to begin at the start of their last-level tables, if nothing else is
 * there: the first table is then carried over whole.
 */
static void realign(const struct vm_space *space, uint64_t *from, uint64_t *to, uint64_t *bytes)
{
	uint64_t span = table_span(space, 1);
	uint64_t below = *from % span;
	if (space->machine->geometry->level_count == 1 || below == 0 || below != *to % span ||
	    *bytes < span - below || !is_free_below(space, *from, span) ||
	    !is_free_below(space, *to, span))
		return;
	*from -= below;
	*to -= below;
	*bytes += below;
}

/* ---- moving ---- */

/* The area at the new place. NULL without memory. */
static struct area *target_make(struct vm_space *space, const struct area *area,
				const struct remap *remap)
{
	bool is_untouched = area->file == NULL && area->anon == 0;
	struct area_plan plan = {
		.start = remap->to,
		.end = remap->to + remap->to_bytes,
		.offset = area_offset_at(space, area, remap->from),
		.flags = area->flags,
		.file = area->file,
		.anon = area->anon,
		.is_inherited = area->is_inherited,
		.is_guarded = area->is_guarded,
	};
	if (is_untouched && rule(space, VM_RULE_remap_renumbers))
		plan.offset = pages_of(space, remap->to);
	struct area *merged = space_merge_new(space, &plan, false);
	return merged != NULL ? merged : space_area_add(space, &plan);
}

static void books_grow(struct vm_space *space, uint64_t pages, uint32_t flags)
{
	struct vm_counters *counters = &space->counters;
	counters->total += pages;
	counters->total_max = size_max(counters->total_max, counters->total);
	if (flags & VM_AREA_LOCKED)
		counters->locked += pages;
}

/*
 * The old range stays, empty. Its area, all of it, is no longer locked, but the kernel leaves its
 * pages in the count of locked ones; it has no anonymous memory any more if it is just the range.
 */
static void source_keep(struct vm_space *space, const struct remap *remap)
{
	uint32_t lock = VM_AREA_LOCKED | VM_AREA_LOCKED_ON_FAULT;
	struct area *area = area_look(&space->areas, remap->from);
	if (area->flags & VM_AREA_LOCKED)
		space->locked_stray += pages_of(space, area->end - area->start);
	area->flags &= ~lock;
	if (area->start == remap->from && area->end == remap->from + remap->from_bytes)
		area->anon = 0;
}

static struct vm_result move(struct vm_space *space, const struct area *area,
			     const struct remap *remap)
{
	uint32_t flags = area->flags;
	uint64_t from = remap->from, to = remap->to;
	uint64_t bytes = size_min(remap->from_bytes, remap->to_bytes);
	if (space->areas.count + 3 > space->machine->profile.area_count_max)
		return result_error(ENOMEM);
	if (!huge_split_at(space, remap->from) ||
	    !huge_split_at(space, remap->from + remap->from_bytes) ||
	    target_make(space, area, remap) == NULL)
		return result_error(ENOMEM);
	books_grow(space, pages_of(space, remap->to_bytes), flags);
	realign(space, &from, &to, &bytes);
	if (rule(space, VM_RULE_remap_moves) && !pages_move(space, from, to, bytes))
		return result_error(ENOMEM);
	if (remap->flags & VM_REMAP_DONTUNMAP)
		source_keep(space, remap);
	else if (space_unmap(space, remap->from, remap->from + remap->from_bytes) != 0)
		return result_error(ENOMEM);
	if (flags & VM_AREA_LOCKED && remap->to_bytes > remap->from_bytes)
		populate_quietly(space, remap->to + remap->from_bytes,
				 remap->to + remap->to_bytes, VM_RULE_lock_populates);
	return result_of(remap->to);
}

/* ---- in place ---- */

/* Grow an area at its end; the merged area, or NULL when something is in the way. */
static struct area *grow(struct vm_space *space, struct area *area, const struct remap *remap)
{
	uint64_t end = remap->from + remap->to_bytes;
	struct area_plan plan = {
		.start = area->end,
		.end = end,
		.offset = area_offset_at(space, area, area->end),
		.flags = area->flags,
		.file = area->file,
		.anon = area->anon,
		.is_inherited = area->is_inherited,
		.is_guarded = area->is_guarded,
	};
	if (area->end != remap->from + remap->from_bytes || !rule(space, VM_RULE_remap_in_place) ||
	    end > space->machine->geometry->user_end ||
	    (area->next != NULL && area->next->start < end))
		return NULL;
	return space_merge_new(space, &plan, false);
}

static struct vm_result grow_or_move(struct vm_space *space, struct area *area,
				     struct remap *remap)
{
	struct place_request place = {
		.bytes = remap->to_bytes,
		.is_anon = area->file == NULL,
		.has_file = area->file != NULL && area->file->kind != VM_FILE_SHARED,
		.offset = area_offset_at(space, area, remap->from) * page_bytes(space),
	};
	uint64_t old_end = remap->from + remap->from_bytes;
	struct area *grown = grow(space, area, remap);
	if (grown != NULL) {
		books_grow(space, pages_of(space, remap->to_bytes - remap->from_bytes),
			   grown->flags);
		if (grown->flags & VM_AREA_LOCKED)
			populate_quietly(space, old_end, remap->from + remap->to_bytes,
					 VM_RULE_lock_populates);
		return result_of(remap->from);
	}
	if (!(remap->flags & VM_REMAP_MAYMOVE) || !place_find(space, &place, &remap->to))
		return result_error(ENOMEM);
	return move(space, area, remap);
}

/* ---- the call ---- */

/* One area to a fixed place. */
static struct vm_result move_fixed(struct vm_space *space, struct remap remap)
{
	struct area *area;
	if (remap.flags & VM_REMAP_FIXED &&
	    space_unmap(space, remap.to, remap.to + remap.to_bytes) != 0)
		return result_error(ENOMEM);
	if (remap.from_bytes > remap.to_bytes) {
		if (space_unmap(space, remap.from + remap.to_bytes,
				remap.from + remap.from_bytes) != 0)
			return result_error(ENOMEM);
		remap.from_bytes = remap.to_bytes;
	}
	area = area_find(&space->areas, remap.from);
	if (area == NULL || area->start > remap.from)
		return result_error(EFAULT);
	if (!(remap.flags & VM_REMAP_FIXED)) {
		struct place_request place = {
			.wish = remap.to,
			.bytes = remap.to_bytes,
			.is_anon = area->file == NULL,
		};
		if (!place_find(space, &place, &remap.to))
			return result_error(ENOMEM);
	}
	return move(space, area, &remap);
}

/* Several areas, and the holes between them, each moved as it is. */
static struct vm_result move_many(struct vm_space *space, const struct remap *remap)
{
	uint64_t end = remap->from + remap->from_bytes;
	for (uint64_t at = remap->from; at < end;) {
		struct area *area = area_find(&space->areas, at);
		if (area == NULL || area->start >= end)
			break;
		uint64_t from = size_max(at, area->start);
		struct remap part = {
			.from = from,
			.from_bytes = size_min(end, area->end) - from,
			.to = remap->to + (from - remap->from),
			.flags = remap->flags,
		};
		part.to_bytes = part.from_bytes;
		at = from + part.from_bytes;
		struct vm_result result = move_fixed(space, part);
		if (result.error != 0)
			return result;
	}
	return result_of(remap->to);
}

static int remap_check(const struct vm_space *space, const struct remap *remap)
{
	uint64_t page = page_bytes(space), user_end = space->machine->geometry->user_end;
	bool has_place = remap->flags & (VM_REMAP_FIXED | VM_REMAP_DONTUNMAP);
	if (!is_aligned(remap->from, page) || remap->to_bytes == 0 || remap->from_bytes == 0 ||
	    remap->to_bytes > user_end)
		return EINVAL;
	if (!has_place)
		return 0;
	if (!(remap->flags & VM_REMAP_MAYMOVE) || !is_aligned(remap->to, page) ||
	    remap->to > user_end - remap->to_bytes ||
	    (remap->flags & VM_REMAP_DONTUNMAP && remap->from_bytes != remap->to_bytes))
		return EINVAL;
	bool is_apart = remap->to + remap->to_bytes <= remap->from ||
			remap->from + remap->from_bytes <= remap->to;
	return is_apart ? 0 : EINVAL;
}

struct vm_result vm_remap(struct vm_space *space, uint64_t address, uint64_t old_bytes,
			  uint64_t new_bytes, unsigned flags, uint64_t to)
{
	struct remap remap = {
		.from = address,
		.from_bytes = align_up(old_bytes, page_bytes(space)),
		.to = to,
		.to_bytes = align_up(new_bytes, page_bytes(space)),
		.flags = flags,
	};
	int error = remap_check(space, &remap);
	if (error != 0)
		return result_error(error);
	struct area *area = area_find(&space->areas, address);
	if (area == NULL || area->start > address)
		return result_error(EFAULT);
	/* What is cut off at the end may lie in other areas. */
	bool is_one = size_min(remap.from_bytes, remap.to_bytes) <= area->end - address;
	bool has_place = flags & (VM_REMAP_FIXED | VM_REMAP_DONTUNMAP);
	if (!is_one && remap.from_bytes == remap.to_bytes && flags & VM_REMAP_FIXED &&
	    space->machine->profile.remaps_many)
		return move_many(space, &remap);
	if (!has_place && remap.to_bytes <= remap.from_bytes) {
		if (remap.to_bytes < remap.from_bytes)
			error = space_unmap(space, address + remap.to_bytes,
					    address + remap.from_bytes);
		return error != 0 ? result_error(error) : result_of(address);
	}
	if (!is_one)
		return result_error(EFAULT);
	return has_place ? move_fixed(space, remap) : grow_or_move(space, area, &remap);
}
