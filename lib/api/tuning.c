/* SPDX-License-Identifier: MIT */
/*
 * The part of the malloc family that looks at the heap or tunes it: mallopt, mallinfo, mallinfo2,
 * malloc_info, malloc_stats, malloc_trim. Compiled twice, like malloc.c.
 *
 * What has no counterpart here (fast bins, tcache, top padding) is accepted and has no effect, as
 * programs check for success and little else.
 */
#include <errno.h>
#include <limits.h>
#include <malloc.h>

#include "allot/allot.h"
#include "api/process.h"
#include "api/statistics.h"
#include "names.h"

enum { STANDARD_ERROR = 2 };

struct mallinfo API(mallinfo)(void);
struct mallinfo2 API(mallinfo2)(void);

API_EXPORT int API(mallopt)(int parameter, int value)
{
	if (!process_prepare())
		return 0;
	switch (parameter) {
	case M_MMAP_THRESHOLD:
		heap_set_thresholds(&process.heap, (size_t)value, SIZE_MAX);
		return 1;
	case M_TRIM_THRESHOLD:
		/* -1 turns trimming off. */
		heap_set_thresholds(&process.heap, SIZE_MAX,
				    value < 0 ? SIZE_MAX / 2 : (size_t)value);
		return 1;
	case M_MMAP_MAX:
		if (value == 0) /* no mappings at all, as far as the strategy can do without */
			heap_set_thresholds(&process.heap, SIZE_MAX / 2, SIZE_MAX);
		return 1;
	default:
		return 1;
	}
}

API_EXPORT int API(malloc_trim)(size_t keep_bytes)
{
	return process_prepare() && heap_trim(&process.heap, process_caller(), keep_bytes) > 0;
}

API_EXPORT struct mallinfo2 API(mallinfo2)(void)
{
	struct allot_statistics s;
	if (!process_prepare())
		return (struct mallinfo2){0};
	statistics_read(&process.heap, &s);
	/* As in glibc, mappings are counted by hblkhd and not by uordblks. */
	size_t live_bytes = s.requested_bytes + s.rounding_bytes + s.tag_bytes -
			    s.own_mapping_bytes;
	return (struct mallinfo2){
		.arena = s.mapped_bytes - s.own_mapping_bytes,
		.ordblks = s.free_blocks,
		.hblks = s.own_mapping_blocks,
		.hblkhd = s.own_mapping_bytes,
		.uordblks = live_bytes,
		.fordblks = s.free_bytes,
		.keepcost = s.largest_free_bytes,
	};
}

static int saturate(size_t n)
{
	return n > INT_MAX ? INT_MAX : (int)n;
}

API_EXPORT struct mallinfo API(mallinfo)(void)
{
	struct mallinfo2 info = API(mallinfo2)();
	return (struct mallinfo){
		.arena = saturate(info.arena),
		.ordblks = saturate(info.ordblks),
		.hblks = saturate(info.hblks),
		.hblkhd = saturate(info.hblkhd),
		.uordblks = saturate(info.uordblks),
		.fordblks = saturate(info.fordblks),
		.keepcost = saturate(info.keepcost),
	};
}

API_EXPORT int API(malloc_info)(int options, FILE *stream)
{
	struct allot_statistics s;
	if (options != 0) {
		errno = EINVAL;
		return -1;
	}
	if (!process_prepare())
		return -1;
	statistics_read(&process.heap, &s);
	int written = fprintf(
		stream,
		"<malloc version=\"1\">\n"
		"<heap nr=\"0\" strategy=\"%s\">\n"
		"<total type=\"rest\" count=\"%zu\" size=\"%zu\"/>\n"
		"</heap>\n"
		"<total type=\"mmap\" count=\"%zu\" size=\"%zu\"/>\n"
		"<system type=\"current\" size=\"%zu\"/>\n"
		"<system type=\"max\" size=\"%zu\"/>\n"
		"<aspace type=\"total\" size=\"%zu\"/>\n"
		"</malloc>\n",
		process.options.strategy->name, s.free_blocks, s.free_bytes, s.own_mapping_blocks,
		s.own_mapping_bytes, s.mapped_bytes, s.mapped_bytes_peak, s.mapped_bytes);
	return written < 0 ? -1 : 0;
}

API_EXPORT void API(malloc_stats)(void)
{
	if (process_prepare())
		statistics_print(&process.heap, STANDARD_ERROR, NULL, false);
}
