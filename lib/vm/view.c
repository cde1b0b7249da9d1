/* SPDX-License-Identifier: MIT */
/*
 * Views: counters, areas and pages as they are, and the words for what happens to them.
 */
#include "base/compiler.h"
#include "vm/page.h"

/* ---- words ---- */

const char *vm_signal_name(enum vm_signal signal)
{
	static const char *const names[] = {
		[VM_SIGNAL_NONE] = "none",
		[VM_SIGSEGV_MAPERR] = "segv-maperr",
		[VM_SIGSEGV_ACCERR] = "segv-accerr",
		[VM_SIGSEGV_KERNEL] = "segv-kernel",
		[VM_SIGBUS_ADRERR] = "bus-adrerr",
		[VM_SIGBUS_MEMORY] = "no-memory",
		[VM_SIGNAL_KILLED] = "killed",
	};
	return names[signal];
}

static const struct {
	const char *name, *meaning;
} reasons[VM_REASON_COUNT] = {
	[VM_REASON_ZERO_READ] = { "zero-read",
		"first read of an anonymous page: the zero page all processes share is mapped" },
	[VM_REASON_DEMAND_ZERO] = { "demand-zero",
		"first write of an anonymous page: a frame of zeros is mapped" },
	[VM_REASON_ZERO_WRITE] = { "zero-write",
		"write to the shared zero page: a frame of zeros replaces it" },
	[VM_REASON_FILE_READ] = { "file-read",
		"read of a file page in the cache: mapped, with its neighbours" },
	[VM_REASON_FILE_COPY] = { "file-copy",
		"write to a private file page that was not mapped: a copy is mapped" },
	[VM_REASON_FILE_WRITE] = { "file-write",
		"first write to a shared file page: the page of the cache is mapped" },
	[VM_REASON_SHARED_READ] = { "shared-read",
		"read of shared memory: its page is mapped, and made if there was none" },
	[VM_REASON_SHARED_WRITE] = { "shared-write",
		"write to shared memory: its page is mapped, and made if there was none" },
	[VM_REASON_WRITE_NOTIFY] = { "write-notify",
		"write to a shared file page mapped read-only: the file system is told" },
	[VM_REASON_SHARED_UPGRADE] = { "shared-upgrade",
		"write to a shared page mapped read-only: it is writable now" },
	[VM_REASON_COW_COPY] = { "cow-copy",
		"write to a private page that others have too: it is copied" },
	[VM_REASON_COW_REUSE] = { "cow-reuse",
		"write to a private page that nobody else has any more: it is made writable" },
	[VM_REASON_HUGE_ZERO] = { "huge-zero",
		"first read of an advised 2 MiB: the huge zero page is mapped" },
	[VM_REASON_HUGE_DEMAND] = { "huge-demand",
		"first write of an advised 2 MiB: a huge page of zeros is mapped" },
	[VM_REASON_HUGE_ZERO_WRITE] = { "huge-zero-write",
		"write to the huge zero page: a huge page of zeros replaces it" },
	[VM_REASON_HUGE_REUSE] = { "huge-reuse",
		"write to a huge page that nobody else has any more: it is made writable" },
	[VM_REASON_SWAP_CACHE] = { "swap-cache",
		"access to a page that swap has, and memory too: it is mapped again" },
	[VM_REASON_SWAP_IN] = { "swap-in",
		"access to a page that was swapped out: it is read back (major)" },
	[VM_REASON_FILE_IN] = { "file-in",
		"access to a file page that is not in the cache: it is read (major)" },
};

const char *vm_reason_name(enum vm_reason reason)
{
	return reasons[reason].name;
}

const char *vm_reason_meaning(enum vm_reason reason)
{
	return reasons[reason].meaning;
}

const char *vm_page_state_name(enum vm_page_state state)
{
	static const char *const names[] = {
		[VM_PAGE_NONE] = "none",     [VM_PAGE_ZERO] = "zero",
		[VM_PAGE_HUGE_ZERO] = "huge-zero", [VM_PAGE_ANON] = "anon",
		[VM_PAGE_FILE] = "file",     [VM_PAGE_SHARED] = "shared",
		[VM_PAGE_GUARD] = "guard",   [VM_PAGE_FURNITURE] = "furniture",
		[VM_PAGE_SWAPPED] = "swapped",
	};
	return names[state];
}

/* ---- counters ---- */

void vm_counters_get(const struct vm_space *space, struct vm_counters *out)
{
	*out = space->counters;
	out->minor_faults = 0;
	out->major_faults = out->by_reason[VM_REASON_SWAP_IN] + out->by_reason[VM_REASON_FILE_IN];
	for (size_t i = 0; i < VM_REASON_COUNT; i++)
		out->minor_faults += out->by_reason[i];
	out->minor_faults -= out->major_faults;
	out->areas = space->areas.count;
	out->area_searches = space->areas.searches;
	out->area_cache_hits = space->areas.cache_hits;
	out->area_tree_steps = space->areas.tree_steps;
	out->area_list_steps = space->areas.list_steps;
}

uint64_t vm_counters_tables(const struct vm_counters *counters)
{
	uint64_t tables = 0;
	for (size_t level = 0; level < VM_LEVELS_MAX; level++)
		tables += counters->tables[level];
	return tables - 1;
}

void vm_memory_get(const struct vm_machine *machine, struct vm_memory *out)
{
	out->frames = machine->frames.count;
	out->free_frames = machine->frames.free_count;
	for (size_t order = 0; order < VM_ORDERS; order++)
		out->free_blocks[order] = machine->frames.list_counts[order];
}

/* ---- blocks of frames ---- */

static enum vm_block_use use_of(const struct frame *frame)
{
	switch (frame->use) {
	case FRAME_TABLE:
		return VM_BLOCK_TABLE;
	case FRAME_ANON:
		return VM_BLOCK_ANON;
	case FRAME_FILE:
		return VM_BLOCK_FILE;
	case FRAME_SHARED:
		return VM_BLOCK_SHARED;
	case FRAME_ZERO:
		return VM_BLOCK_ZERO;
	case FRAME_FURNITURE:
		return VM_BLOCK_PROGRAM;
	case FRAME_SLAB:
		return VM_BLOCK_SLAB;
	case FRAME_KERNEL:
		return VM_BLOCK_KERNEL;
	case FRAME_VMALLOC:
		return VM_BLOCK_VMALLOC;
	default:
		return VM_BLOCK_FREE;
	}
}

bool vm_block_next(const struct vm_machine *machine, uint64_t frame, struct vm_block_view *out)
{
	const struct frames *frames = &machine->frames;
	for (uint64_t at = frame > 1 ? frame : 1; at < frames->count; at++) {
		const struct frame *each = frame_at(frames, at);
		if (each->use != FRAME_FREE && each->head != at)
			continue;
		*out = (struct vm_block_view){at, each->order, use_of(each)};
		return true;
	}
	return false;
}

const char *vm_block_use_name(enum vm_block_use use)
{
	static const char *const names[] = {
		[VM_BLOCK_FREE] = "free",       [VM_BLOCK_TABLE] = "table",
		[VM_BLOCK_ANON] = "anon",       [VM_BLOCK_FILE] = "file",
		[VM_BLOCK_SHARED] = "shared",   [VM_BLOCK_ZERO] = "zero",
		[VM_BLOCK_PROGRAM] = "program", [VM_BLOCK_SLAB] = "slab",
		[VM_BLOCK_KERNEL] = "kernel",   [VM_BLOCK_VMALLOC] = "vmalloc",
	};
	return names[use];
}

/* ---- areas and pages ---- */

bool vm_area_next(const struct vm_space *space, uint64_t address, struct vm_area_view *out)
{
	const struct area *area = area_look(&space->areas, address);
	if (area == NULL)
		return false;
	*out = (struct vm_area_view){
		.start = area->start,
		.end = area->end,
		.offset = area->file != NULL ? area->offset * page_bytes(space) : 0,
		.flags = area->flags | (area->is_guarded ? VM_AREA_GUARDED : 0),
		.file = area->file,
		.has_anon = area->anon != 0,
		.is_heap = area->file == NULL && area->start < space->break_end &&
			   area->end > space->break_start,
	};
	return true;
}

static enum vm_page_state state_of(const struct frame *frame, bool is_huge)
{
	switch (frame->use) {
	case FRAME_ANON:
		return VM_PAGE_ANON;
	case FRAME_FILE:
		return VM_PAGE_FILE;
	case FRAME_SHARED:
		return VM_PAGE_SHARED;
	case FRAME_ZERO:
		return is_huge ? VM_PAGE_HUGE_ZERO : VM_PAGE_ZERO;
	default:
		return VM_PAGE_FURNITURE;
	}
}

void vm_page_get(const struct vm_space *space, uint64_t address, struct vm_page_view *out)
{
	const struct frames *frames = &space->machine->frames;
	struct slot slot;
	*out = (struct vm_page_view){.state = VM_PAGE_NONE};
	/* Only looks, though the walk could also change what it finds. */
	if (!slot_next((struct vm_space *)space, address, address + 1, &slot))
		return;
	out->is_huge = slot.entries == NULL;
	out->entry = out->is_huge ? *slot.upper : *slot.entries;
	if (!entry_is_mapped(out->entry)) {
		out->state = out->entry & ENTRY_GUARD	     ? VM_PAGE_GUARD
			     : entry_is_swapped(out->entry) ? VM_PAGE_SWAPPED
							    : VM_PAGE_NONE;
		return;
	}
	uint64_t huge = space->machine->huge_bytes;
	out->frame = entry_frame(out->entry);
	if (out->is_huge)
		out->frame += address % huge / page_bytes(space);
	const struct frame *frame = frame_at(frames, out->frame);
	const struct frame *head = frame_head(frames, out->frame);
	out->state = state_of(frame, out->is_huge);
	out->is_writable = out->entry & ENTRY_WRITE;
	/* Of a huge mapping the kernel looks at the first page, whichever is asked about. */
	uint32_t maps = out->is_huge ? head->maps : frame->maps;
	out->is_exclusive = frame->use != FRAME_ZERO && maps + head->huge_maps == 1;
}
