/* SPDX-License-Identifier: MIT */
/*
 * The inspector: one walk collects what each page with a live byte holds, a few are chosen, and
 * their blocks found by binary search.
 */
#include "report_inspect.h"

#include <stdlib.h>
#include <string.h>

#include "report_block.h"

/* A resident page with live bytes but not full. */
struct candidate {
	uint64_t page;       /* number */
	uint64_t live_bytes, overhead_bytes;
};

struct candidates {
	struct candidate *all;
	size_t count, capacity;
	bool is_short;
};

const char *report_reason_name(enum report_reason reason)
{
	static const char *const names[REPORT_REASONS] = {
		[REPORT_PINS_MOST] = "pins most",
		[REPORT_TYPICAL] = "typical",
		[REPORT_LARGEST_WASTE] = "largest waste",
	};

	return names[reason];
}

static bool is_resident(const struct report_pin_input *input, uint64_t address)
{
	size_t low = 0, high = input->run_count;

	if (input->runs == NULL)
		return true;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (input->runs[middle].address + input->runs[middle].bytes > address)
			high = middle;
		else
			low = middle + 1;
	}
	return low < input->run_count && input->runs[low].address <= address;
}

static void candidate_add(struct candidates *candidates, uint64_t page, uint64_t live,
			  uint64_t overhead)
{
	struct candidate *last =
		candidates->count > 0 ? &candidates->all[candidates->count - 1] : NULL;

	if (last != NULL && last->page == page) {
		last->live_bytes += live;
		last->overhead_bytes += overhead;
		return;
	}
	if (candidates->count == candidates->capacity) {
		size_t capacity = candidates->capacity > 0 ? 2 * candidates->capacity : 1024;
		struct candidate *all = realloc(candidates->all, capacity * sizeof(*all));

		if (all == NULL) {
			candidates->is_short = true;
			return;
		}
		candidates->all = all;
		candidates->capacity = capacity;
	}
	candidates->all[candidates->count++] = (struct candidate){ page, live, overhead };
}

/* The first and the last page of a block; those between are full, and nothing to look at. */
static void entry_collect(struct candidates *candidates, const struct report_pin_input *input,
			  const struct report_live_entry *entry)
{
	uint64_t size = input->page_bytes;
	struct report_block shape = report_block_of(entry->block, input->tag_bytes, size);
	uint64_t overhead = shape.rounding_bytes + shape.tag_bytes;

	if (entry->begin >= entry->end)
		return;
	uint64_t first = entry->begin / size, last = (entry->end - 1) / size;
	if (first == last) {
		candidate_add(candidates, first, entry->end - entry->begin, overhead);
		return;
	}
	candidate_add(candidates, first, (first + 1) * size - entry->begin, 0);
	/* Rounding is at a block's end. */
	uint64_t tail = entry->end - last * size;
	candidate_add(candidates, last, tail, overhead < tail ? overhead : tail);
}

static int live_compare(const void *a, const void *b)
{
	const struct candidate *first = a, *second = b;

	if (first->live_bytes != second->live_bytes)
		return first->live_bytes < second->live_bytes ? -1 : 1;
	return (first->page > second->page) - (first->page < second->page);
}

static int overhead_compare(const void *a, const void *b)
{
	const struct candidate *first = a, *second = b;

	if (first->overhead_bytes != second->overhead_bytes)
		return first->overhead_bytes > second->overhead_bytes ? -1 : 1;
	return (first->page > second->page) - (first->page < second->page);
}

/* Index of the first block that ends beyond `address`; blocks do not overlap. */
static size_t entry_find(const struct report_pin_input *input, uint64_t address)
{
	size_t low = 0, high = input->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (input->entries[middle].end > address)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static struct report_piece piece_live(const struct report_pin_input *input,
				      const struct report_live_entry *entry, uint64_t page)
{
	struct report_block shape = report_block_of(entry->block, input->tag_bytes,
						    input->page_bytes);
	uint64_t time = entry->block->time;

	return (struct report_piece){
		.offset = (int64_t)(entry->begin - page),
		.block_bytes = entry->end - entry->begin,
		.usable_bytes = shape.requested_bytes + shape.rounding_bytes,
		.requested_bytes = shape.requested_bytes,
		.tag_bytes = shape.tag_bytes,
		.age_ns = input->time > time ? input->time - time : 0,
		.stack = entry->block->stack,
		.thread = entry->block->thread,
		.call = entry->block->call,
		.is_live = true,
	};
}

/* Live and free pieces of a page, in order. */
static bool pieces_make(struct report_inspected_page *page, const struct report_pin_input *input)
{
	uint64_t at = page->address, end = page->address + input->page_bytes;
	size_t first = entry_find(input, page->address), last = first;

	while (last < input->count && input->entries[last].begin < end)
		last++;
	page->pieces = calloc(2 * (last - first) + 1, sizeof(*page->pieces));
	if (page->pieces == NULL)
		return false;
	for (size_t i = first; i <= last; i++) {
		uint64_t next = i < last ? input->entries[i].begin : end;

		if (next > at && next <= end)
			page->pieces[page->piece_count++] = (struct report_piece){
				.offset = (int64_t)(at - page->address),
				.block_bytes = next - at,
			};
		if (i == last)
			break;
		page->pieces[page->piece_count++] =
			piece_live(input, &input->entries[i], page->address);
		at = input->entries[i].end;
	}
	return true;
}

static bool is_chosen(const struct report_inspected *out, uint64_t address)
{
	for (size_t i = 0; i < out->count; i++)
		if (out->pages[i].address == address)
			return true;
	return false;
}

/* Take up to six pages from `candidates`, from index `from` on. */
static bool pages_take(struct report_inspected *out, const struct candidates *candidates,
		       size_t from, const struct report_pin_input *input,
		       enum report_reason reason)
{
	size_t wanted = out->count + REPORT_INSPECTED_EACH;

	for (size_t i = from; i < candidates->count && out->count < wanted; i++) {
		const struct candidate *candidate = &candidates->all[i];
		uint64_t size = input->page_bytes, live = candidate->live_bytes;
		struct report_inspected_page *page = &out->pages[out->count];

		if (is_chosen(out, candidate->page * size) ||
		    !is_resident(input, candidate->page * size))
			continue;
		*page = (struct report_inspected_page){
			.address = candidate->page * size,
			.reason = reason,
			.live_bytes = live,
			.free_bytes = live < size ? size - live : 0,
			.overhead_bytes = candidate->overhead_bytes,
		};
		if (!pieces_make(page, input))
			return false;
		out->count++;
	}
	return true;
}

bool report_inspect(struct report_inspected *out, const struct report_pin_input *input)
{
	struct candidates candidates = { .all = NULL };
	bool is_made = true;

	for (size_t i = 0; i < input->count; i++)
		entry_collect(&candidates, input, &input->entries[i]);
	if (candidates.count > 0) {
		qsort(candidates.all, candidates.count, sizeof(*candidates.all), live_compare);
		is_made = pages_take(out, &candidates, 0, input, REPORT_PINS_MOST) &&
			  pages_take(out, &candidates, candidates.count / 2, input, REPORT_TYPICAL);
		qsort(candidates.all, candidates.count, sizeof(*candidates.all), overhead_compare);
		is_made = is_made && pages_take(out, &candidates, 0, input, REPORT_LARGEST_WASTE);
	}
	free(candidates.all);
	return is_made && !candidates.is_short;
}

void report_inspect_free(struct report_inspected *out)
{
	for (size_t i = 0; i < out->count; i++)
		free(out->pages[i].pieces);
	out->count = 0;
}
