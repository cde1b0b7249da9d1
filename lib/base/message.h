/* SPDX-License-Identifier: MIT */
/*
 * The last words: a line on standard error and the end of the process. No stdio, no allocation;
 * usable when the heap is damaged.
 */
#ifndef BASE_MESSAGE_H
#define BASE_MESSAGE_H

#include "base/text.h"

/* Write "allot: <text>\n" to standard error in one call. */
void message_write(const struct text *text);

/* Write a fixed line. */
void message_string(const char *string);

/* End the process by SIGABRT, as abort() does. */
_Noreturn void message_abort(void);

#endif
