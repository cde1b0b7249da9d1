/* SPDX-License-Identifier: MIT */
/*
 * Page tables: walking, making and freeing the radix tree (CSAPP 9.6.3, 9.7.2).
 */
#include "vm/page_table.h"

#include "vm/group.h"

static unsigned top_level(const struct vm_space *space)
{
	return space->machine->geometry->level_count - 1;
}

static size_t table_bytes(const struct vm_space *space, unsigned level)
{
	return sizeof(uint64_t) << level_bits(space->machine, level);
}

uint64_t table_span(const struct vm_space *space, unsigned level)
{
	return (uint64_t)1 << space->machine->level_shift[level];
}

static size_t index_of(const struct vm_space *space, uint64_t address, unsigned level)
{
	unsigned bits = level_bits(space->machine, level);
	return address >> space->machine->level_shift[level] & (((uint64_t)1 << bits) - 1);
}

static uint64_t *table_of(const struct vm_space *space, uint32_t frame)
{
	return frame_at(&space->machine->frames, frame)->table;
}

/* A fresh table of `level`, empty; FRAME_NONE without memory. */
static uint32_t table_make(struct vm_space *space, unsigned level)
{
	struct vm_machine *machine = space->machine;
	uint64_t *table = pool_take(&machine->pool, table_bytes(space, level));
	if (table == NULL)
		return FRAME_NONE;
	uint32_t frame = group_frame_take(space, 0, FRAME_TABLE);
	if (frame == FRAME_NONE) {
		pool_give(&machine->pool, table, table_bytes(space, level));
		return FRAME_NONE;
	}
	frame_at(&machine->frames, frame)->table = table;
	space->counters.tables[level]++;
	return frame;
}

static void table_free(struct vm_space *space, uint32_t frame, unsigned level)
{
	struct vm_machine *machine = space->machine;
	pool_give(&machine->pool, table_of(space, frame), table_bytes(space, level));
	frame_at(&machine->frames, frame)->table = NULL;
	group_forget(machine, frame);
	frame_give(&machine->frames, frame);
	space->counters.tables[level]--;
}

static uint64_t entry_of_table(uint32_t frame)
{
	return entry_make(frame, ENTRY_PRESENT | ENTRY_WRITE | ENTRY_USER | ENTRY_ACCESSED);
}

bool table_root_make(struct vm_space *space)
{
	space->root = table_make(space, top_level(space));
	return space->root != FRAME_NONE;
}

uint64_t *table_entry(struct vm_space *space, uint64_t address, unsigned level, bool makes)
{
	uint64_t *table = table_of(space, space->root);
	for (unsigned at = top_level(space);; at--) {
		uint64_t *entry = &table[index_of(space, address, at)];
		if (at == level)
			return entry;
		if (*entry & ENTRY_HUGE)
			return NULL;
		if (*entry == 0) {
			uint32_t frame = makes ? table_make(space, at - 1) : FRAME_NONE;
			if (frame == FRAME_NONE)
				return NULL;
			*entry = entry_of_table(frame);
		}
		table = table_of(space, entry_frame(*entry));
	}
}

uint64_t *table_walk(const struct vm_space *space, uint64_t address, unsigned *out_level)
{
	*out_level = top_level(space);
	if (address >= space->machine->geometry->user_end)
		return NULL;
	uint64_t *entry = &table_of(space, space->root)[index_of(space, address, *out_level)];
	while (*out_level > 0 && *entry != 0 && !(*entry & ENTRY_HUGE)) {
		--*out_level;
		entry = &table_of(space, entry_frame(*entry))[index_of(space, address, *out_level)];
	}
	return entry;
}

/* ---- slots ---- */

/* Go down for `address`; true when a last-level table or a huge leaf was met, else *out_level is
 * the level whose entry is empty. */
static bool slot_at(struct vm_space *space, uint64_t address, struct slot *out, unsigned *out_level)
{
	uint64_t *table = table_of(space, space->root);
	out->upper = NULL;
	for (unsigned at = top_level(space); at > 0; at--) {
		uint64_t *entry = &table[index_of(space, address, at)];
		if (*entry == 0) {
			*out_level = at;
			return false;
		}
		out->upper = entry;
		if (*entry & ENTRY_HUGE) {
			out->entries = NULL;
			return true;
		}
		table = table_of(space, entry_frame(*entry));
	}
	out->entries = &table[index_of(space, address, 0)];
	return true;
}

static uint64_t span_end(const struct vm_space *space, uint64_t address, unsigned level)
{
	unsigned shift = space->machine->level_shift[level];
	return ((address >> shift) + 1) << shift;
}

bool slot_next(struct vm_space *space, uint64_t start, uint64_t end, struct slot *out)
{
	/* Above the program's addresses nothing is mapped, and ends of spans overflow. */
	end = size_min(end, space->machine->geometry->user_end);
	while (start < end) {
		unsigned level;
		if (slot_at(space, start, out, &level)) {
			out->start = start;
			out->end = size_min(end, span_end(space, start, 1));
			return true;
		}
		start = span_end(space, start, level);
	}
	return false;
}

bool slot_is_whole(const struct vm_space *space, const struct slot *slot)
{
	return slot->end - slot->start == table_span(space, 1);
}

/* ---- freeing ---- */

/* Of the table `frame` of `level`, those below it first; `base` is where it begins to map. */
static void free_below(struct vm_space *space, uint32_t frame, unsigned level, uint64_t start,
		       uint64_t end, uint64_t floor, uint64_t ceiling)
{
	uint64_t span = table_span(space, level);
	uint64_t *table = table_of(space, frame);
	for (uint64_t at = start / span * span; at < end; at += span) {
		uint64_t *entry = &table[index_of(space, at, level)];
		if (*entry == 0 || *entry & ENTRY_HUGE)
			continue;
		uint32_t child = entry_frame(*entry);
		if (level > 1)
			free_below(space, child, level - 1, size_max(at, start),
				   size_min(at + span, end), floor, ceiling);
		if (at >= floor && at + span <= ceiling) {
			*entry = 0;
			table_free(space, child, level - 1);
		}
	}
}

void tables_free(struct vm_space *space, uint64_t start, uint64_t end, uint64_t floor,
		 uint64_t ceiling)
{
	if (!rule(space, VM_RULE_tables_freed) || top_level(space) == 0 || start >= end)
		return;
	if (!rule(space, VM_RULE_tables_to_neighbours)) {
		floor = start;
		ceiling = end;
	}
	free_below(space, space->root, top_level(space), start, end, floor, ceiling);
}

void table_free_empty(struct vm_space *space, const struct slot *slot)
{
	size_t count = (size_t)1 << level_bits(space->machine, 0);
	if (slot->upper == NULL || slot->entries == NULL)
		return;
	for (size_t i = 0; i < count; i++) {
		if (slot->entries[i] != 0)
			return;
	}
	uint32_t frame = entry_frame(*slot->upper);
	*slot->upper = 0;
	table_free(space, frame, 0);
}

void tables_empty(struct vm_space *space)
{
	if (top_level(space) > 0)
		free_below(space, space->root, top_level(space), 0,
			   space->machine->geometry->user_end, 0, UINT64_MAX);
}

void tables_finish(struct vm_space *space)
{
	tables_empty(space);
	table_free(space, space->root, top_level(space));
}

/* ---- tables in reserve ---- */

bool table_reserve(struct vm_space *space)
{
	uint32_t frame = table_make(space, 0);
	if (frame == FRAME_NONE)
		return false;
	frame_at(&space->machine->frames, frame)->next = space->reserve;
	space->reserve = frame;
	return true;
}

static uint32_t reserve_pop(struct vm_space *space)
{
	struct frame *frame = frame_at(&space->machine->frames, space->reserve);
	uint32_t number = space->reserve;
	space->reserve = frame->next;
	frame->next = FRAME_NONE;
	return number;
}

uint64_t table_reserve_use(struct vm_space *space)
{
	assert(space->reserve != FRAME_NONE);
	return entry_of_table(reserve_pop(space));
}

void table_reserve_drop(struct vm_space *space)
{
	if (space->reserve != FRAME_NONE)
		table_free(space, reserve_pop(space), 0);
}
