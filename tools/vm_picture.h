/* SPDX-License-Identifier: MIT */
/*
 * Pictures of the machine after a script: rows of words, with a line of cells to each or none, as
 * text, as SVG and as JSON. A cell is in one of a few states, which have a letter and a colour.
 *
 * A command fills in a struct picture and calls picture_main(), which takes the options, plays the
 * script, has the rows made and writes them.
 */
#ifndef ALLOT_TOOLS_VM_PICTURE_H
#define ALLOT_TOOLS_VM_PICTURE_H

#include "svg.h"
#include "vm_after.h"

enum {
	PICTURE_COLUMNS = 64,     /* cells of a row at most */
	PICTURE_TEXT_BYTES = 160,
};

struct picture_state {
	char letter;
	enum svg_ink ink;
	bool is_filled;
	bool joins;        /* drawn as more of the cell before it */
};

struct picture_row {
	char text[PICTURE_TEXT_BYTES];
	int indent;
	int cell_count;
	uint8_t cells[PICTURE_COLUMNS]; /* of the picture's states */
};

struct picture {
	struct vm_after after;
	const char *title;                  /* for who cannot see it */
	const struct picture_state *states; /* NULL: it has no cells */
	unsigned state_count;
	const char *(*state_name)(unsigned state); /* NULL: left out of the legend */
	int text_columns;                   /* cells stand beside that many columns of words; 0:
					       below them */
	bool is_tree;                       /* rows are boxes, each below the one it belongs to */
	bool (*step)(struct picture *);     /* if is_stepwise: after each operation */
	bool (*make)(struct picture *);     /* after the last one; both are false without memory */
	const char *svg_path;
	bool is_stepwise;                   /* also --steps */
	struct picture_row *rows;
	size_t count, capacity;
};

/* A new row at the end, empty; NULL without memory. The ones before it may have moved. */
struct picture_row *picture_row_add(struct picture *picture);

/* Add cells of one state, as many as there is room for. */
void picture_cells_add(struct picture_row *row, unsigned state, uint64_t count);

int picture_main(const struct command *command, int argc, char **argv, struct picture *picture);

#endif
