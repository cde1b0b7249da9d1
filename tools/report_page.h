/* SPDX-License-Identifier: MIT */
/*
 * The page of the HTML report as embed.py put it together: pieces, and what is written after each.
 */
#ifndef ALLOT_TOOLS_REPORT_PAGE_H
#define ALLOT_TOOLS_REPORT_PAGE_H

#include <stddef.h>

enum report_page_cut {
	REPORT_PAGE_END,      /* nothing */
	REPORT_PAGE_TITLE,
	REPORT_PAGE_SUMMARY,  /* what is read where scripts are off */
	REPORT_PAGE_TYPE,     /* how the report is written */
	REPORT_PAGE_REPORT,
};

struct report_page_piece {
	const unsigned char *bytes;
	size_t count;
	enum report_page_cut cut;  /* what follows the bytes */
};

/* Ends with a piece whose bytes are NULL; nothing but that when there was no d3. */
extern const struct report_page_piece report_page[];

#endif
