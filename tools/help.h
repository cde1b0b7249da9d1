/* SPDX-License-Identifier: MIT */
/*
 * Help: the table of commands as text for a terminal.
 */
#ifndef ALLOT_TOOLS_HELP_H
#define ALLOT_TOOLS_HELP_H

#include <stdio.h>

#include "command.h"

/* Write all there is to say about `command`, or about `allot` and its commands. */
void help_write(FILE *out, const struct command *command);

/* Write `text` to `out` from column `column` on, broken at blanks and indented by `indent`. */
void help_wrap(FILE *out, const char *text, int column, int indent);

#endif
