/* SPDX-License-Identifier: MIT */
/*
 * Sample: put together from the pieces it was written in. See sample.h.
 */
#include "trace/sample.h"

#include <stdlib.h>
#include <string.h>

#include "trace/dictionary.h"

/* A run is at least a page, and another page lies between two: 64 GiB of every second page. */
enum { RUNS_MAX = 1 << 23 };

void sample_builder_finish(struct sample_builder *builder)
{
	free(builder->runs);
	memset(builder, 0, sizeof(*builder));
}

void sample_builder_begin(struct sample_builder *builder)
{
	if (builder->is_open)
		return;
	memset(&builder->sample, 0, sizeof(builder->sample));
	builder->is_open = true;
}

static int run_compare(const void *a, const void *b)
{
	const struct trace_run *first = a, *second = b;

	return (first->address > second->address) - (first->address < second->address);
}

void sample_builder_sort(struct sample_builder *builder)
{
	if (builder->sample.run_count > 1)
		qsort(builder->runs, builder->sample.run_count, sizeof(builder->runs[0]),
		      run_compare);
}

bool sample_builder_add(struct sample_builder *builder, const struct trace_run *run)
{
	struct trace_sample *sample = &builder->sample;

	if (sample->run_count >= RUNS_MAX ||
	    !array_reserve(&builder->runs, &builder->capacity, sample->run_count, sizeof(*run)))
		return false;
	builder->runs[sample->run_count++] = *run;
	sample->heap_resident_bytes[run->use] += run->bytes;
	return true;
}
