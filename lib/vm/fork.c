/* SPDX-License-Identifier: MIT */
/*
 * Fork: a second space with the same areas (kernel/fork.c, mm/memory.c copy_page_range; CSAPP
 * 9.8.2).
 *
 * Of private areas with anonymous memory the tables are copied, entry by entry, and what could be
 * written is write-protected on both sides. Areas without it, which faults can fill again from
 * their file or from zeros, are left without tables.
 */
#include "vm/group.h"
#include "vm/merge.h"
#include "vm/page.h"
#include "vm/swapping.h"

/* Tables of the child down to where the parent's end, for [start, end). */
static bool uppers_copy(struct vm_space *parent, struct vm_space *child, uint64_t start,
			uint64_t end)
{
	unsigned top = parent->machine->geometry->level_count - 1;
	for (unsigned level = top; level-- > 1;) {
		uint64_t span = table_span(parent, level + 1);
		for (uint64_t at = start; at < end; at = at / span * span + span) {
			const uint64_t *entry = table_entry(parent, at, level + 1, false);
			if (entry != NULL && *entry != 0 &&
			    table_entry(child, at, level, true) == NULL)
				return false;
		}
	}
	return true;
}

/* A copy of the page now, without the rule that it is shared. */
static bool entry_copy_now(struct vm_space *child, uint64_t *to, uint64_t entry)
{
	struct frames *frames = &child->machine->frames;
	uint32_t frame = group_frame_take(child, 0, FRAME_ANON);
	if (frame == FRAME_NONE)
		return false;
	frame_at(frames, frame)->is_exclusive = true;
	page_enter(child, to, frame, entry & ~ENTRY_FRAME_MASK);
	return true;
}

static bool entry_copy(struct vm_space *child, bool is_private, uint64_t *from, uint64_t *to)
{
	struct frame *frame = frame_at(&child->machine->frames, entry_frame(*from));
	if (entry_is_swapped(*from)) {
		swap_entry_copy(child, from, to);
		return true;
	}
	if (!entry_is_mapped(*from)) {
		*to = *from;
		return true;
	}
	if (frame->use == FRAME_ANON && !rule(child, VM_RULE_cow_fork))
		return entry_copy_now(child, to, *from);
	uint64_t bits = *from & ~ENTRY_FRAME_MASK;
	if (!is_private)
		bits &= ~ENTRY_DIRTY;
	if (is_private && frame->use != FRAME_FURNITURE) {
		bits &= ~ENTRY_WRITE;
		frame->is_exclusive = false;
		if (rule(child, VM_RULE_cow_protects_parent))
			*from &= ~ENTRY_WRITE;
	}
	/* The child has not accessed it yet. */
	if (rule(child, VM_RULE_fork_is_old))
		bits &= ~ENTRY_ACCESSED;
	page_enter(child, to, entry_frame(*from), bits);
	return true;
}

static bool huge_copy(struct vm_space *child, const struct slot *slot)
{
	uint64_t *to = table_entry(child, slot->start, 1, true);
	struct frame *head = frame_at(&child->machine->frames, entry_frame(*slot->upper));
	if (to == NULL)
		return false;
	head->is_exclusive = false;
	*slot->upper &= ~ENTRY_WRITE;
	return huge_enter(child, to, entry_frame(*slot->upper),
			  *slot->upper & ~(ENTRY_FRAME_MASK | ENTRY_HUGE | ENTRY_ACCESSED));
}

static bool pages_copy(struct vm_space *parent, struct vm_space *child, const struct area *area)
{
	struct slot slot;
	bool is_private = !(area->flags & VM_AREA_SHARED);
	if (!uppers_copy(parent, child, area->start, area->end))
		return false;
	entries_changed(parent, area->start, area->end);
	for (uint64_t at = area->start; slot_next(parent, at, area->end, &slot); at = slot.end) {
		if (slot.entries == NULL) {
			if (!huge_copy(child, &slot))
				return false;
			continue;
		}
		uint64_t *to = table_entry(child, slot.start, 0, true);
		if (to == NULL)
			return false;
		for (uint64_t i = 0; i < pages_of(parent, slot.end - slot.start); i++) {
			if (slot.entries[i] != 0 &&
			    !entry_copy(child, is_private, &slot.entries[i], &to[i]))
				return false;
		}
	}
	return true;
}

/* Are pages to be copied that no fault would bring back? */
static bool needs_pages(const struct vm_space *parent, const struct area *area)
{
	if (area->flags & VM_AREA_WIPEONFORK && rule(parent, VM_RULE_fork_leaves_out))
		return false;
	return area->anon != 0 || area->is_guarded || area->flags & VM_AREA_FURNITURE ||
	       !rule(parent, VM_RULE_fork_skips_refillable);
}

static bool area_copy(struct vm_space *parent, struct vm_space *child, const struct area *area)
{
	uint32_t lock = VM_AREA_LOCKED | VM_AREA_LOCKED_ON_FAULT;
	bool is_wiped = area->flags & VM_AREA_WIPEONFORK && rule(parent, VM_RULE_fork_leaves_out);
	struct area_plan plan = {
		.start = area->start,
		.end = area->end,
		.offset = area->offset,
		.flags = rule(parent, VM_RULE_fork_unlocks) ? area->flags & ~lock : area->flags,
		.file = area->file,
		.is_guarded = area->is_guarded,
	};
	if (area->anon != 0 && !is_wiped) {
		plan.anon = ++child->machine->anon_last;
		plan.is_inherited = true;
	}
	if (space_area_add(child, &plan) == NULL)
		return false;
	if (!(area->flags & VM_AREA_FURNITURE))
		child->counters.total += pages_of(child, area->end - area->start);
	if (plan.flags & VM_AREA_LOCKED)
		child->counters.locked += pages_of(child, area->end - area->start);
	return !needs_pages(parent, area) || pages_copy(parent, child, area);
}

struct vm_space *vm_space_fork(struct vm_space *parent)
{
	struct vm_space *child = vm_space_create(parent->machine);
	if (child == NULL)
		return NULL;
	child->break_start = parent->break_start;
	child->break_end = parent->break_end;
	child->oom_adjust = parent->oom_adjust;
	child->forked_by = parent;
	for (const struct area *area = parent->areas.first; area != NULL; area = area->next) {
		if (area->flags & VM_AREA_DONTFORK && rule(parent, VM_RULE_fork_leaves_out))
			continue;
		if (!area_copy(parent, child, area)) {
			vm_space_exit(child);
			return NULL;
		}
	}
	child->forked_by = NULL;
	child->counters.total_max = child->counters.total;
	return child;
}
