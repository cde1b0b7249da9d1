/* SPDX-License-Identifier: MIT */
/*
 * Saving: the HTML report in a file of its own.
 */
#ifndef ALLOT_TOOLS_REPORT_SAVE_H
#define ALLOT_TOOLS_REPORT_SAVE_H

#include <stdbool.h>

#include "report.h"

/*
 * Write the page for `report` to the file `path`, which must not exist yet unless `is_forced`.
 * False when it could not be; `command` has said why then, and no part of a page is left.
 */
bool report_save_html(const struct report *report, const char *command, const char *path,
		      bool is_forced);

#endif
