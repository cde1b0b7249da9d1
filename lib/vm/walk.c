/* SPDX-License-Identifier: MIT */
/*
 * One access explained: the walk, what the processor says to it, and what the kernel would do
 * about that. The decisions are those of access.c, fault.c and huge.c, taken on a machine that
 * stays as it is.
 */
#include "vm/access.h"
#include "vm/fault.h"
#include "vm/file.h"
#include "vm/huge.h"
#include "vm/merge.h"
#include "vm/page.h"
#include "vm/swapping.h"

/* ---- the walk ---- */

/* The entries on the way to `address`; returns the leaf, or 0. */
static uint64_t levels_read(const struct vm_space *space, struct vm_walk *out)
{
	const struct vm_machine *machine = space->machine;
	uint32_t table = space->root;
	uint64_t entry = 0;
	for (unsigned i = 0; i < machine->geometry->level_count; i++) {
		entry = frame_at(&machine->frames, table)->table[out->split.indices[i]];
		out->levels[i] = (struct vm_walk_level){table, out->split.indices[i], entry};
		out->level_count = i + 1;
		out->size = machine->geometry->level_count - 1 - i;
		if (entry == 0 || entry & ENTRY_HUGE)
			break;
		table = entry_frame(entry);
	}
	return entry;
}

static bool leaf_grants(uint64_t leaf, enum vm_kind kind)
{
	return leaf & ENTRY_PRESENT && (kind != VM_STORE || leaf & ENTRY_WRITE) &&
	       (kind != VM_FETCH || !(leaf & ENTRY_NO_EXEC));
}

static unsigned error_of(uint64_t leaf, enum vm_kind kind)
{
	return VM_ERROR_USER | (leaf & ENTRY_PRESENT ? VM_ERROR_PRESENT : 0) |
	       (kind == VM_STORE ? VM_ERROR_WRITE : 0) | (kind == VM_FETCH ? VM_ERROR_FETCH : 0);
}

/* ---- what would be done about a fault ---- */

static void served(struct vm_walk *out, enum vm_reason reason)
{
	out->is_served = true;
	out->reason = reason;
}

static bool has_block(const struct vm_space *space)
{
	unsigned order = log2_floor(pages_of(space, space->machine->huge_bytes));
	for (; order <= ORDER_MAX; order++)
		if (space->machine->frames.lists[order] != FRAME_NONE)
			return true;
	return false;
}

/* A huge page is made; false when it is a matter of small ones. */
static bool huge_is_made(const struct vm_space *space, const struct area *area, uint64_t address,
			 bool is_store, struct vm_walk *out)
{
	bool is_zero = !is_store && space->machine->profile.has_huge_zero_page &&
		       rule(space, VM_RULE_huge_zero);
	bool has_frames = is_zero && space->machine->huge_zero != FRAME_NONE;
	if (!huge_is_wanted(space, area, address) || (!has_frames && !has_block(space)))
		return false;
	served(out, is_zero ? VM_REASON_HUGE_ZERO : VM_REASON_HUGE_DEMAND);
	return true;
}

static void huge_is_stored(const struct vm_space *space, uint64_t leaf, struct vm_walk *out)
{
	const struct frame *head = frame_at(&space->machine->frames, entry_frame(leaf));
	if (head->use == FRAME_ZERO)
		served(out, has_block(space) ? VM_REASON_HUGE_ZERO_WRITE : VM_REASON_ZERO_WRITE);
	else if (head->is_exclusive || head->block_maps == 1)
		served(out, VM_REASON_HUGE_REUSE);
	else
		served(out, VM_REASON_COW_COPY);
}

static void file_is_entered(const struct vm_space *space, const struct area *area,
			    uint64_t address, bool is_store, struct vm_walk *out)
{
	bool is_memory = area->file->kind == VM_FILE_SHARED;
	uint64_t page = area_offset_at(space, area, address);
	if (page >= area->file->size_pages)
		out->signal = VM_SIGBUS_ADRERR;
	else if (!is_memory && file_frame(area->file, page) == FRAME_NONE)
		served(out, VM_REASON_FILE_IN);
	else if (!is_store)
		served(out, is_memory ? VM_REASON_SHARED_READ : VM_REASON_FILE_READ);
	else if (!(area->flags & VM_AREA_SHARED))
		served(out, VM_REASON_FILE_COPY);
	else
		served(out, is_memory ? VM_REASON_SHARED_WRITE : VM_REASON_FILE_WRITE);
}

static void page_is_entered(const struct vm_space *space, const struct area *area,
			    uint64_t address, bool is_store, struct vm_walk *out)
{
	bool is_file = area->file != NULL &&
		       (rule(space, VM_RULE_file_end) ||
			area_offset_at(space, area, address) < area->file->size_pages);
	if (is_file)
		file_is_entered(space, area, address, is_store, out);
	else if (!is_store && rule(space, VM_RULE_zero_page))
		served(out, VM_REASON_ZERO_READ);
	else
		served(out, VM_REASON_DEMAND_ZERO);
}

static void page_is_stored(struct vm_space *space, const struct area *area, uint64_t address,
			   uint64_t leaf, struct vm_walk *out)
{
	const struct frame *frame = frame_at(&space->machine->frames, entry_frame(leaf));
	if (area->flags & VM_AREA_SHARED)
		served(out, area_notifies(space, area) ? VM_REASON_WRITE_NOTIFY
						       : VM_REASON_SHARED_UPGRADE);
	else if (frame->use == FRAME_ZERO)
		served(out, VM_REASON_ZERO_WRITE);
	else if (frame->use == FRAME_ANON && fault_can_reuse(space, address, entry_frame(leaf)))
		served(out, VM_REASON_COW_REUSE);
	else
		served(out, VM_REASON_COW_COPY);
}

/* In an area that allows it, as far as fault_serve() is asked. */
static void serve(struct vm_space *space, const struct area *area, uint64_t address,
		  enum vm_kind kind, uint64_t leaf, struct vm_walk *out)
{
	bool is_store = kind == VM_STORE;
	/* Of the last two levels nothing is there: where a huge page would be entered. */
	bool is_bare = leaf == 0 && out->size > 0 && space->machine->geometry->level_count > 1;
	if (area->flags & VM_AREA_SPECIAL)
		out->signal = VM_SIGBUS_ADRERR;
	else if (leaf & ENTRY_GUARD)
		out->signal = VM_SIGSEGV_MAPERR;
	else if (entry_is_swapped(leaf))
		served(out, swap_is_cached(space->machine, leaf) ? VM_REASON_SWAP_CACHE
								 : VM_REASON_SWAP_IN);
	else if (is_bare && huge_is_made(space, area, address, is_store, out))
		;
	else if (leaf == 0)
		page_is_entered(space, area, address, is_store, out);
	else if (leaf & ENTRY_HUGE && is_store)
		huge_is_stored(space, leaf, out);
	else if (is_store)
		page_is_stored(space, area, address, leaf, out);
	/* What an absent page is fetched for is found out when it is there. */
	if (out->is_served && kind == VM_FETCH && !(area->flags & VM_AREA_EXEC))
		out->signal = VM_SIGSEGV_ACCERR;
}

static void fault(struct vm_space *space, uint64_t address, enum vm_kind kind, uint64_t leaf,
		  struct vm_walk *out)
{
	uint64_t page = address - address % page_bytes(space);
	const struct area *area = area_look(&space->areas, address);
	out->signal = VM_SIGSEGV_MAPERR;
	if (area == NULL || address >= space->machine->geometry->user_end)
		return;
	out->grows_area = area->start > address && access_grows_stack(space, area, page);
	if (area->start > address && !out->grows_area)
		return;
	out->has_area = vm_area_next(space, address, &out->area);
	out->signal = VM_SIGSEGV_ACCERR;
	if (!access_is_allowed(space, area, address, kind))
		return;
	out->signal = VM_SIGNAL_NONE;
	if (!out->grows_area) {
		serve(space, area, page, kind, leaf, out);
		return;
	}
	/* As it will be then. */
	struct area grown = *area;
	grown.offset -= pages_of(space, grown.start - page);
	grown.start = page;
	serve(space, &grown, page, kind, leaf, out);
}

void vm_walk(const struct vm_space *space, uint64_t address, enum vm_kind kind,
	     struct vm_walk *out)
{
	/* Only looks, though what it asks could also change what it finds. */
	struct vm_space *same = (struct vm_space *)space;
	*out = (struct vm_walk){.signal = VM_SIGSEGV_KERNEL};
	if (kind == VM_MODIFY)
		kind = VM_STORE;
	if (!access_is_address(space, address) ||
	    !vm_split(space->machine->geometry, address, &out->split))
		return;
	out->is_address = true;
	out->signal = VM_SIGNAL_NONE;
	uint64_t leaf = levels_read(space, out);
	out->is_mapped = entry_is_mapped(leaf) && (out->size == 0 || leaf & ENTRY_HUGE);
	out->is_granted = leaf_grants(leaf, kind);
	if (out->is_granted) {
		uint64_t bytes = table_span(space, out->size);
		out->physical = entry_frame(leaf) * page_bytes(space) + address % bytes;
		out->has_area = vm_area_next(space, address, &out->area);
		return;
	}
	out->error = error_of(leaf, kind);
	fault(same, address, kind, leaf, out);
}
