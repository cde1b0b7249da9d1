/* SPDX-License-Identifier: MIT */
/*
 * SVG: a small picture of boxes, lines and words. Colours follow the reader's light or dark theme.
 */
#ifndef ALLOT_TOOLS_SVG_H
#define ALLOT_TOOLS_SVG_H

#include <stdbool.h>
#include <stdio.h>

/* Whose colour a thing has. */
enum svg_ink {
	SVG_INK,      /* of words and lines */
	SVG_PALE,     /* of what is empty or beside the point */
	SVG_FIRST,    /* five that are told apart, also without colours */
	SVG_SECOND,
	SVG_THIRD,
	SVG_FOURTH,
	SVG_FIFTH,
	SVG_INK_COUNT,
};

struct svg {
	FILE *out;
};

/* Begin a picture in the file `path`. False with errno. `title` is read out to who cannot see. */
bool svg_open(struct svg *svg, const char *path, int width, int height, const char *title);
/* End it. False with errno when it could not all be written. */
bool svg_close(struct svg *svg);

void svg_box(struct svg *svg, double x, double y, double width, double height, enum svg_ink ink,
	     bool is_filled);
void svg_line(struct svg *svg, double x1, double y1, double x2, double y2, enum svg_ink ink);
/* Words, the middle of their line at `x`, its base at `y`; `is_code` in a fixed pitch. */
void svg_words(struct svg *svg, double x, double y, enum svg_ink ink, bool is_code,
	       const char *format, ...) __attribute__((format(printf, 6, 7)));
/* The same, but the words begin at `x`. */
void svg_label(struct svg *svg, double x, double y, enum svg_ink ink, bool is_code,
	       const char *format, ...) __attribute__((format(printf, 6, 7)));
/* A line through points, x and y by turns. */
void svg_path(struct svg *svg, const double *points, size_t count, enum svg_ink ink);

#endif
