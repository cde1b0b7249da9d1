/* SPDX-License-Identifier: MIT */
/*
 * Saving what is looked at: a whole report where the whole recording is there, else the figures.
 */
#ifndef ALLOT_TOOLS_TOP_SAVE_H
#define ALLOT_TOOLS_TOP_SAVE_H

#include <stddef.h>

#include "top_view.h"

/*
 * Write allot.top.PID.json, or with a number behind PID where there is one. A recording that stays
 * in its file is made a report of (allot.report/1), beside us; of others this writes what it knows
 * (allot.top/1). `note` says what became of it.
 */
void top_save(const struct top_view *view, struct top_process *process, char *note,
	      size_t note_bytes);

/* A report that is being made: if it has been, say so in `note`. */
void top_save_look(char *note, size_t note_bytes);

#endif
