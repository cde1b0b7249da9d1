/* SPDX-License-Identifier: MIT */
/*
 * The HTML report: one file that needs nothing but a browser, not even a network.
 */
#ifndef ALLOT_TOOLS_REPORT_HTML_H
#define ALLOT_TOOLS_REPORT_HTML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * Was the page built in? Not where d3 was missing at build time: the report is to be had as text
 * and JSON then, and whoever asks for HTML is told to install node-d3 and build again.
 */
bool report_html_is_built(void);

/*
 * Write the page for a report, `json_bytes` of "allot.report/1" as json.h writes it, to `out`.
 * `title`, UTF-8, names the page in tabs and bookmarks. False with errno when it could not all be
 * written, ENOTSUP when the page was not built in, ENOMEM. The same report gives the same bytes.
 */
bool report_html_write(FILE *out, const char *json, size_t json_bytes, const char *title);

#endif
