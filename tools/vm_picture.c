/* SPDX-License-Identifier: MIT */
/*
 * allot vm tree, strip: a script's end as pictures, in text and as SVG.
 *
 * The tree shows every page table there is, for each walk of vm_walk() tells how far it may jump.
 * The strip shows areas with what their pages hold.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "notice.h"
#include "svg.h"
#include "vm_after.h"
#include "vm_shared.h"

enum {
	STRIP_COLUMNS = 64,
	LEGEND_STATES = VM_PAGE_FURNITURE, /* states that are shown */
	MARGIN = 20,
	ROW_HEIGHT = 34,
	BAR_HEIGHT = 14,
	CELL_WIDTH = 10,
	TREE_INDENT = 40,
	PICTURE_WIDTH = 2 * MARGIN + STRIP_COLUMNS * CELL_WIDTH,
	LINE_BYTES = 160,
};

/* Lines of a picture before it is drawn: a text, how far to the right, and cells, or none. */
struct line {
	char text[LINE_BYTES];
	int indent;
	int cell_count;
	uint8_t cells[STRIP_COLUMNS]; /* enum vm_page_state */
};

struct picture {
	struct vm_after after;
	const char *svg_path;
	struct line *lines;
	size_t count, capacity;
};

static struct line *line_add(struct picture *picture)
{
	if (picture->count == picture->capacity) {
		size_t capacity = picture->capacity == 0 ? 32 : 2 * picture->capacity;
		struct line *lines = realloc(picture->lines, capacity * sizeof(*lines));
		if (lines == NULL)
			return NULL;
		picture->lines = lines;
		picture->capacity = capacity;
	}
	struct line *line = &picture->lines[picture->count++];
	*line = (struct line){ 0 };
	return line;
}

/* ---- the tree ---- */

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

/* A line for the table that `step` of the walk reads. */
static bool table_line(struct picture *picture, const struct vm_geometry *geometry,
		       const struct vm_walk *walk, unsigned step, uint64_t address)
{
	uint64_t span = level_span(geometry, step) << geometry->bits[step];
	uint64_t start = address / span * span;
	struct line *line = line_add(picture);
	if (line == NULL)
		return false;
	line->indent = (int)step;
	if (step == 0)
		snprintf(line->text, sizeof(line->text), "PGD table in frame %#" PRIx64,
			 walk->levels[0].table);
	else if (step + 1u < geometry->level_count)
		snprintf(line->text, sizeof(line->text),
			 "[%" PRIu32 "] %s table in frame %#" PRIx64, walk->levels[step - 1].index,
			 step_name(step), walk->levels[step].table);
	else
		snprintf(line->text, sizeof(line->text),
			 "[%" PRIu32 "] PTE table in frame %#" PRIx64 ": %012" PRIx64 ", %" PRIu64
			 " of 512 pages mapped", walk->levels[step - 1].index,
			 walk->levels[step].table, start,
			 pages_count(vm_after_space(&picture->after), start, start + span));
	return true;
}

static bool huge_line(struct picture *picture, const struct vm_walk *walk, uint64_t address)
{
	struct line *line = line_add(picture);
	unsigned last = walk->level_count - 1;
	if (line == NULL)
		return false;
	line->indent = (int)last + 1;
	snprintf(line->text, sizeof(line->text), "[%" PRIu32 "] huge page of 2 MiB: %012" PRIx64,
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
			if (!table_line(picture, geometry, &walk, step, at))
				return false;
		}
		bool is_huge = walk.is_mapped && walk.size == 1;
		if (is_huge && !huge_line(picture, &walk, at))
			return false;
		/* All of a last-level table is said in its line. */
		unsigned jump = last + 1u == geometry->level_count ? last - 1 : last;
		uint64_t span = level_span(geometry, jump);
		at = (at / span + 1) * span;
	}
	struct line *line = line_add(picture);
	if (line == NULL)
		return false;
	snprintf(line->text, sizeof(line->text),
		 "%" PRIu64 " tables, %" PRIu64 " KiB; one linear table for 48 bits: 512 GiB",
		 tables, tables * 4);
	return true;
}

/* ---- the strip ---- */

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

static bool strip_make(struct picture *picture)
{
	const struct vm_space *space = vm_after_space(&picture->after);
	struct vm_area_view view;
	for (uint64_t at = 0; vm_area_next(space, at, &view); at = view.end) {
		if (view.flags & VM_AREA_FURNITURE)
			continue;
		uint64_t pages = (view.end - view.start) / SCRIPT_PAGE_BYTES;
		uint64_t each = (pages + STRIP_COLUMNS - 1) / STRIP_COLUMNS;
		struct line *line = line_add(picture);
		if (line == NULL)
			return false;
		snprintf(line->text, sizeof(line->text),
			 "%012" PRIx64 "-%012" PRIx64 " %c%c%c%c %s, %" PRIu64 " page%s a cell",
			 view.start, view.end, view.flags & VM_AREA_READ ? 'r' : '-',
			 view.flags & VM_AREA_WRITE ? 'w' : '-',
			 view.flags & VM_AREA_EXEC ? 'x' : '-',
			 view.flags & VM_AREA_SHARED ? 's' : 'p',
			 vm_bytes_text(view.end - view.start), each, each == 1 ? "" : "s");
		for (uint64_t page = 0; page < pages; page += each) {
			uint64_t end = page + each < pages ? page + each : pages;
			line->cells[line->cell_count++] = (uint8_t)cell_state(
				space, view.start + page * SCRIPT_PAGE_BYTES,
				view.start + end * SCRIPT_PAGE_BYTES);
		}
	}
	return true;
}

/* ---- showing ---- */

static const char state_letters[] = ".zZafsg";

static void text_write(const struct picture *picture, bool has_legend)
{
	char label[AFTER_LABEL_BYTES];
	vm_after_label(&picture->after, label, sizeof(label));
	puts(label);
	for (size_t i = 0; i < picture->count; i++) {
		const struct line *line = &picture->lines[i];
		printf("%*s%s\n", 2 * line->indent, "", line->text);
		for (int j = 0; j < line->cell_count; j++)
			putchar(state_letters[line->cells[j]]);
		if (line->cell_count > 0)
			putchar('\n');
	}
	if (!has_legend)
		return;
	for (unsigned i = 0; i < LEGEND_STATES; i++)
		printf("%s%c %s", i > 0 ? ", " : "", state_letters[i],
		       vm_page_state_name((enum vm_page_state)i));
	putchar('\n');
}

static int svg_write(const struct picture *picture, const char *title)
{
	static const enum svg_ink inks[LEGEND_STATES] = { SVG_PALE,  SVG_SECOND, SVG_SECOND,
							  SVG_FIRST,  SVG_THIRD,  SVG_FOURTH,
							  SVG_FIFTH };
	struct svg svg;
	char label[AFTER_LABEL_BYTES];
	int height = 3 * MARGIN + (int)(picture->count + 1) * ROW_HEIGHT;
	vm_after_label(&picture->after, label, sizeof(label));
	if (!svg_open(&svg, picture->svg_path, PICTURE_WIDTH, height, title))
		goto failed;
	svg_words(&svg, PICTURE_WIDTH / 2.0, MARGIN + BAR_HEIGHT - 2, SVG_INK, false, "%s", label);
	for (size_t i = 0; i < picture->count; i++) {
		const struct line *line = &picture->lines[i];
		double y = MARGIN + (double)(i + 1) * ROW_HEIGHT;
		double x = MARGIN + (double)line->indent * TREE_INDENT;
		svg_words(&svg, PICTURE_WIDTH / 2.0, y + BAR_HEIGHT - 2, SVG_INK, true, "%s",
			  line->text);
		if (line->cell_count == 0)
			svg_box(&svg, x, y, PICTURE_WIDTH - MARGIN - x, BAR_HEIGHT + 4, SVG_PALE,
				false);
		for (int j = 0; j < line->cell_count; j++)
			svg_box(&svg, MARGIN + j * CELL_WIDTH, y + BAR_HEIGHT, CELL_WIDTH,
				BAR_HEIGHT, inks[line->cells[j]],
				line->cells[j] != VM_PAGE_NONE);
	}
	if (svg_close(&svg))
		return STATUS_OK;
failed:
	notice_write(picture->after.name, "%s: %s", picture->svg_path, strerror(errno));
	return STATUS_FAILURE;
}

static int picture_show(struct picture *picture)
{
	bool is_strip = picture->after.command == &command_vm_strip;
	if (!(is_strip ? strip_make(picture) : tree_make(picture))) {
		notice_write(picture->after.name, "no memory");
		return STATUS_FAILURE;
	}
	text_write(picture, is_strip);
	if (picture->svg_path == NULL)
		return STATUS_OK;
	return svg_write(picture, is_strip ? "Areas and their pages" : "Page tables");
}

static int picture_main(const struct command *command, int argc, char **argv)
{
	static struct picture picture; /* too large for a stack */
	struct argument_scan scan;
	const struct command_option *option;
	int status;
	picture.after.command = command;
	argument_init(&scan, command, argc, argv);
	while ((option = argument_next(&scan)) != NULL) {
		if (strcmp(option->name, "svg") == 0)
			picture.svg_path = scan.value;
		else
			vm_after_option(&picture.after, &scan, option->name);
	}
	if (scan.status != ARGUMENT_GO_ON)
		return scan.status;
	if (scan.index != argc - 1)
		return argument_refuse(&scan, NULL, "one script, not %d", argc - scan.index);
	if (vm_after_play(&picture.after, argv[scan.index], &status))
		status = picture_show(&picture);
	vm_after_finish(&picture.after);
	free(picture.lines);
	if (status == STATUS_OK)
		notice_next(command->next);
	return status;
}

int vm_tree_main(int argc, char **argv)
{
	return picture_main(&command_vm_tree, argc, argv);
}

int vm_strip_main(int argc, char **argv)
{
	return picture_main(&command_vm_strip, argc, argv);
}
