/* SPDX-License-Identifier: MIT */
/*
 * Machines and spaces: making them and giving them back; profiles and the names of rules.
 */
#include "vm/machine.h"

#include "base/compiler.h"
#include "base/text.h"
#include "vm/file.h"
#include "vm/group.h"
#include "vm/merge.h"
#include "vm/page.h"

enum {
	FRAMES_DEFAULT = 1 << 18,   /* 1 GiB of small pages */
	FRAMES_MAX = 1 << 30,       /* block sizes and numbers stay within 32 bits */
};

/* What x86-64 gives a program that is at fixed addresses: 128 MiB are left for the stack. */
static const struct vm_layout layout_fixed = {
	.map_end = 0x7ffff7fff000,
	.break_start = 0x600000,
};

static const struct vm_profile profiles[] = {
	{ .name = "linux-6.18", .fault_around_pages = 16, .huge = VM_HUGE_ADVISED,
	  .has_huge_zero_page = true, .places_huge = true, .stack_flag_is_small = true,
	  .reclaims_tables = true, .remaps_many = true, .last_page_needs_table = true,
	  .counts_late = true, .merges_faulted = true,
	  .aux_count = 23, .vvar_pages = 4, .vclock_pages = 2,
	  .vdso_pages = 2,
	  .stack_gap_pages = 256, .stack_limit_bytes = 8 << 20, .lowest_address = 0x10000,
	  .area_count_max = 65530 },
	{ .name = "linux-5.10", .fault_around_pages = 16, .huge = VM_HUGE_ADVISED,
	  .has_huge_zero_page = true, .places_huge = false, .stack_flag_is_small = false,
	  .reclaims_tables = false, .remaps_many = false, .merges_faulted = false,
	  .aux_count = 20, .vvar_pages = 4, .vclock_pages = 0, .vdso_pages = 2,
	  .stack_gap_pages = 256, .stack_limit_bytes = 8 << 20, .lowest_address = 0x10000,
	  .area_count_max = 65530 },
};

const struct vm_profile *vm_profile_at(size_t index)
{
	return index < ARRAY_LEN(profiles) ? &profiles[index] : NULL;
}

const struct vm_profile *vm_profile_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(profiles); i++) {
		if (string_equal(profiles[i].name, name))
			return &profiles[i];
	}
	return NULL;
}

/* ---- rules ---- */

static const struct {
	const char *name, *meaning;
} rules[] = {
#define VM_RULE(name, meaning) {#name, meaning},
#include <allot/vm_rules.def>
#undef VM_RULE
};

const char *vm_rule_name(enum vm_rule which)
{
	return rules[which].name;
}

const char *vm_rule_meaning(enum vm_rule which)
{
	return rules[which].meaning;
}

/* ---- machines ---- */

/* Tables of 512 entries and more, and pages cut by shifting, are what the tables can do. */
static bool has_tables(const struct vm_geometry *geometry)
{
	return geometry->page_shift >= 12;
}

struct vm_machine *vm_machine_create(const struct vm_config *config)
{
	static const struct vm_config all_default;
	if (config == NULL)
		config = &all_default;
	const struct vm_geometry *geometry =
		config->geometry != NULL ? config->geometry : vm_geometry_get(0);
	uint64_t frame_count = config->frame_count != 0 ? config->frame_count : FRAMES_DEFAULT;
	struct pool pool = {0};
	if (!has_tables(geometry) || frame_count < 2 || frame_count > FRAMES_MAX)
		return NULL;
	struct vm_machine *machine = pool_take(&pool, sizeof(*machine));
	if (machine == NULL)
		return NULL;
	machine->pool = pool;
	machine->geometry = geometry;
	machine->profile = config->profile != NULL ? *config->profile : profiles[0];
	machine->layout = config->layout;
	if (machine->layout.map_end == 0)
		machine->layout = layout_fixed;
	for (size_t i = 0; i < VM_RULE_COUNT; i++)
		machine->is_off[i] = config->is_off[i];
	machine->level_shift[0] = geometry->page_shift;
	for (unsigned i = 0; i < geometry->level_count; i++)
		machine->level_shift[i + 1] = machine->level_shift[i] + level_bits(machine, i);
	if (geometry->level_count > 1 && level_bits(machine, 0) < VM_ORDERS)
		machine->huge_bytes = (uint64_t)geometry->page_bytes << level_bits(machine, 0);
	if (!frames_init(&machine->frames, frame_count)) {
		vm_machine_destroy(machine);
		return NULL;
	}
	machine->zero_frame = frame_take(&machine->frames, 0, FRAME_ZERO);
	return machine;
}

void vm_machine_destroy(struct vm_machine *machine)
{
	if (machine == NULL)
		return;
	/* The machine itself lies in its pool. */
	group_finish(machine);
	struct pool pool = machine->pool;
	frames_finish(&machine->frames);
	pool_finish(&pool);
}

/* ---- spaces ---- */

struct vm_space *vm_space_create(struct vm_machine *machine)
{
	struct vm_space *space = pool_take(&machine->pool, sizeof(*space));
	if (space == NULL)
		return NULL;
	*space = (struct vm_space){
		.machine = machine,
		.number = machine->space_last + 1,
		.break_start = machine->layout.break_start,
		.break_end = machine->layout.break_start,
	};
	if (rule(space, VM_RULE_place_stack_gap))
		space->areas.gap_bytes =
			machine->profile.stack_gap_pages * machine->geometry->page_bytes;
	if (!table_root_make(space)) {
		pool_give(&machine->pool, space, sizeof(*space));
		return NULL;
	}
	machine->space_last++;
	space->next = machine->spaces;
	machine->spaces = space;
	return space;
}

/* Unmap everything. */
static void areas_drop(struct vm_space *space)
{
	while (space->areas.first != NULL) {
		struct area *area = space->areas.first;
		pages_drop(space, area->start, area->end, DROP_GUARDS);
		space_area_delete(space, area);
	}
}

void space_renew(struct vm_space *space)
{
	struct vm_counters kept = space->counters;
	areas_drop(space);
	tables_empty(space);
	unsigned top = space->machine->geometry->level_count - 1;
	space->counters = (struct vm_counters){0};
	space->counters.tables[top] = kept.tables[top];
	for (size_t i = 0; i < VM_REASON_COUNT; i++)
		space->counters.by_reason[i] = kept.by_reason[i];
	space->areas = (struct area_set){ .gap_bytes = space->areas.gap_bytes };
	space->locked_stray = 0;
	space->break_start = space->break_end = 0;
}

void vm_space_exit(struct vm_space *space)
{
	struct vm_machine *machine = space->machine;
	struct vm_space **link = &machine->spaces;
	group_space_empty(space);
	tables_finish(space);
	while (*link != space)
		link = &(*link)->next;
	*link = space->next;
	pool_give(&machine->pool, space, sizeof(*space));
}

bool vm_space_furnish(struct vm_space *space, uint64_t start, uint64_t end)
{
	struct area_plan plan = {
		.start = start,
		.end = end,
		.flags = VM_AREA_READ | VM_AREA_WRITE | VM_AREA_FURNITURE,
	};
	const struct area *area = area_look(&space->areas, start);
	if (start >= end || (area != NULL && area->start < end))
		return false;
	return space_area_add(space, &plan) != NULL;
}

bool vm_space_furnish_page(struct vm_space *space, uint64_t address)
{
	const struct area *area = area_look(&space->areas, address);
	if (area == NULL || area->start > address || !(area->flags & VM_AREA_FURNITURE))
		return false;
	uint64_t *entry = table_entry(space, address, 0, true);
	uint32_t frame = entry != NULL ? frame_take(&space->machine->frames, 0, FRAME_FURNITURE)
				       : FRAME_NONE;
	if (frame == FRAME_NONE || *entry != 0)
		return false;
	page_enter(space, entry, frame, page_bits(space, area) | ENTRY_WRITE);
	return true;
}
