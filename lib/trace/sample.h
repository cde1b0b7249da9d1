/* SPDX-License-Identifier: MIT */
/*
 * Sample: what was resident at a moment, put together from the pieces it was written in.
 */
#ifndef TRACE_SAMPLE_H
#define TRACE_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <allot/trace.h>

/* A sample that grows. Zeroed is empty. */
struct sample_builder {
	struct trace_sample sample; /* its runs are `runs` */
	struct trace_run *runs;
	size_t capacity;
	bool is_open; /* more pieces follow */
};

void sample_builder_finish(struct sample_builder *builder);

/* Forget the runs of the sample before, unless this one is still being put together. */
void sample_builder_begin(struct sample_builder *builder);

/* Add a run. False: out of memory, or more than any process has. */
bool sample_builder_add(struct sample_builder *builder, const struct trace_run *run);

/* Put its runs in order of their addresses: the recorder goes by what pages are for. */
void sample_builder_sort(struct sample_builder *builder);

#endif
