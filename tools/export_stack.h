/* SPDX-License-Identifier: MIT */
/*
 * Stacks as texts: functions from the outermost on, with ";" between them.
 */
#ifndef ALLOT_TOOLS_EXPORT_STACK_H
#define ALLOT_TOOLS_EXPORT_STACK_H

#include "export.h"

/* Start with { .export = ... }. */
struct export_stack {
	struct export *export;
	char *text;
	size_t text_room;
	uint32_t *frames;
	size_t frame_room;
};

/*
 * The functions of a stack. A ";" in a name becomes ":", a line feed a blank. Valid until the next
 * call.
 */
const char *export_stack_text(struct export_stack *stack, uint32_t frame);
void export_stack_finish(struct export_stack *stack);

/*
 * One of the functions of a frame as valgrind's tools write it: "0x401136: parse (parse.c:12)", or
 * "0x401136: parse (in /usr/bin/program)" without a known line. The caller frees it.
 */
char *export_place_text(struct export *export, const struct symbols_place *place, size_t function);

#endif
