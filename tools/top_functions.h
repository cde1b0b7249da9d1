/* SPDX-License-Identifier: MIT */
/*
 * Functions: what the stacks of a process come to, function by function.
 *
 *   own    allocated by the function itself: it is the innermost of the stack
 *   total  allocated by it or by what it called; a function that calls itself counts once
 */
#ifndef ALLOT_TOOLS_TOP_FUNCTIONS_H
#define ALLOT_TOOLS_TOP_FUNCTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "top.h"

enum top_sort { TOP_BY_TOTAL, TOP_BY_OWN, TOP_BY_ALLOCATIONS, TOP_SORTS };

enum { TOP_ALL_THREADS = -1 };

struct top_function {
	const char *name;
	const char *module;      /* of code, without folders */
	uint64_t own_bytes, total_bytes;
	uint64_t own_blocks;
	uint64_t allocations;    /* own */
	uint64_t allocations_before;
	double rate;             /* own allocations a second */
	uint32_t stack;          /* the heaviest it is in */
	uint64_t stack_bytes;
	uint64_t stamp;          /* of the stack counted last */
};

struct top_functions {
	struct top_function *all; /* the order in which they were met */
	size_t count, room;
	uint32_t *of_frame;       /* index and 1, by frame; 0: not asked yet */
	size_t frame_count;
	uint32_t *by_name;        /* index and 1, by the name's address; a table */
	size_t name_room;
	uint32_t *order;          /* those that match, as they are shown */
	size_t order_count;
	uint64_t made_ns;         /* when it was last made */
	int thread;               /* for whom rates are */
};

/*
 * Work them out anew, for one thread or all, those whose name contains `filter` ("": all), by
 * `sort`. False: no memory.
 */
bool top_functions_make(struct top_process *process, int thread, const char *filter,
			enum top_sort sort);
void top_functions_close(struct top_functions *functions);

/* "inner < caller < its caller", as far as `bytes` go. Returns `text`. */
const char *top_stack_text(struct top_process *process, uint32_t stack, char *text, size_t bytes);

#endif
