/* SPDX-License-Identifier: MIT */
/*
 * The report as JSON: the map, the inspector, pins and free space.
 */
#include <stdlib.h>

#include "report_json.h"
#include "report_names.h"

enum {
	PIN_ROWS = 200,
	BYTE_STEPS = 200, /* a share as a byte: 0 to 200 for 0 to 100 % */
};

void report_json_stack(struct json *json, const char *key, const struct report *report,
		       uint32_t stack)
{
	report_names_use(report->names, stack);
	json_number(json, key, report_names_number(report->names, stack));
}

/* Of what is said about pages. */
static const char *residency_label(const struct report *report)
{
	if (report->has_residency)
		return "measured";
	return report->info->has_addresses
		? "estimate (pages with live bytes are taken to be resident)"
		: "n/a (the trace has no addresses)";
}

static void legend_write(struct json *json)
{
	json_open(json, "legend", '{');
	json_text(json, "0-100", "occupancy of resident pages in per cent");
	json_text(json, "101", "free, resident");
	json_text(json, "102", "released");
	json_text(json, "103", "metadata");
	json_text(json, "104", "never touched");
	json_text(json, "105", "not mapped");
	json_text(json, "106", "swapped");
	json_close(json, '{');
}

/* Cells without the columns that were not filled. */
static void cells_write(struct json *json, const struct report_map *map)
{
	size_t count = map->row_count * map->column_count, at = 0;
	unsigned char *cells = malloc(count + 1);

	if (cells == NULL) {
		json_text(json, "cells", NULL);
		return;
	}
	for (size_t row = 0; row < map->row_count; row++)
		for (size_t column = 0; column < map->column_count; column++)
			cells[at++] = map->cells[row * REPORT_MAP_COLUMNS + column];
	json_bytes(json, "cells", cells, count);
	free(cells);
}

void report_json_pages(struct json *json, const struct report *report)
{
	const struct report_map *map = &report->look.map;

	json_open(json, "pages", '{');
	json_text(json, "label", residency_label(report));
	json_open(json, "time_ns", '[');
	for (size_t i = 0; i < map->column_count; i++)
		json_number(json, NULL, (int64_t)map->time[i]);
	json_close(json, '[');
	json_open(json, "row_address", '[');
	for (size_t i = 0; i < map->row_count; i++)
		json_hex(json, NULL, map->row_address[i]);
	json_close(json, '[');
	json_number(json, "row_bytes", (int64_t)map->row_bytes);
	json_open(json, "breaks", '[');
	for (size_t i = 0; i < map->break_count; i++)
		json_number(json, NULL, (int64_t)map->breaks[i]);
	json_close(json, '[');
	cells_write(json, map);
	legend_write(json);
	json_close(json, '{');
}

static const char *call_name(uint8_t call)
{
	switch (call) {
	case TRACE_MALLOC:
		return "malloc";
	case TRACE_CALLOC:
		return "calloc";
	case TRACE_REALLOC:
		return "realloc";
	case TRACE_ALIGNED:
		return "aligned_alloc";
	default:
		return "other";
	}
}

static void piece_write(struct json *json, const struct report *report,
			const struct report_piece *piece)
{
	json_open(json, NULL, '{');
	json_number(json, "offset", piece->offset);
	json_number(json, "block_bytes", (int64_t)piece->block_bytes);
	if (piece->is_live) {
		json_number(json, "usable_bytes", (int64_t)piece->usable_bytes);
		json_number(json, "requested_bytes", (int64_t)piece->requested_bytes);
		json_number(json, "tag_bytes", (int64_t)piece->tag_bytes);
	}
	json_text(json, "state", piece->is_live ? "live" : "free");
	if (piece->is_live) {
		report_json_stack(json, "stack", report, piece->stack);
		json_number(json, "thread", piece->thread);
		json_number(json, "age_ns", (int64_t)piece->age_ns);
		json_text(json, "call", call_name(piece->call));
	}
	json_close(json, '{');
}

static const char *use_of(const struct report *report, uint64_t address)
{
	const struct report_range *range = report_ranges_find(&report->look.ranges, address);

	if (range == NULL || range->begin > address)
		return "heap";
	return range->use == TRACE_USE_MAPPING ? "mapping" : "heap";
}

void report_json_inspector(struct json *json, const struct report *report)
{
	const struct report_inspected *inspected = &report->shown->inspected;

	json_open(json, "inspector", '{');
	json_text(json, "moment", report->shown->key);
	json_open(json, "pages", '[');
	for (size_t i = 0; i < inspected->count; i++) {
		const struct report_inspected_page *page = &inspected->pages[i];

		json_open(json, NULL, '{');
		json_hex(json, "address", page->address);
		json_text(json, "use", use_of(report, page->address));
		if (report->has_residency)
			json_bool(json, "is_resident", true);
		else
			json_text(json, "is_resident", NULL);
		json_number(json, "live_bytes", (int64_t)page->live_bytes);
		json_number(json, "free_bytes", (int64_t)page->free_bytes);
		json_number(json, "overhead_bytes", (int64_t)page->overhead_bytes);
		json_text(json, "reason", report_reason_name(page->reason));
		json_open(json, "blocks", '[');
		for (size_t j = 0; j < page->piece_count; j++)
			piece_write(json, report, &page->pieces[j]);
		json_close(json, '[');
		json_close(json, '{');
	}
	json_close(json, '[');
	json_close(json, '{');
}

static void pin_write(struct json *json, const struct report *report, const struct report_pin *pin)
{
	uint64_t returns = report_pin_returns(pin, report->count.page_bytes);

	json_open(json, NULL, '{');
	report_json_stack(json, "stack", report, pin->stack);
	json_number(json, "live_bytes", (int64_t)pin->live_bytes);
	json_number(json, "objects", (int64_t)pin->objects);
	json_number(json, "pages", (int64_t)pin->pages);
	json_number(json, "exclusive_pages", (int64_t)pin->exclusive_pages);
	json_number(json, "pinned_bytes", (int64_t)pin->pinned_bytes);
	json_number(json, "median_age_ns", (int64_t)pin->median_age_ns);
	json_number(json, "returns_bytes", (int64_t)returns);
	if (pin->live_bytes > 0)
		json_real(json, "leverage", (double)returns / (double)pin->live_bytes);
	else
		json_text(json, "leverage", NULL);
	json_close(json, '{');
}

static void occupancy_write(struct json *json, const struct report_pins *pins)
{
	json_open(json, "occupancy", '[');
	for (int i = 0; i < REPORT_OCCUPANCIES; i++) {
		int last = REPORT_OCCUPANCIES - 1;

		/* Empty; more than `from` up to `to` per cent; full. */
		json_open(json, NULL, '{');
		json_number(json, "from", i == 0 ? 0 : i == last ? 100 : 5 * (i - 1));
		json_number(json, "to", i == 0 ? 0 : i == last ? 100 : 5 * i);
		json_number(json, "pages", (int64_t)pins->occupancy[i].pages);
		json_number(json, "free_bytes", (int64_t)pins->occupancy[i].free_bytes);
		json_close(json, '{');
	}
	json_close(json, '[');
}

void report_json_pins(struct json *json, const struct report *report)
{
	const struct report_pins *pins = &report->shown->pins;
	size_t rows = pins->row_count < PIN_ROWS ? pins->row_count : PIN_ROWS;
	double sum = 0;

	json_open(json, "pins", '{');
	json_text(json, "label", residency_label(report));
	json_text(json, "moment", report->shown->key);
	json_number(json, "pinned_free_bytes", (int64_t)pins->pinned_bytes);
	json_open(json, "rows", '[');
	for (size_t i = 0; i < rows; i++)
		pin_write(json, report, &pins->rows[i]);
	json_close(json, '[');
	json_open(json, "cumulative", '[');
	for (size_t i = 0; i < rows && pins->pinned_bytes > 0; i++) {
		sum += (double)pins->rows[i].pinned_bytes;
		json_real(json, NULL, sum / (double)pins->pinned_bytes);
	}
	json_close(json, '[');
	occupancy_write(json, pins);
	json_close(json, '{');
}

static void unusable_write(struct json *json, const struct report_look *look)
{
	size_t count = REPORT_GAP_SIZES * look->column, at = 0;
	unsigned char *shares = malloc(count + 1);

	if (shares == NULL) {
		json_text(json, "unusable", NULL);
		return;
	}
	for (unsigned size = 0; size < REPORT_GAP_SIZES; size++)
		for (size_t column = 0; column < look->column; column++)
			shares[at++] = (unsigned char)(report_gaps_unusable(&look->gaps[column],
									     size) * BYTE_STEPS +
						       0.5);
	json_bytes(json, "unusable", shares, count);
	free(shares);
}

void report_json_free_space(struct json *json, const struct report *report)
{
	const struct report_look *look = &report->look;

	json_open(json, "free_space", '{');
	json_text(json, "label", report->count.has_ranges ? "exact"
		  : report->info->has_addresses
		  ? "estimate (the heap is taken to be where blocks ever were)"
		  : "n/a (the trace has no addresses)");
	json_text(json, "meaning", "share of the heap's free bytes that lie in gaps between live "
		  "blocks too small for a request");
	json_open(json, "time_ns", '[');
	for (size_t i = 0; i < look->column; i++)
		json_number(json, NULL, (int64_t)look->map.time[i]);
	json_close(json, '[');
	json_open(json, "request_bytes", '[');
	for (unsigned size = 0; size < REPORT_GAP_SIZES; size++)
		json_number(json, NULL, INT64_C(1) << (REPORT_GAP_LOG2_FIRST + size));
	json_close(json, '[');
	unusable_write(json, look);
	json_open(json, "largest_bytes", '[');
	for (size_t i = 0; i < look->column; i++)
		json_number(json, NULL, (int64_t)look->gaps[i].largest_bytes);
	json_close(json, '[');
	json_open(json, "free_bytes", '[');
	for (size_t i = 0; i < look->column; i++)
		json_number(json, NULL, (int64_t)look->gaps[i].free_bytes);
	json_close(json, '[');
	json_close(json, '{');
}
