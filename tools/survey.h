/* SPDX-License-Identifier: MIT */
/*
 * Survey: the settings of this system that bear on a preloaded heap.
 */
#ifndef ALLOT_TOOLS_SURVEY_H
#define ALLOT_TOOLS_SURVEY_H

#include <stdbool.h>

enum {
	SURVEY_TEXT_BYTES = 512,
};

/* One thing looked at. */
struct survey_item {
	const char *name;
	char value[SURVEY_TEXT_BYTES];   /* as found */
	char warning[SURVEY_TEXT_BYTES]; /* what is wrong with it; empty when nothing is */
};

/* Look at item `index`; false when there are no more. */
bool survey_look(int index, struct survey_item *out_item);

#endif
