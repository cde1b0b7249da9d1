/* SPDX-License-Identifier: MIT */
/*
 * Statistics of a heap: by walking it, and as a report.
 */
#ifndef API_STATISTICS_H
#define API_STATISTICS_H

#include "allot/allot.h"
#include "front/heap.h"

/* Walk the heap and fill `out`; see allot_heap_statistics(). */
void statistics_read(struct heap *heap, struct allot_statistics *out);

/* Write a report of `heap` to descriptor `file`, or append it to the file `path` if not NULL. */
void statistics_print(struct heap *heap, int file, const char *path, bool as_json);

#endif
