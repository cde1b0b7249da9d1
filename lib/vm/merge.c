/* SPDX-License-Identifier: MIT */
/*
 * Areas of a space: when two neighbours are one.
 *
 * Two areas may be one when their flags and their file are the same, when the second continues
 * the offset of the first, and when their anonymous memories are compatible: the same, or one of
 * them has none yet and the other's has no ancestors. The last is what surprises: after a write
 * to each of two areas the gap between them can be filled without making one of the three, and in
 * a child the memory that came from the parent does not grow.
 *
 * A range that fits both neighbours joins them only if these two are compatible with each other.
 */
#include "vm/merge.h"

#include <errno.h>

#include "vm/file.h"
#include "vm/page.h"

enum {
	ACCESS_FLAGS = VM_AREA_READ | VM_AREA_WRITE | VM_AREA_EXEC,
	/* Without the rule about flags these still keep areas apart: pages differ in them. */
	ESSENTIAL_FLAGS = ACCESS_FLAGS | VM_AREA_SHARED | VM_AREA_GROWSDOWN | VM_AREA_LOCKED |
			  VM_AREA_FURNITURE | VM_AREA_SPECIAL,
};

/* ---- may they be one? ---- */

static bool flags_match(const struct vm_space *space, uint32_t a, uint32_t b)
{
	uint32_t differing = a ^ b;
	if (!rule(space, VM_RULE_merge_flags))
		differing &= ESSENTIAL_FLAGS | VM_AREA_ACCOUNT;
	if (!rule(space, VM_RULE_merge_account))
		differing &= ~(uint32_t)VM_AREA_ACCOUNT;
	return differing == 0;
}

static bool has_ancestors(const struct vm_space *space, const struct area *area)
{
	return area->anon != 0 && area->is_inherited && rule(space, VM_RULE_merge_inherited);
}

/* May `beside` take in memory whose anonymous memory is the plan's? */
static bool anon_fits(const struct vm_space *space, const struct area *beside,
		      const struct area_plan *plan)
{
	if (!rule(space, VM_RULE_merge_anon))
		return true;
	if (beside->anon == 0 && plan->anon != 0)
		return space->machine->profile.merges_faulted &&
		       !(plan->is_inherited && rule(space, VM_RULE_merge_inherited));
	if (beside->anon != 0 && plan->anon == 0)
		return !has_ancestors(space, beside);
	return beside->anon == plan->anon;
}

static bool kinds_match(const struct vm_space *space, const struct area *beside,
			const struct area_plan *plan)
{
	return rule(space, VM_RULE_merge) &&
	       !(beside->flags & (VM_AREA_FURNITURE | VM_AREA_SPECIAL)) &&
	       flags_match(space, beside->flags, plan->flags) &&
	       (beside->file == plan->file || !rule(space, VM_RULE_merge_file)) &&
	       anon_fits(space, beside, plan);
}

static bool fits_before(const struct vm_space *space, const struct area *previous,
			const struct area_plan *plan)
{
	return previous != NULL && previous->end == plan->start &&
	       (area_offset_at(space, previous, previous->end) == plan->offset ||
		!rule(space, VM_RULE_merge_offset)) &&
	       kinds_match(space, previous, plan);
}

static bool fits_behind(const struct vm_space *space, const struct area *next,
			const struct area_plan *plan)
{
	return next != NULL && next->start == plan->end &&
	       (plan->offset + pages_of(space, plan->end - plan->start) == next->offset ||
		!rule(space, VM_RULE_merge_offset)) &&
	       kinds_match(space, next, plan);
}

/* Both fit the range; do they fit each other? */
static bool anon_agree(const struct vm_space *space, const struct area *a, const struct area *b)
{
	return a->anon == 0 || b->anon == 0 || a->anon == b->anon ||
	       !rule(space, VM_RULE_merge_anon);
}

/* ---- making and taking out ---- */

struct area *space_area_add(struct vm_space *space, const struct area_plan *plan)
{
	struct area *area = pool_take(&space->machine->pool, sizeof(*area));
	if (area == NULL)
		return NULL;
	*area = (struct area){
		.start = plan->start,
		.end = plan->end,
		.offset = plan->offset,
		.flags = plan->flags,
		.file = plan->file,
		.anon = plan->anon,
		.is_inherited = plan->is_inherited,
		.is_guarded = plan->is_guarded,
	};
	if (plan->file != NULL)
		plan->file->area_count++;
	area_insert(&space->areas, area);
	return area;
}

void space_area_delete(struct vm_space *space, struct area *area)
{
	area_remove(&space->areas, area);
	if (area->file != NULL)
		file_release(space->machine, area->file);
	pool_give(&space->machine->pool, area, sizeof(*area));
}

static void anon_take_over(struct area *area, uint32_t anon, bool is_inherited)
{
	if (area->anon != 0)
		return;
	area->anon = anon;
	area->is_inherited = is_inherited;
}

/* `area` takes in some of `other`. */
static void area_take_over(struct area *area, const struct area *other)
{
	anon_take_over(area, other->anon, other->is_inherited);
	area->is_guarded |= other->is_guarded;
}

bool space_split(struct vm_space *space, struct area *area, uint64_t address)
{
	assert(area->start < address && address < area->end);
	if (space->areas.count >= space->machine->profile.area_count_max ||
	    !huge_split_at(space, address))
		return false;
	struct area_plan upper = {
		.start = address,
		.end = area->end,
		.offset = area_offset_at(space, area, address),
		.flags = area->flags,
		.file = area->file,
		.anon = area->anon,
		.is_inherited = area->is_inherited,
		.is_guarded = area->is_guarded,
	};
	uint64_t end = area->end;
	area_resize(area, area->start, address, area->offset);
	if (space_area_add(space, &upper) != NULL)
		return true;
	area_resize(area, area->start, end, area->offset);
	return false;
}

/* ---- a new range ---- */

struct area *space_merge_new(struct vm_space *space, const struct area_plan *plan, bool only_grows)
{
	struct area *next = area_look(&space->areas, plan->start);
	struct area *previous = area_before(&space->areas, next);
	bool is_left = fits_before(space, previous, plan);
	bool is_right = !only_grows && fits_behind(space, next, plan) &&
			(!is_left || anon_agree(space, previous, next));
	if (!is_left && !is_right)
		return NULL;
	struct area *target = is_left ? previous : next;
	uint64_t start = is_left ? previous->start : plan->start;
	uint64_t end = is_right ? next->end : plan->end;
	uint64_t offset = is_left ? previous->offset : plan->offset;
	anon_take_over(target, plan->anon, plan->is_inherited);
	target->is_guarded |= plan->is_guarded;
	if (is_left && is_right) {
		area_take_over(target, next);
		space_area_delete(space, next);
	}
	area_resize(target, start, end, offset);
	return target;
}

/* ---- a range of an area ---- */

/* `area` loses [start, end), which is at one of its edges or all of it, to a neighbour. */
static void area_yield(struct vm_space *space, struct area *area, uint64_t start, uint64_t end)
{
	if (start == area->start && end == area->end)
		space_area_delete(space, area);
	else if (start == area->start)
		area_resize(area, end, area->end, area_offset_at(space, area, end));
	else
		area_resize(area, area->start, start, area->offset);
}

static struct area *merge_both(struct vm_space *space, struct area *previous, struct area *area,
			       struct area *next)
{
	uint64_t end = next->end;
	area_take_over(previous, next);
	area_take_over(previous, area);
	space_area_delete(space, area);
	space_area_delete(space, next);
	area_resize(previous, previous->start, end, previous->offset);
	return previous;
}

/* The merged area, or NULL when nothing merges; a huge page across a new edge is split. */
static struct area *merge_existing(struct vm_space *space, struct area *area,
				   const struct area_plan *plan)
{
	struct area *previous = area->previous, *next = area->next;
	bool is_left = plan->start == area->start && fits_before(space, previous, plan);
	bool is_right = plan->end == area->end && fits_behind(space, next, plan) &&
			(!is_left || anon_agree(space, previous, next));
	if (is_left && is_right)
		return merge_both(space, previous, area, next);
	if (is_left) {
		if (!huge_split_at(space, plan->end))
			return NULL;
		area_take_over(previous, area);
		area_yield(space, area, plan->start, plan->end);
		area_resize(previous, previous->start, plan->end, previous->offset);
		return previous;
	}
	if (is_right) {
		if (!huge_split_at(space, plan->start))
			return NULL;
		area_take_over(next, area);
		area_yield(space, area, plan->start, plan->end);
		area_resize(next, plan->start, next->end, plan->offset);
		return next;
	}
	return NULL;
}

struct area *space_modify(struct vm_space *space, struct area *area, uint64_t start, uint64_t end,
			  uint32_t flags)
{
	struct area_plan plan = {
		.start = start,
		.end = end,
		.offset = area_offset_at(space, area, start),
		.flags = flags,
		.file = area->file,
		.anon = area->anon,
		.is_inherited = area->is_inherited,
		.is_guarded = area->is_guarded,
	};
	struct area *merged = merge_existing(space, area, &plan);
	if (merged != NULL)
		return merged;
	if (start > area->start) {
		if (!space_split(space, area, start))
			return NULL;
		area = area->next;
	}
	if (end < area->end && !space_split(space, area, end))
		return NULL;
	area->flags = flags;
	return area;
}

/* ---- anonymous memory ---- */

/* May `b`, which begins where `a` ends, share anonymous memory with it (mm/vma.c)? */
static bool anon_compatible(const struct vm_space *space, const struct area *a,
			    const struct area *b)
{
	return a->end == b->start && a->file == b->file &&
	       ((a->flags ^ b->flags) & ~(uint32_t)ACCESS_FLAGS) == 0 &&
	       b->offset == area_offset_at(space, a, a->end);
}

static bool anon_adopt(struct area *area, const struct area *from)
{
	if (from->anon == 0 || from->is_inherited)
		return false;
	anon_take_over(area, from->anon, false);
	return true;
}

void space_anon_prepare(struct vm_space *space, struct area *area)
{
	if (area->anon != 0)
		return;
	if (rule(space, VM_RULE_anon_adopt)) {
		const struct area *next = area->next, *previous = area->previous;
		if (next != NULL && anon_compatible(space, area, next) && anon_adopt(area, next))
			return;
		if (previous != NULL && anon_compatible(space, previous, area) &&
		    anon_adopt(area, previous))
			return;
	}
	area->anon = ++space->machine->anon_last;
	area->is_inherited = false;
}

/* ---- unmapping ---- */

static void books_unmap(struct vm_space *space, const struct area *area)
{
	uint64_t pages = pages_of(space, area->end - area->start);
	if (area->flags & VM_AREA_FURNITURE)
		return;
	space->counters.total -= pages;
	if (area->flags & VM_AREA_LOCKED)
		space->counters.locked -= pages;
}

/* Split off what lies beside the range; the first area in it is *out_first. */
static int edges_split(struct vm_space *space, uint64_t start, uint64_t end,
		       struct area **out_first)
{
	struct area *first = area_find(&space->areas, start);
	*out_first = NULL;
	if (first == NULL || first->start >= end)
		return 0;
	if (first->start < start) {
		if (!space_split(space, first, start))
			return ENOMEM;
		first = first->next;
	}
	struct area *last = area_look(&space->areas, end - 1);
	if (last != NULL && last->start < end && last->end > end && !space_split(space, last, end))
		return ENOMEM;
	*out_first = first;
	return 0;
}

int space_unmap(struct vm_space *space, uint64_t start, uint64_t end)
{
	struct area *first;
	int error = edges_split(space, start, end, &first);
	if (error != 0 || first == NULL)
		return error;
	struct area *next = first;
	uint64_t floor = first->previous != NULL ? first->previous->end : 0;
	while (next != NULL && next->start < end) {
		if (!pages_drop(space, next->start, next->end, DROP_GUARDS))
			return ENOMEM;
		next = next->next;
	}
	uint64_t ceiling = next != NULL ? next->start : UINT64_MAX;
	for (struct area *area = first; area != next;) {
		struct area *following = area->next;
		/* What a table shares with an area that goes next goes with that one. */
		tables_free(space, area->start, area->end, floor,
			    following != next ? following->start : ceiling);
		books_unmap(space, area);
		space_area_delete(space, area);
		area = following;
	}
	return 0;
}
