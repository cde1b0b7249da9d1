/* SPDX-License-Identifier: MIT */
/*
 * Faults: demand zero, pages of files, copy on write (mm/memory.c; CSAPP 9.7.2, 9.8).
 *
 * A fault goes down the tables, making those of the upper levels on its way, also when it fails
 * in the end. What it finds at the bottom decides:
 *
 *     nothing, no file      the zero page for a load, a frame of zeros for a store
 *     nothing, a file       the page of the cache; with a store to a private one, a copy of it
 *     read-only, a store    shared: the file system is told; private: copied, or, if nobody
 *                           else maps it, made writable where it is
 *
 * Anonymous memory is given to the area (anon_vma) before the first page of its own enters it, not
 * by the zero page: this decides about later merges.
 */
#include "vm/fault.h"

#include "vm/file.h"
#include "vm/group.h"
#include "vm/huge.h"
#include "vm/merge.h"
#include "vm/page.h"
#include "vm/swapping.h"

static enum vm_signal done(struct vm_space *space, enum vm_reason reason)
{
	space->counters.by_reason[reason]++;
	return VM_SIGNAL_NONE;
}

static struct frames *frames_of(const struct vm_space *space)
{
	return &space->machine->frames;
}

/* The entry of the last level, with a table made for it. */
static uint64_t *entry_make_room(struct vm_space *space, uint64_t address)
{
	return table_entry(space, address, 0, true);
}

/* What a writable page of the process's own has beside the bits of its area. */
static uint64_t own_bits(const struct vm_space *space, const struct area *area)
{
	uint64_t bits = page_bits(space, area) | ENTRY_DIRTY;
	return area->flags & VM_AREA_WRITE ? bits | ENTRY_WRITE : bits;
}

/* A frame of the process's own at `address`, entered in place of what is there, which stays until
 * then. */
static enum vm_signal own_page_enter(struct vm_space *space, struct area *area, uint64_t address,
				     uint64_t *entry)
{
	bool is_mapped = entry_is_mapped(*entry);
	bool was_file = is_mapped &&
			frame_at(frames_of(space), entry_frame(*entry))->use != FRAME_ANON &&
			frame_at(frames_of(space), entry_frame(*entry))->is_cached;
	bool stays_file = was_file && !rule(space, VM_RULE_cow_leaves_file);
	group_pin(space->machine, is_mapped ? entry_frame(*entry) : FRAME_NONE);
	uint32_t frame = group_frame_take(space, address, stays_file ? FRAME_FILE : FRAME_ANON);
	group_pin(space->machine, FRAME_NONE);
	if (frame == FRAME_NONE)
		return VM_SIGBUS_MEMORY;
	frame_at(frames_of(space), frame)->is_exclusive = true;
	if (is_mapped) {
		entries_changed(space, address, address + page_bytes(space));
		page_leave(space, entry);
	}
	page_enter(space, entry, frame, own_bits(space, area));
	group_frame_list(space, frame, area->flags & VM_AREA_LOCKED);
	return VM_SIGNAL_NONE;
}

/* The same as all there is to a fault. */
static enum vm_signal own_page(struct vm_space *space, struct area *area, uint64_t address,
			       uint64_t *entry, enum vm_reason reason)
{
	enum vm_signal signal = own_page_enter(space, area, address, entry);
	return signal == VM_SIGNAL_NONE ? done(space, reason) : signal;
}

/* ---- anonymous memory ---- */

static enum vm_signal fault_anon(struct vm_space *space, struct area *area, uint64_t address,
				 bool is_store)
{
	uint64_t *entry = entry_make_room(space, address);
	if (entry == NULL)
		return VM_SIGBUS_MEMORY;
	if (!is_store && rule(space, VM_RULE_zero_page)) {
		page_enter(space, entry, space->machine->zero_frame, page_bits(space, area));
		return done(space, VM_REASON_ZERO_READ);
	}
	space_anon_prepare(space, area);
	return own_page(space, area, address, entry, VM_REASON_DEMAND_ZERO);
}

/* ---- files ---- */

static uint64_t file_page(const struct vm_space *space, const struct area *area, uint64_t address)
{
	return area_offset_at(space, area, address);
}

/*
 * Pages [*out_first, *out_end) around the one at `address` that a load maps with it: a window of
 * a power of two, cut to the area and to the last-level table (mm/memory.c do_fault_around).
 */
static void window_around(const struct vm_space *space, const struct area *area, uint64_t address,
			  uint64_t *out_first, uint64_t *out_end)
{
	uint64_t page = page_bytes(space);
	uint64_t window = space->machine->profile.fault_around_pages * page;
	uint64_t table_end = address / table_span(space, 1) * table_span(space, 1) +
			     table_span(space, 1);
	if (!rule(space, VM_RULE_fault_around))
		window = page;
	uint64_t first = address / window * window;
	if (rule(space, VM_RULE_fault_around_area))
		first = size_max(first, area->start);
	first = size_max(first, table_end - table_span(space, 1));
	*out_first = first;
	*out_end = size_min(first + window, size_min(table_end, area->end));
}

static bool is_shared_memory(const struct area *area)
{
	return area->file->kind == VM_FILE_SHARED;
}

/* The frame of the page of the file at `address`, if it is in memory. */
static uint32_t frame_at_address(const struct vm_space *space, const struct area *area,
				 uint64_t address)
{
	return address < area->start ? FRAME_NONE
				     : file_frame(area->file, file_page(space, area, address));
}

/*
 * A kernel that keeps huge mappings from reaching over the end of a file makes no last-level table
 * where the first page to be mapped is the file's last; without a table, nothing is mapped around
 * (mm/filemap.c filemap_map_pages, 6.18). Shared memory is exempt.
 */
static bool maps_around(struct vm_space *space, const struct area *area, uint64_t first,
			uint64_t end)
{
	struct slot slot;
	if (is_shared_memory(area) || !space->machine->profile.last_page_needs_table ||
	    !rule(space, VM_RULE_file_last_page) || slot_next(space, first, first + 1, &slot))
		return true;
	while (first < end && frame_at_address(space, area, first) == FRAME_NONE)
		first += page_bytes(space);
	return first == end || file_page(space, area, first) + 1 < area->file->size_pages;
}

/* Map what is in memory of the pages around `address`; is the page itself mapped then? */
static enum vm_signal map_around(struct vm_space *space, struct area *area, uint64_t address,
				 bool *out_is_mapped)
{
	uint64_t first, end;
	window_around(space, area, address, &first, &end);
	*out_is_mapped = false;
	if (!maps_around(space, area, first, end))
		return VM_SIGNAL_NONE;
	for (uint64_t at = first; at < end; at += page_bytes(space)) {
		if (frame_at_address(space, area, at) == FRAME_NONE)
			continue;
		uint64_t *entry = entry_make_room(space, at);
		if (entry == NULL)
			return VM_SIGBUS_MEMORY;
		/* Looked at again: room for the entry may have cost the page its place. */
		uint32_t frame = frame_at_address(space, area, at);
		if (frame == FRAME_NONE)
			continue;
		if (*entry == 0)
			page_enter(space, entry, frame, page_bits(space, area));
		*out_is_mapped |= at == address;
	}
	return VM_SIGNAL_NONE;
}

/* Is the page to be read from disk? */
static bool is_on_disk(const struct area *area, uint64_t page)
{
	return !is_shared_memory(area) && file_frame(area->file, page) == FRAME_NONE;
}

static enum vm_signal fault_file_load(struct vm_space *space, struct area *area, uint64_t address)
{
	bool is_mapped;
	uint64_t page = file_page(space, area, address);
	enum vm_reason reason = is_shared_memory(area) ? VM_REASON_SHARED_READ
						       : VM_REASON_FILE_READ;
	enum vm_signal signal = map_around(space, area, address, &is_mapped);
	if (signal != VM_SIGNAL_NONE)
		return signal;
	if (is_mapped)
		return done(space, reason);
	if (page >= area->file->size_pages)
		return VM_SIGBUS_ADRERR;
	bool is_read = is_on_disk(area, page);
	uint64_t *entry = entry_make_room(space, address);
	uint32_t frame = file_frame_make(space, area->file, page);
	if (frame == FRAME_NONE || entry == NULL)
		return VM_SIGBUS_MEMORY;
	page_enter(space, entry, frame, page_bits(space, area));
	return done(space, is_read ? VM_REASON_FILE_IN : reason);
}

static enum vm_signal fault_file_store(struct vm_space *space, struct area *area, uint64_t address)
{
	uint64_t page = file_page(space, area, address);
	bool is_private = !(area->flags & VM_AREA_SHARED);
	if (is_private)
		space_anon_prepare(space, area);
	if (page >= area->file->size_pages)
		return VM_SIGBUS_ADRERR;
	bool is_read = is_on_disk(area, page);
	uint64_t *entry = entry_make_room(space, address);
	uint32_t frame = file_frame_make(space, area->file, page);
	if (frame == FRAME_NONE || entry == NULL)
		return VM_SIGBUS_MEMORY;
	if (is_private)
		return own_page(space, area, address, entry,
				is_read ? VM_REASON_FILE_IN : VM_REASON_FILE_COPY);
	frame_at(frames_of(space), frame)->is_dirty = true;
	page_enter(space, entry, frame, own_bits(space, area));
	if (is_read)
		return done(space, VM_REASON_FILE_IN);
	return done(space, is_shared_memory(area) ? VM_REASON_SHARED_WRITE
						  : VM_REASON_FILE_WRITE);
}

static enum vm_signal fault_file(struct vm_space *space, struct area *area, uint64_t address,
				 bool is_store)
{
	bool is_behind = file_page(space, area, address) >= area->file->size_pages;
	if (is_behind && !rule(space, VM_RULE_file_end))
		return fault_anon(space, area, address, is_store);
	return is_store ? fault_file_store(space, area, address)
			: fault_file_load(space, area, address);
}

/* ---- copy on write ---- */

/*
 * A small one if nothing else maps it. A piece of a larger block if nobody else maps any of the
 * block; but the last piece that is mapped is copied, to free the block.
 */
bool fault_can_reuse(struct vm_space *space, uint64_t address, uint32_t number)
{
	const struct frame *frame = frame_at(frames_of(space), number);
	const struct frame *head = frame_head(frames_of(space), number);
	if (!rule(space, VM_RULE_cow_reuse))
		return false;
	if (frame->is_exclusive)
		return true;
	if (head->order == 0 && head->is_cached)
		return head->block_maps == 1 && swap_cache_can_leave(space->machine, number);
	if (head->order == 0)
		return head->block_maps == 1;
	return head->block_maps > 1 &&
	       block_maps_here(space, address, number) == head->block_maps;
}

/* The page is writable from here on: it belongs to nobody else, nor to swap. */
static void own_page_reuse(struct vm_space *space, uint64_t *entry)
{
	uint32_t number = entry_frame(*entry);
	struct frame *frame = frame_at(frames_of(space), number);
	if (!frame->is_exclusive && frame->is_cached)
		swap_cache_leave(space->machine, number);
	frame->is_exclusive = true;
	*entry |= ENTRY_WRITE | ENTRY_DIRTY;
}

static enum vm_signal fault_write_private(struct vm_space *space, struct area *area,
					  uint64_t address, uint64_t *entry)
{
	uint32_t number = entry_frame(*entry);
	struct frame *frame = frame_at(frames_of(space), number);
	if (frame->use == FRAME_ANON && fault_can_reuse(space, address, number)) {
		own_page_reuse(space, entry);
		return done(space, VM_REASON_COW_REUSE);
	}
	space_anon_prepare(space, area);
	return own_page(space, area, address, entry,
			frame->use == FRAME_ZERO ? VM_REASON_ZERO_WRITE : VM_REASON_COW_COPY);
}

static enum vm_signal fault_write(struct vm_space *space, struct area *area, uint64_t address,
				  uint64_t *entry)
{
	if (!(area->flags & VM_AREA_SHARED))
		return fault_write_private(space, area, address, entry);
	frame_at(frames_of(space), entry_frame(*entry))->is_dirty = true;
	*entry |= ENTRY_WRITE | ENTRY_DIRTY;
	return done(space, area_notifies(space, area) ? VM_REASON_WRITE_NOTIFY
						      : VM_REASON_SHARED_UPGRADE);
}

/* ---- swap ---- */

/* A store to a page that came back for several processes goes on as copy on write. */
static enum vm_signal fault_swap(struct vm_space *space, struct area *area, uint64_t address,
				 uint64_t *entry, bool is_store)
{
	bool copies = false;
	enum vm_signal signal = swap_in(space, area, address, entry, is_store, &copies);
	if (signal != VM_SIGNAL_NONE || !copies)
		return signal;
	uint32_t number = entry_frame(*entry);
	if (!fault_can_reuse(space, address, number))
		return own_page_enter(space, area, address, entry);
	own_page_reuse(space, entry);
	return VM_SIGNAL_NONE;
}

/* ---- one fault ---- */

static enum vm_signal fault_small(struct vm_space *space, struct area *area, uint64_t address,
				  bool is_store)
{
	struct slot slot;
	uint64_t entry = 0;
	if (slot_next(space, address, address + 1, &slot))
		entry = *slot.entries;
	if (entry & ENTRY_GUARD)
		return VM_SIGSEGV_MAPERR;
	if (entry_is_swapped(entry))
		return fault_swap(space, area, address, slot.entries, is_store);
	if (entry == 0)
		return area->file != NULL ? fault_file(space, area, address, is_store)
					  : fault_anon(space, area, address, is_store);
	if (is_store && !(entry & ENTRY_WRITE))
		return fault_write(space, area, address, slot.entries);
	return VM_SIGNAL_NONE;
}

enum vm_signal fault_serve(struct vm_space *space, struct area *area, uint64_t address,
			   enum vm_kind kind)
{
	bool is_store = kind == VM_STORE;
	enum vm_reason reason;
	if (area->flags & VM_AREA_SPECIAL)
		return VM_SIGBUS_ADRERR;
	address -= address % page_bytes(space);
	if (space->machine->geometry->level_count > 1 &&
	    table_entry(space, address, 1, true) == NULL)
		return VM_SIGBUS_MEMORY;
	switch (huge_fault(space, area, address, is_store, &reason)) {
	case HUGE_DONE:
		return done(space, reason);
	case HUGE_NO_MEMORY:
		return VM_SIGBUS_MEMORY;
	case HUGE_NOT_HERE:
		break;
	}
	return fault_small(space, area, address, is_store);
}

/* ---- the kernel's own accesses ---- */

/* True with the entry, of either level, if it allows the access. */
static bool is_faulted_in(struct vm_space *space, uint64_t address, bool is_store,
			  uint64_t *out_entry)
{
	struct slot slot;
	if (!slot_next(space, address, address + 1, &slot))
		return false;
	*out_entry = slot.entries != NULL ? *slot.entries : *slot.upper;
	return (*out_entry & ENTRY_PRESENT) && (!is_store || *out_entry & ENTRY_WRITE);
}

enum vm_signal fault_in(struct vm_space *space, struct area *area, uint64_t start, uint64_t end,
			bool is_store)
{
	for (uint64_t at = start; at < end; at += page_bytes(space)) {
		uint64_t entry;
		while (!is_faulted_in(space, at, is_store, &entry)) {
			enum vm_signal signal = fault_serve(space, area, at,
							    is_store ? VM_STORE : VM_LOAD);
			if (signal != VM_SIGNAL_NONE)
				return signal;
		}
		if (rule(space, VM_RULE_lock_marks))
			group_mark(space->machine, entry_frame(entry));
	}
	return VM_SIGNAL_NONE;
}
