/* SPDX-License-Identifier: MIT */
/*
 * Replay, rows: what their columns mean.
 *
 * A label is of a replay: what depends on the pages the program wrote to, which a trace knows by
 * its samples only, is an estimate, however exactly the replay itself was measured.
 */
#include "replay_row.h"

#include <stdlib.h>
#include <string.h>

const struct replay_column_text replay_columns[REPLAY_COLUMNS] = {
	[REPLAY_PEAK_RSS] = {
		"peak_rss_bytes", "peak RSS", "bytes", "estimate", REPLAY_BETTER_LESS,
		"most resident bytes of the heap, the replaying program's own left out" },
	[REPLAY_PEAK_RSS_AT_SAMPLES] = {
		"peak_rss_at_samples_bytes", "at samples", "bytes", "estimate", REPLAY_BETTER_LESS,
		"the same, only looked at where the recording has samples: to compare with it" },
	[REPLAY_MEAN_RSS] = {
		"mean_rss_bytes", "mean RSS", "bytes", "estimate", REPLAY_BETTER_LESS,
		"resident bytes of the heap, averaged over the recorded time" },
	[REPLAY_U] = {
		"u", "U", "share", "measured", REPLAY_BETTER_MORE,
		"peak utilization: most requested bytes / most writable bytes mapped" },
	[REPLAY_REALIZED] = {
		"realized", "realized", "share", "estimate", REPLAY_BETTER_LESS,
		"realized fragmentation: peak RSS / bytes requested at that moment - 1" },
	[REPLAY_INTERNAL_SHARE] = {
		"internal_share", "internal", "share", "exact", REPLAY_BETTER_LESS,
		"rounding when most is live: (usable - requested) / usable bytes, tags left out" },
	[REPLAY_PINNED_SHARE] = {
		"pinned_share", "pinned", "share", "exact", REPLAY_BETTER_LESS,
		"on the model: free bytes on pages with live blocks / resident when most is live" },
	[REPLAY_MINOR_FAULTS] = {
		"minor_faults", "faults", "count", "estimate", REPLAY_BETTER_LESS,
		"page faults of the replay without I/O" },
	[REPLAY_MAJOR_FAULTS] = {
		"major_faults", "major", "count", "measured", REPLAY_BETTER_LESS,
		"page faults with I/O" },
	[REPLAY_TLB_MISS_SHARE] = {
		"tlb_miss_share", "TLB miss", "share", "exact", REPLAY_BETTER_LESS,
		"page table walks / accesses of the heap to its words and of the payload written" },
	[REPLAY_OPERATIONS_PER_S] = {
		"operations_per_s", "calls/s", "count", "measured", REPLAY_BETTER_MORE,
		"calls a second of CPU time, the loop that makes them and its writes included" },
	[REPLAY_P99_NS] = {
		"p99_ns", "p99", "ns", "n/a", REPLAY_BETTER_LESS,
		"not measured: a clock read around each call would be most of it" },
	[REPLAY_CPU_NS] = {
		"cpu_ns", "CPU", "ns", "measured", REPLAY_BETTER_LESS,
		"CPU time of all calls, the loop that makes them included" },
};

struct replay_row *replay_run_add(struct replay_run *run)
{
	struct replay_row **rows =
		reallocarray(run->rows, run->row_count + 1, sizeof(struct replay_row *));
	struct replay_row *row = calloc(1, sizeof(*row));

	if (rows != NULL)
		run->rows = rows;
	if (rows == NULL || row == NULL) {
		free(row);
		return NULL;
	}
	row->index = (unsigned)run->row_count;
	run->rows[run->row_count++] = row;
	return row;
}

void replay_run_finish(struct replay_run *run)
{
	for (size_t i = 0; i < run->row_count; i++)
		free(run->rows[i]);
	free(run->rows);
	*run = (struct replay_run){ .row_count = 0 };
}

bool replay_row_is_ok(const struct replay_row *row)
{
	return strcmp(row->status, "ok") == 0;
}
