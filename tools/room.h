/* SPDX-License-Identifier: MIT */
/*
 * Room: arrays and texts that grow, for commands that can do nothing useful without memory.
 *
 * Whoever asks gets it: where there is none the command says so and ends with STATUS_FAILURE, so
 * that no caller has a path for it that is never run.
 */
#ifndef ALLOT_TOOLS_ROOM_H
#define ALLOT_TOOLS_ROOM_H

#include <stddef.h>

/* `count` items of `item_bytes` bytes, all zero; the caller frees them. */
void *room_take(size_t count, size_t item_bytes);

/*
 * The array `items` with room for `count` items at least, `*room` of which it had; more than asked
 * for, so that growing one by one costs little. What is new is zero. Free it with free().
 */
void *room_grow(void *items, size_t *room, size_t count, size_t item_bytes);

/* A copy of the first `length` bytes of `text`, with a 0 behind. */
char *room_text(const char *text, size_t length);

/* What printf() would write. */
char *room_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
