/* SPDX-License-Identifier: MIT */
/*
 * Exports as the traces of the malloc lab of CS:APP: "a id bytes", "r id bytes", "f id".
 *
 * Four numbers come first: a heap size (the most that was requested, which drivers ignore), how
 * many ids there are, how many lines, and a weight. The trace is therefore read twice. The form
 * has no threads, times, stacks or alignments, and none of what was refused.
 */
#include "export.h"

#include <inttypes.h>

#include "heap_figures.h"
#include "notice.h"

enum { ALIGN_LOG2_OF_ALL = 4 };

struct rep {
	FILE *out;
	uint64_t id_count, line_count;
	uint64_t bytes_live, bytes_peak;
	uint64_t aligned_count;
};

static void rep_count(void *context, const struct trace_event *event)
{
	struct rep *rep = context;
	bool is_allocation = event->kind == TRACE_ALLOCATE || event->kind == TRACE_RESIZE;

	if (event->kind == TRACE_FREE && !event->is_unknown)
		rep->bytes_live -= event->block.bytes;
	if (event->kind == TRACE_RESIZE && !event->is_unknown)
		rep->bytes_live -= event->old.bytes;
	if (is_allocation || (event->kind == TRACE_FREE && !event->is_unknown))
		rep->line_count++;
	if (!is_allocation)
		return;
	rep->bytes_live += event->block.bytes;
	if (rep->bytes_live > rep->bytes_peak)
		rep->bytes_peak = rep->bytes_live;
	if (event->number >= rep->id_count)
		rep->id_count = (uint64_t)event->number + 1;
	if (event->block.align_log2 > ALIGN_LOG2_OF_ALL)
		rep->aligned_count++;
}

static void rep_write(void *context, const struct trace_event *event)
{
	struct rep *rep = context;

	if (event->kind == TRACE_FREE && !event->is_unknown)
		fprintf(rep->out, "f %" PRIu32 "\n", event->number);
	else if (event->kind == TRACE_ALLOCATE || event->kind == TRACE_RESIZE)
		fprintf(rep->out, "%c %" PRIu32 " %" PRIu64 "\n",
			event->kind == TRACE_RESIZE && !event->is_unknown ? 'r' : 'a',
			event->number, event->block.bytes);
}

bool export_rep(struct export *export)
{
	struct rep rep = { .out = export->out };

	if (!export_pass(export, rep_count, &rep))
		return false;
	fprintf(export->out, "%" PRIu64 "\n%" PRIu64 "\n%" PRIu64 "\n1\n", rep.bytes_peak,
		rep.id_count, rep.line_count);
	if (rep.aligned_count > 0)
		notice_write(export->command,
			     "%" PRIu64 " requests were for an alignment, which the form cannot "
			     "tell: they are plain ones in it", rep.aligned_count);
	return export_pass(export, rep_write, &rep);
}
