/* SPDX-License-Identifier: MIT */
/*
 * Notices: what `allot` says on standard error, beside its results.
 */
#ifndef ALLOT_TOOLS_NOTICE_H
#define ALLOT_TOOLS_NOTICE_H

#include <stdbool.h>
#include <stdio.h>

/* Write the line "allot: COMMAND: ..."; `command` may be NULL. */
void notice_write(const char *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Name what to type next: the line "next: ...". */
void notice_next(const char *line);

/* May `stream` carry colours: a terminal that can, and NO_COLOR(7) not set. */
bool notice_has_colour(FILE *stream);

#endif
