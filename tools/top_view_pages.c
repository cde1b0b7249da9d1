/* SPDX-License-Identifier: MIT */
/*
 * The tabs about pages: a map of the heap's addresses, and the kernel's page faults.
 *
 * A place of the map stands for so many pages that all of the heap fits. Its shade says what share
 * of its resident pages live blocks take up, at this moment; which pages are resident is known as
 * of the last sample that was kept.
 */
#include <inttypes.h>
#include <string.h>

#include "top_view.h"

enum {
	ADDRESS_COLUMNS = 14,
	SHADES = 4,
	FAULT_ROWS = 6,
};

/* What the pages of a place come to. */
struct place {
	uint64_t resident_bytes, live_bytes;
};

static bool is_shown(const struct report_range *range)
{
	return range->use == TRACE_USE_HEAP || range->use == TRACE_USE_MAPPING;
}

/* Places that the heap takes up with `bytes` for each. Ranges begin with a place of their own. */
static uint64_t places_count(const struct report_ranges *ranges, uint64_t bytes)
{
	uint64_t count = 0;

	for (size_t i = 0; i < ranges->count; i++)
		if (is_shown(&ranges->all[i]))
			count += (ranges->all[i].end - ranges->all[i].begin + bytes - 1) / bytes;
	return count;
}

/* Add pages [begin, end), which are resident, to the place. */
static void place_add(const struct top_process *process, uint64_t begin, uint64_t end,
		      struct place *place)
{
	struct report_page_sum sum = { .live_bytes = 0 };

	report_pages_sum(&process->count.pages, begin, end, &sum);
	place->resident_bytes += end - begin;
	place->live_bytes += sum.live_bytes;
}

/* `*run` is the first run that may reach into [begin, end), and moves on with the places. */
static struct place place_make(const struct top_process *process, uint64_t begin, uint64_t end,
			       size_t *run)
{
	struct place place = { .live_bytes = 0 };

	if (process->run_count == 0) {
		place_add(process, begin, end, &place);
		return place;
	}
	while (*run < process->run_count &&
	       process->runs[*run].address + process->runs[*run].bytes <= begin)
		++*run;
	for (size_t i = *run; i < process->run_count && process->runs[i].address < end; i++) {
		uint64_t from = process->runs[i].address;
		uint64_t to = from + process->runs[i].bytes;
		place_add(process, from > begin ? from : begin, to < end ? to : end, &place);
	}
	return place;
}

static void place_draw(struct top_canvas *canvas, int row, int column, const struct place *place)
{
	static const wchar_t shades[SHADES] = { 0x2591, 0x2592, 0x2593, 0x2588 };
	static const char ascii[SHADES + 1] = ":+%#";

	if (place->resident_bytes == 0) {
		top_canvas_fill(canvas, row, column, 1, TOP_WEAK, 0x00b7, '.');
		return;
	}
	if (place->live_bytes == 0) {
		top_canvas_fill(canvas, row, column, 1, TOP_TERM + REPORT_RECLAIMABLE_FREE, 'o',
				'o');
		return;
	}
	double share = (double)place->live_bytes / (double)place->resident_bytes;
	int shade = share >= 1 ? SHADES - 1 : (int)(share * SHADES);
	top_canvas_fill(canvas, row, column, 1,
			shade == 0 ? TOP_TERM + REPORT_PINNED_FREE : TOP_TERM + REPORT_REQUESTED,
			shades[shade], ascii[shade]);
}

/* Where the next place goes. */
struct pen {
	int row, column;
};

static void range_draw(const struct top_process *process, struct top_canvas *canvas,
		       struct top_area area, const struct report_range *range, uint64_t bytes,
		       struct pen *pen)
{
	size_t run = 0;

	for (uint64_t at = range->begin; at < range->end && pen->row < area.end; at += bytes) {
		uint64_t end = range->end - at < bytes ? range->end : at + bytes;
		if (pen->column == ADDRESS_COLUMNS)
			top_canvas_right(canvas, pen->row, ADDRESS_COLUMNS - 1, TOP_WEAK,
					 "%012" PRIx64, at);
		struct place place = place_make(process, at, end, &run);
		place_draw(canvas, pen->row, pen->column++, &place);
		if (pen->column >= canvas->columns) {
			pen->column = ADDRESS_COLUMNS;
			pen->row++;
		}
	}
}

void top_pages_draw(struct top_view *view, struct top_process *process,
		    struct top_canvas *canvas, struct top_area area)
{
	const struct report_ranges *ranges = &process->count.ranges;
	uint64_t bytes = process->info->page_bytes > 0 ? process->info->page_bytes : 4096;
	uint64_t room = (uint64_t)(area.end - area.first - 1) *
			(uint64_t)(canvas->columns - ADDRESS_COLUMNS);
	struct pen pen = { area.first + 1, ADDRESS_COLUMNS };

	view->row_count = 0;
	if (!process->is_counting)
		return;
	while (places_count(ranges, bytes) > room && bytes < UINT64_MAX / 2)
		bytes *= 2;
	const char *place = top_bytes((double)bytes);
	if (canvas->is_ascii)
		top_canvas_text(canvas, area.first, 0, TOP_WEAK, "a place is %s  #%%+: share that "
				"is live  o all free  . not resident", place);
	else
		top_canvas_text(canvas, area.first, 0, TOP_WEAK, "a place is %s  "
				"\u2588\u2593\u2592\u2591 share that is live  o all free  "
				"\u00b7 not resident", place);
	for (size_t i = 0; i < ranges->count && pen.row < area.end; i++)
		if (is_shown(&ranges->all[i]))
			range_draw(process, canvas, area, &ranges->all[i], bytes, &pen);
}

/* ---- faults ------------------------------------------------------------------------------- */

/* Minor faults in the second that is `ago` before the last. */
static uint64_t second_faults(const struct top_process *process, unsigned ago)
{
	const struct top_second *second = top_process_second(process, ago);
	const struct top_second *before = top_process_second(process, ago + 1);

	if (second == NULL || before == NULL || second->minor_faults < before->minor_faults)
		return second != NULL && before == NULL ? second->minor_faults : 0;
	return second->minor_faults - before->minor_faults;
}

static void faults_graph(const struct top_process *process, struct top_canvas *canvas,
			 struct top_area area)
{
	uint64_t peak = 1;
	int rows = area.end - area.first, width = canvas->columns - ADDRESS_COLUMNS;

	for (unsigned ago = 0; ago < TOP_SECONDS; ago++)
		peak = second_faults(process, ago) > peak ? second_faults(process, ago) : peak;
	top_canvas_right(canvas, area.first, ADDRESS_COLUMNS - 1, TOP_WEAK, "%s/s",
			 top_count((double)peak));
	top_canvas_right(canvas, area.end - 1, ADDRESS_COLUMNS - 1, TOP_WEAK, "60 s       0");
	for (int i = 0; i < width; i++) {
		unsigned ago = (unsigned)((long)(width - 1 - i) * TOP_SECONDS / width);
		double share = (double)second_faults(process, ago) / (double)peak;
		int eighths = (int)(share * rows * 8 + 0.5);
		for (int row = area.end - 1; row >= area.first && eighths > 0; row--) {
			int filled = eighths > 8 ? 8 : eighths;
			top_canvas_fill(canvas, row, ADDRESS_COLUMNS + i, 1,
					TOP_TERM + REPORT_ROUNDING, 0x2580 + filled, '#');
			eighths -= filled;
		}
	}
}

static void fault_line(struct top_canvas *canvas, int row, const char *name, const char *value,
		       const char *note)
{
	top_canvas_text(canvas, row, 0, TOP_PLAIN, "%s", name);
	top_canvas_right(canvas, row, 34, TOP_STRONG, "%s", value);
	top_canvas_text(canvas, row, 36, TOP_WEAK, "%s", note);
}

void top_faults_draw(struct top_view *view, struct top_process *process,
		     struct top_canvas *canvas, struct top_area area)
{
	const struct report_point *last = &process->count.last;
	const struct report_count *count = &process->count;
	int row = area.first;

	view->row_count = 0;
	if (count->samples == 0) {
		top_canvas_text(canvas, row, 0, TOP_WEAK, "no sample of the kernel's figures yet");
		return;
	}
	fault_line(canvas, row++, "minor faults", top_count((double)last->minor_faults),
		   "pages made present by the kernel (measured)");
	fault_line(canvas, row++, "  a second", top_count(process->rates.minor_faults), "");
	fault_line(canvas, row++, "major faults", top_count((double)last->major_faults),
		   "pages that had to be read (measured)");
	fault_line(canvas, row++, "RSS of the process", top_bytes((double)last->process_bytes),
		   "stacks, code and all (measured)");
	fault_line(canvas, row++, "heap swapped out", top_bytes((double)last->swapped_bytes), "");
	fault_line(canvas, row++, "refused requests", top_count((double)count->failures),
		   "malloc() returned NULL (exact)");
	if (area.end - row > FAULT_ROWS / 2)
		faults_graph(process, canvas, (struct top_area){ row + 1, area.end });
}
