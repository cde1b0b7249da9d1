/* SPDX-License-Identifier: MIT */
/*
 * allot vm tree: every page table of a process, under the entry that points to it.
 *
 * What tables there are vm_walk() tells, address by address; how far it read says how far the next
 * walk may jump.
 */
#include <inttypes.h>
#include <stdio.h>

#include "vm_picture.h"
#include "vm_shared.h"

/* Bytes that an entry read by `step` of a walk covers. */
static uint64_t level_span(const struct vm_geometry *geometry, unsigned step)
{
	uint64_t span = geometry->page_bytes;
	for (unsigned i = step + 1u; i < geometry->level_count; i++)
		span <<= geometry->bits[i];
	return span;
}

/* Pages that are mapped in [start, end). */
static uint64_t pages_count(const struct vm_space *space, uint64_t start, uint64_t end)
{
	uint64_t count = 0;
	for (uint64_t at = start; at < end; at += SCRIPT_PAGE_BYTES) {
		struct vm_page_view page;
		vm_page_get(space, at, &page);
		count += page.state != VM_PAGE_NONE && page.state != VM_PAGE_GUARD;
	}
	return count;
}

static const char *step_name(unsigned step)
{
	static const char *const names[] = { "PGD", "PUD", "PMD", "PTE" };
	return names[step < 4 ? step : 3];
}

/* A row for the table that `step` of the walk reads. */
static bool table_row(struct picture *picture, const struct vm_geometry *geometry,
		      const struct vm_walk *walk, unsigned step, uint64_t address)
{
	uint64_t span = level_span(geometry, step) << geometry->bits[step];
	uint64_t start = address / span * span;
	struct picture_row *row = picture_row_add(picture);
	if (row == NULL)
		return false;
	row->indent = (int)step;
	if (step == 0)
		snprintf(row->text, sizeof(row->text), "PGD table in frame %#" PRIx64,
			 walk->levels[0].table);
	else if (step + 1u < geometry->level_count)
		snprintf(row->text, sizeof(row->text), "[%" PRIu32 "] %s table in frame %#" PRIx64,
			 walk->levels[step - 1].index, step_name(step), walk->levels[step].table);
	else
		snprintf(row->text, sizeof(row->text),
			 "[%" PRIu32 "] PTE table in frame %#" PRIx64 ": %012" PRIx64 ", %" PRIu64
			 " of 512 pages mapped", walk->levels[step - 1].index,
			 walk->levels[step].table, start,
			 pages_count(vm_after_space(&picture->after), start, start + span));
	return true;
}

static bool huge_row(struct picture *picture, const struct vm_walk *walk, uint64_t address)
{
	struct picture_row *row = picture_row_add(picture);
	unsigned last = walk->level_count - 1;
	if (row == NULL)
		return false;
	row->indent = (int)last + 1;
	snprintf(row->text, sizeof(row->text), "[%" PRIu32 "] huge page of 2 MiB: %012" PRIx64,
		 walk->levels[last].index, address);
	return true;
}

static bool tree_make(struct picture *picture)
{
	const struct vm_geometry *geometry = vm_geometry_get(0);
	const struct vm_space *space = vm_after_space(&picture->after);
	uint64_t shown[VM_LEVELS_MAX] = { 0 };
	uint64_t tables = 0;
	for (uint64_t at = 0; at < geometry->user_end;) {
		struct vm_walk walk;
		vm_walk(space, at, VM_LOAD, &walk);
		unsigned last = walk.level_count - 1;
		for (unsigned step = 0; step <= last; step++) {
			if (shown[step] == walk.levels[step].table)
				continue;
			shown[step] = walk.levels[step].table;
			tables++;
			if (!table_row(picture, geometry, &walk, step, at))
				return false;
		}
		bool is_huge = walk.is_mapped && walk.size == 1;
		if (is_huge && !huge_row(picture, &walk, at))
			return false;
		/* All of a last-level table is said in its row. */
		unsigned jump = last + 1u == geometry->level_count ? last - 1 : last;
		uint64_t span = level_span(geometry, jump);
		at = (at / span + 1) * span;
	}
	struct picture_row *row = picture_row_add(picture);
	if (row == NULL)
		return false;
	snprintf(row->text, sizeof(row->text),
		 "%" PRIu64 " tables, %" PRIu64 " KiB; one linear table for 48 bits: 512 GiB",
		 tables, tables * 4);
	return true;
}

int vm_tree_main(int argc, char **argv)
{
	static struct picture picture = { /* too large for a stack */
		.title = "Page tables",
		.is_tree = true,
		.make = tree_make,
	};
	return picture_main(&command_vm_tree, argc, argv, &picture);
}
