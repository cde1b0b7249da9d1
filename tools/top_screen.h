/* SPDX-License-Identifier: MIT */
/*
 * Screen: a group of processes on a terminal, with keys, until one leaves it.
 */
#ifndef ALLOT_TOOLS_TOP_SCREEN_H
#define ALLOT_TOOLS_TOP_SCREEN_H

#include "top_group.h"
#include "top_view.h"

/* Is there a terminal, of a kind that is known? Else false with a message. */
bool top_screen_open(char *message, size_t message_bytes);

/* Show it until q, or a signal; the signal, or 0. Leaves the terminal as it was. */
int top_screen_run(struct top_group *group, struct top_view *view, double interval_s,
		   bool is_ascii);

/* Leave the terminal as it was, if it is not run. */
void top_screen_close(void);

#endif
