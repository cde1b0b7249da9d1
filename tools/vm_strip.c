/* SPDX-License-Identifier: MIT */
/*
 * allot vm strip: the areas of a process and what their pages hold, after a script or, one under
 * the other, after each of its operations.
 */
#include <inttypes.h>
#include <stdio.h>

#include "vm_picture.h"
#include "vm_shared.h"

/* Of enum vm_page_state, in its order; furniture is left out. */
static const struct picture_state states[] = {
	{ '.', SVG_PALE, false },   { 'z', SVG_SECOND, false }, { 'Z', SVG_SECOND, true },
	{ 'a', SVG_FIRST, true },   { 'f', SVG_THIRD, true },   { 's', SVG_FOURTH, true },
	{ 'g', SVG_FIFTH, true },
};
_Static_assert(sizeof(states) / sizeof(states[0]) == VM_PAGE_FURNITURE, "a state is missing");

static const char *state_name(unsigned state)
{
	return vm_page_state_name((enum vm_page_state)state);
}

/* What a cell of several pages is drawn as: of their states the last one of the legend. */
static unsigned cell_state(const struct vm_space *space, uint64_t start, uint64_t end)
{
	unsigned best = VM_PAGE_NONE;
	for (uint64_t at = start; at < end; at += SCRIPT_PAGE_BYTES) {
		struct vm_page_view page;
		vm_page_get(space, at, &page);
		if (page.state > best)
			best = page.state;
	}
	return best;
}

static bool area_row(struct picture *picture, const struct vm_area_view *view)
{
	const struct vm_space *space = vm_after_space(&picture->after);
	uint64_t pages = (view->end - view->start) / SCRIPT_PAGE_BYTES;
	uint64_t each = (pages + PICTURE_COLUMNS - 1) / PICTURE_COLUMNS;
	struct picture_row *row = picture_row_add(picture);
	if (row == NULL)
		return false;
	row->indent = picture->is_stepwise; /* below its operation */
	snprintf(row->text, sizeof(row->text),
		 "%012" PRIx64 "-%012" PRIx64 " %c%c%c%c %s, %" PRIu64 " page%s a cell",
		 view->start, view->end, view->flags & VM_AREA_READ ? 'r' : '-',
		 view->flags & VM_AREA_WRITE ? 'w' : '-', view->flags & VM_AREA_EXEC ? 'x' : '-',
		 view->flags & VM_AREA_SHARED ? 's' : 'p',
		 vm_bytes_text(view->end - view->start), each, each == 1 ? "" : "s");
	for (uint64_t page = 0; page < pages; page += each) {
		uint64_t end = page + each < pages ? page + each : pages;
		picture_cells_add(row, cell_state(space, view->start + page * SCRIPT_PAGE_BYTES,
						  view->start + end * SCRIPT_PAGE_BYTES), 1);
	}
	return true;
}

static bool areas_add(struct picture *picture)
{
	const struct vm_space *space = vm_after_space(&picture->after);
	struct vm_area_view view;
	for (uint64_t at = 0; space != NULL && vm_area_next(space, at, &view); at = view.end)
		if (!(view.flags & VM_AREA_FURNITURE) && !area_row(picture, &view))
			return false;
	return true;
}

/* The operation, and the areas after it. */
static bool strip_step(struct picture *picture)
{
	const struct script_op *op = picture->after.play.op;
	struct picture_row *row = picture_row_add(picture);
	if (row == NULL)
		return false;
	snprintf(row->text, sizeof(row->text), "%.*s", PICTURE_TEXT_BYTES - 1, op->text);
	return areas_add(picture);
}

static bool strip_make(struct picture *picture)
{
	return picture->is_stepwise || areas_add(picture);
}

int vm_strip_main(int argc, char **argv)
{
	static struct picture picture = { /* too large for a stack */
		.title = "Areas and their pages",
		.states = states,
		.state_count = sizeof(states) / sizeof(states[0]),
		.state_name = state_name,
		.step = strip_step,
		.make = strip_make,
	};
	return picture_main(&command_vm_strip, argc, argv, &picture);
}
