/* SPDX-License-Identifier: MIT */
/*
 * Functions with stack frames of many shapes, each compiled in several ways (unwind_calls.c), for
 * the tests of stacks. Each calls `next(argument)` in its frame.
 */
#ifndef UNWIND_CALLS_H
#define UNWIND_CALLS_H

#include <stddef.h>

typedef int unwind_next(void *argument);

enum { UNWIND_SHAPES = 8 };

struct unwind_calls {
	const char *name;
	int (*shapes[UNWIND_SHAPES])(unwind_next *next, void *argument);
	/* Call itself `depth` times, then `next`. */
	int (*recurse)(int depth, unwind_next *next, void *argument);
};

/* What functions with frames of a size that only they know make room for. */
extern _Thread_local size_t unwind_variable_bytes;

extern const struct unwind_calls unwind_calls_O0, unwind_calls_O1, unwind_calls_O2,
	unwind_calls_O3, unwind_calls_Os, unwind_calls_O2_fp, unwind_calls_O3_fp;

#endif
