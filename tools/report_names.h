/* SPDX-License-Identifier: MIT */
/*
 * Names: what frames of stacks are called, and which frames a report speaks of.
 *
 * A report names a small part of a trace's frames. Those are numbered anew, from 1 on; 0 is the
 * bottom of every stack. Stacks that weigh too little to be shown are counted for the frame that
 * called them, so that sums stay right.
 */
#ifndef ALLOT_TOOLS_REPORT_NAMES_H
#define ALLOT_TOOLS_REPORT_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <allot/trace.h>

enum {
	REPORT_DEPTH_MAX = 512, /* of stacks; a damaged trace may have circles */
};

struct report_names;

/* `trace` must outlive the result. NULL: no memory. */
struct report_names *report_names_open(struct trace *trace);
void report_names_close(struct report_names *names);

/* Never NULL. Valid while open; `out_line` may be NULL, and gets NULL when unknown. */
const char *report_names_function(struct report_names *names, uint32_t frame,
				  const char **out_line);
/* The file of code the frame lies in, without folders; "" when unknown. */
const char *report_names_module(struct report_names *names, uint32_t frame);

/* The frame that called `frame`, 0 at the bottom. */
uint32_t report_names_parent(const struct report_names *names, uint32_t frame);
size_t report_names_count(const struct report_names *names);

/* "inner < caller < its caller", as far as `bytes` go. Returns `text`. */
const char *report_names_stack(struct report_names *names, uint32_t stack, char *text,
			       size_t bytes);

/* Give `frame` and its callers numbers, if they have none. */
void report_names_use(struct report_names *names, uint32_t frame);
/* The number of a frame that is used, 0 for others. */
uint32_t report_names_number(const struct report_names *names, uint32_t frame);
/* Frames that are used, by number - 1. */
size_t report_names_used_count(const struct report_names *names);
uint32_t report_names_used(const struct report_names *names, size_t index);

#endif
