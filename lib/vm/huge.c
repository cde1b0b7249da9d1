/* SPDX-License-Identifier: MIT */
/*
 * Huge pages: made where an aligned 2 MiB lies in one area of anonymous memory that may have them,
 * and nothing of it is mapped yet. Each keeps a last-level table in reserve, which is counted: a
 * split must not fail for want of one.
 *
 * A write to a huge page that others map does not copy it: the mapping is split and one small page
 * copied.
 */
#include "vm/huge.h"

#include "vm/merge.h"
#include "vm/page.h"

bool huge_is_wanted(const struct vm_space *space, const struct area *area, uint64_t address)
{
	uint64_t bytes = space->machine->huge_bytes;
	/* What a group is charged with goes page by page. */
	if (bytes == 0 || space->machine->group != NULL || !rule(space, VM_RULE_huge_fault) ||
	    area->file != NULL || area->flags & VM_AREA_NOHUGEPAGE)
		return false;
	uint64_t start = address / bytes * bytes;
	if (start < area->start || start + bytes > area->end)
		return false;
	return space->machine->profile.huge == VM_HUGE_ALWAYS ||
	       (space->machine->profile.huge == VM_HUGE_ADVISED &&
		area->flags & VM_AREA_HUGEPAGE);
}

static unsigned huge_order(const struct vm_space *space)
{
	return log2_floor(pages_of(space, space->machine->huge_bytes));
}

/* The head of a block of zeros of the process's own. */
static uint32_t block_make(struct vm_space *space)
{
	struct frames *frames = &space->machine->frames;
	uint32_t head = frame_take(frames, huge_order(space), FRAME_ANON);
	if (head != FRAME_NONE)
		frame_at(frames, head)->is_exclusive = true;
	return head;
}

/* The huge zero page is made at its first use and stays. */
static uint32_t zero_block(struct vm_space *space)
{
	struct vm_machine *machine = space->machine;
	if (machine->huge_zero == FRAME_NONE)
		machine->huge_zero = frame_take(&machine->frames, huge_order(space), FRAME_ZERO);
	return machine->huge_zero;
}

static uint64_t own_bits(const struct vm_space *space, const struct area *area)
{
	uint64_t bits = page_bits(space, area) | ENTRY_DIRTY;
	return area->flags & VM_AREA_WRITE ? bits | ENTRY_WRITE : bits;
}

static enum huge_outcome huge_make(struct vm_space *space, struct area *area, uint64_t *upper,
				   bool is_store, enum vm_reason *out_reason)
{
	bool is_zero = !is_store && space->machine->profile.has_huge_zero_page &&
		       rule(space, VM_RULE_huge_zero);
	if (!is_zero || rule(space, VM_RULE_huge_zero_prepares))
		space_anon_prepare(space, area);
	uint32_t head = is_zero ? zero_block(space) : block_make(space);
	if (head == FRAME_NONE)
		return HUGE_NOT_HERE;
	*out_reason = is_zero ? VM_REASON_HUGE_ZERO : VM_REASON_HUGE_DEMAND;
	uint64_t bits = is_zero ? page_bits(space, area) : own_bits(space, area);
	return huge_enter(space, upper, head, bits) ? HUGE_DONE : HUGE_NO_MEMORY;
}

/* A store to a huge page that is mapped read-only. */
static enum huge_outcome huge_write(struct vm_space *space, struct area *area, uint64_t address,
				    uint64_t *upper, enum vm_reason *out_reason)
{
	struct frame *head = frame_at(&space->machine->frames, entry_frame(*upper));
	uint64_t bytes = space->machine->huge_bytes, start = address / bytes * bytes;
	bool is_zero = head->use == FRAME_ZERO;
	if (!is_zero && (head->is_exclusive || head->block_maps == 1)) {
		head->is_exclusive = true;
		*upper |= ENTRY_WRITE | ENTRY_DIRTY;
		*out_reason = VM_REASON_HUGE_REUSE;
		return HUGE_DONE;
	}
	uint32_t copy = FRAME_NONE;
	if (is_zero || !rule(space, VM_RULE_huge_cow_splits))
		copy = block_make(space);
	if (copy == FRAME_NONE)
		return huge_split(space, start, upper) ? HUGE_NOT_HERE : HUGE_NO_MEMORY;
	space_anon_prepare(space, area);
	entries_changed(space, start, start + bytes);
	huge_leave(space, upper);
	*out_reason = is_zero ? VM_REASON_HUGE_ZERO_WRITE : VM_REASON_COW_COPY;
	return huge_enter(space, upper, copy, own_bits(space, area)) ? HUGE_DONE : HUGE_NO_MEMORY;
}

enum huge_outcome huge_fault(struct vm_space *space, struct area *area, uint64_t address,
			     bool is_store, enum vm_reason *out_reason)
{
	if (space->machine->geometry->level_count == 1)
		return HUGE_NOT_HERE;
	uint64_t *upper = table_entry(space, address, 1, false);
	if (upper != NULL && *upper == 0 && huge_is_wanted(space, area, address))
		return huge_make(space, area, upper, is_store, out_reason);
	if (upper != NULL && *upper & ENTRY_HUGE && is_store)
		return huge_write(space, area, address, upper, out_reason);
	return HUGE_NOT_HERE;
}
