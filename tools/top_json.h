/* SPDX-License-Identifier: MIT */
/*
 * A look at a process as JSON, in the schema allot.top/1: one line, or a file of its own.
 */
#ifndef ALLOT_TOOLS_TOP_JSON_H
#define ALLOT_TOOLS_TOP_JSON_H

#include <stdio.h>

#include "top_view.h"

/* `row_count_max` rows of stacks and of classes; `is_compact`: in one line. */
void top_json_write(const struct top_view *view, struct top_process *process, FILE *out,
		    size_t row_count_max, bool is_compact);

#endif
