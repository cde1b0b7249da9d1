/* SPDX-License-Identifier: MIT */
/*
 * Pins: one walk over blocks and runs, both by address. The page at hand collects the bytes of
 * its stacks; when a block begins beyond it, it is settled.
 */
#include "report_pin.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report_block.h"

enum {
	PAIRS_FIRST = 4096,
	PAIRS_MAX = 1 << 20,
	OCCUPANCY_STEPS = 20,
	AGES_ROWS = 200, /* stacks whose median age is made out */
};

/* Bytes of one stack on the page at hand. */
struct share {
	uint32_t stack;
	uint64_t bytes;
};

struct walk {
	const struct report_pin_input *input;
	struct report_pins *pins;
	struct report_pin *by_stack; /* all stacks */
	uint64_t *stamps;            /* visit of a page at which a stack was last seen */
	uint32_t *indexes;           /* its share there */
	uint64_t visit;              /* of the page at hand */
	struct share *shares;        /* of the page at hand */
	size_t share_count, share_capacity;
	uint64_t page;               /* number of the page at hand */
	uint64_t page_live;
	size_t run;                  /* the first run that ends beyond the page at hand */
	struct report_pair *pairs;   /* a hash; pages 0: empty */
	size_t pair_slots, pair_count;
	double entropy_sum;
	uint64_t entropy_pages;
	bool is_short;
};

/* How many of the pages [first, end) are resident. The walk only goes forward. */
static uint64_t resident_count(struct walk *walk, uint64_t first, uint64_t end)
{
	const struct report_pin_input *input = walk->input;
	uint64_t size = input->page_bytes, count = 0;

	if (input->runs == NULL)
		return end - first;
	while (walk->run < input->run_count) {
		const struct trace_run *run = &input->runs[walk->run];
		uint64_t begin = run->address / size, stop = (run->address + run->bytes) / size;
		uint64_t from = begin > first ? begin : first, to = stop < end ? stop : end;

		if (from < to && run->use <= TRACE_USE_MAPPING)
			count += to - from;
		if (stop > end || begin >= end)
			break;
		if (stop == end) {
			/* Nothing of it lies beyond. */
			walk->run++;
			break;
		}
		walk->run++;
	}
	return count;
}

static size_t occupancy_of(uint64_t live, uint64_t size)
{
	if (live == 0)
		return 0;
	if (live >= size)
		return OCCUPANCY_STEPS + 1;
	size_t step = (size_t)((live * OCCUPANCY_STEPS + size - 1) / size);
	return step;
}

static size_t pair_slot(const struct walk *walk, uint32_t a, uint32_t b)
{
	uint64_t hash = (((uint64_t)a << 32) | b) * UINT64_C(0x9E3779B97F4A7C15);
	size_t slot = (size_t)(hash >> 24) & (walk->pair_slots - 1);

	while (walk->pairs[slot].pages > 0 &&
	       (walk->pairs[slot].stack_a != a || walk->pairs[slot].stack_b != b))
		slot = (slot + 1) & (walk->pair_slots - 1);
	return slot;
}

static bool pairs_grow(struct walk *walk)
{
	struct report_pair *before = walk->pairs;
	size_t slots = walk->pair_slots;
	struct report_pair *pairs;

	if (slots >= PAIRS_MAX || (pairs = calloc(2 * slots, sizeof(*pairs))) == NULL)
		return false;
	walk->pairs = pairs;
	walk->pair_slots = 2 * slots;
	for (size_t i = 0; i < slots; i++)
		if (before[i].pages > 0)
			pairs[pair_slot(walk, before[i].stack_a, before[i].stack_b)] = before[i];
	free(before);
	return true;
}

/* The two stacks with most bytes share the page at hand. */
static void pair_add(struct walk *walk)
{
	const struct share *first = NULL, *second = NULL;

	for (size_t i = 0; i < walk->share_count; i++) {
		const struct share *share = &walk->shares[i];

		if (first == NULL || share->bytes > first->bytes) {
			second = first;
			first = share;
		} else if (second == NULL || share->bytes > second->bytes) {
			second = share;
		}
	}
	if (walk->pair_count >= walk->pair_slots / 2 && !pairs_grow(walk))
		return;
	uint32_t a = first->stack < second->stack ? first->stack : second->stack;
	uint32_t b = first->stack < second->stack ? second->stack : first->stack;
	struct report_pair *pair = &walk->pairs[pair_slot(walk, a, b)];

	if (pair->pages == 0) {
		walk->pair_count++;
		pair->stack_a = a;
		pair->stack_b = b;
	}
	pair->pages++;
}

static void entropy_add(struct walk *walk)
{
	for (size_t i = 0; walk->share_count > 1 && i < walk->share_count; i++) {
		double part = (double)walk->shares[i].bytes / (double)walk->page_live;

		walk->entropy_sum -= part * log2(part);
	}
	walk->entropy_pages++;
}

/* The page at hand has all its blocks. */
static void page_settle(struct walk *walk)
{
	uint64_t size = walk->input->page_bytes, before = 0;

	if (walk->share_count == 0)
		return;
	bool is_resident = resident_count(walk, walk->page, walk->page + 1) > 0;
	uint64_t waste = walk->page_live < size ? size - walk->page_live : 0;
	for (size_t i = 0; is_resident && i < walk->share_count; i++) {
		struct report_pin *pin = &walk->by_stack[walk->shares[i].stack];
		/* 128 bits are not needed: both factors are at most a page, or 2^21. */
		uint64_t from = waste * before / walk->page_live;

		before += walk->shares[i].bytes;
		pin->pinned_bytes += waste * before / walk->page_live - from;
		pin->pages++;
		pin->exclusive_pages += walk->share_count == 1;
	}
	if (is_resident) {
		struct report_occupancy *bin =
			&walk->pins->occupancy[occupancy_of(walk->page_live, size)];

		bin->pages++;
		bin->free_bytes += waste;
		walk->pins->pinned_bytes += waste;
		walk->pins->exclusive_pages += walk->share_count == 1;
		entropy_add(walk);
		if (walk->share_count > 1) {
			walk->pins->shared_pages++;
			pair_add(walk);
		}
	}
	walk->share_count = 0;
	walk->page_live = 0;
	walk->visit++;
}

/* Pages wholly inside one block. */
static void whole_add(struct walk *walk, uint32_t stack, uint64_t first, uint64_t end)
{
	uint64_t resident = resident_count(walk, first, end);

	walk->by_stack[stack].pages += resident;
	walk->by_stack[stack].exclusive_pages += resident;
	walk->pins->exclusive_pages += resident;
	walk->pins->occupancy[OCCUPANCY_STEPS + 1].pages += resident;
	walk->entropy_pages += resident;
}

static bool shares_grow(struct walk *walk)
{
	size_t capacity = walk->share_capacity > 0 ? 2 * walk->share_capacity : 256;
	struct share *shares = realloc(walk->shares, capacity * sizeof(*shares));

	if (shares == NULL) {
		walk->is_short = true;
		return false;
	}
	walk->shares = shares;
	walk->share_capacity = capacity;
	return true;
}

/* Some bytes of a stack on a page. */
static void part_add(struct walk *walk, uint32_t stack, uint64_t page, uint64_t bytes)
{
	if (page != walk->page) {
		page_settle(walk);
		walk->page = page;
	}
	if (walk->stamps[stack] != walk->visit) {
		if (walk->share_count == walk->share_capacity && !shares_grow(walk))
			return;
		walk->stamps[stack] = walk->visit;
		walk->indexes[stack] = (uint32_t)walk->share_count;
		walk->shares[walk->share_count++] = (struct share){ stack, 0 };
	}
	walk->shares[walk->indexes[stack]].bytes += bytes;
	walk->page_live += bytes;
}

static void entry_add(struct walk *walk, const struct report_live_entry *entry)
{
	const struct report_pin_input *input = walk->input;
	uint64_t size = input->page_bytes;
	uint32_t stack = entry->block->stack < input->stack_count ? entry->block->stack : 0;
	struct report_block shape = report_block_of(entry->block, input->tag_bytes, size);
	struct report_pin *pin = &walk->by_stack[stack];
	uint64_t begin = entry->begin, first = begin / size, last = (entry->end - 1) / size;

	pin->objects++;
	pin->live_bytes += shape.requested_bytes;
	pin->rounding_bytes += shape.rounding_bytes;
	if (entry->end <= begin)
		return;
	if (first == last) {
		part_add(walk, stack, first, entry->end - begin);
		return;
	}
	if (begin % size != 0) {
		part_add(walk, stack, first, (first + 1) * size - begin);
		first++;
	}
	uint64_t whole_end = entry->end / size;
	if (first < whole_end) {
		page_settle(walk);
		whole_add(walk, stack, first, whole_end);
	}
	if (entry->end % size != 0)
		part_add(walk, stack, last, entry->end - last * size);
}

static int row_compare(const void *a, const void *b)
{
	const struct report_pin *first = a, *second = b;

	if (first->pinned_bytes != second->pinned_bytes)
		return first->pinned_bytes > second->pinned_bytes ? -1 : 1;
	if (first->live_bytes != second->live_bytes)
		return first->live_bytes > second->live_bytes ? -1 : 1;
	return (first->stack > second->stack) - (first->stack < second->stack);
}

static int pair_compare(const void *a, const void *b)
{
	const struct report_pair *first = a, *second = b;

	if (first->pages != second->pages)
		return first->pages > second->pages ? -1 : 1;
	if (first->stack_a != second->stack_a)
		return first->stack_a < second->stack_a ? -1 : 1;
	return (first->stack_b > second->stack_b) - (first->stack_b < second->stack_b);
}

static int age_compare(const void *a, const void *b)
{
	uint64_t first = *(const uint64_t *)a, second = *(const uint64_t *)b;

	return (first > second) - (first < second);
}

/* Median ages of the first rows: one more look at all blocks, and one sort a row. */
static bool ages_make(struct walk *walk)
{
	struct report_pins *pins = walk->pins;
	size_t rows = pins->row_count < AGES_ROWS ? pins->row_count : AGES_ROWS;
	size_t starts[AGES_ROWS + 1] = { 0 }, filled[AGES_ROWS] = { 0 };

	memset(walk->indexes, 0, walk->input->stack_count * sizeof(*walk->indexes));
	for (size_t i = 0; i < rows; i++) {
		walk->indexes[pins->rows[i].stack] = (uint32_t)i + 1;
		starts[i + 1] = starts[i] + pins->rows[i].objects;
	}
	uint64_t *ages = calloc(starts[rows] + 1, sizeof(*ages));
	if (ages == NULL)
		return false;
	for (size_t i = 0; i < walk->input->count; i++) {
		const struct trace_block *block = walk->input->entries[i].block;
		uint32_t row = walk->indexes[block->stack < walk->input->stack_count ? block->stack
										      : 0];
		uint64_t time = walk->input->time;

		if (row > 0)
			ages[starts[row - 1] + filled[row - 1]++] =
				time > block->time ? time - block->time : 0;
	}
	for (size_t i = 0; i < rows; i++) {
		qsort(ages + starts[i], filled[i], sizeof(*ages), age_compare);
		pins->rows[i].median_age_ns = filled[i] > 0 ? ages[starts[i] + filled[i] / 2] : 0;
	}
	free(ages);
	return true;
}

/* Resident pages, those without a live byte among them. */
static void residents_add(struct walk *walk)
{
	const struct report_pin_input *input = walk->input;
	struct report_occupancy *empty = &walk->pins->occupancy[0];
	uint64_t with_live = 0;

	for (size_t i = 1; i < REPORT_OCCUPANCIES; i++)
		with_live += walk->pins->occupancy[i].pages;
	for (size_t i = 0; i < input->run_count; i++)
		if (input->runs[i].use <= TRACE_USE_MAPPING)
			walk->pins->resident_pages += input->runs[i].bytes / input->page_bytes;
	if (input->runs == NULL)
		walk->pins->resident_pages = with_live;
	if (walk->pins->resident_pages > with_live)
		empty->pages = walk->pins->resident_pages - with_live;
	empty->free_bytes = empty->pages * input->page_bytes;
}

/* Rows and pairs out of the tables; these are used up. */
static bool results_take(struct walk *walk)
{
	struct report_pins *pins = walk->pins;
	size_t pairs = 0;

	for (size_t i = 0; i < walk->input->stack_count; i++) {
		if (walk->by_stack[i].objects == 0)
			continue;
		pins->rows[pins->row_count] = walk->by_stack[i];
		pins->rows[pins->row_count++].stack = (uint32_t)i;
	}
	qsort(pins->rows, pins->row_count, sizeof(*pins->rows), row_compare);
	for (size_t i = 0; i < walk->pair_slots; i++)
		if (walk->pairs[i].pages > 0)
			walk->pairs[pairs++] = walk->pairs[i];
	qsort(walk->pairs, pairs, sizeof(*walk->pairs), pair_compare);
	pins->pairs = walk->pairs;
	pins->pair_count = pairs;
	walk->pairs = NULL;
	if (walk->entropy_pages > 0)
		pins->entropy_bits = walk->entropy_sum / (double)walk->entropy_pages;
	return ages_make(walk);
}

bool report_pins_make(struct report_pins *pins, const struct report_pin_input *input)
{
	struct walk walk = { .input = input, .pins = pins, .pair_slots = PAIRS_FIRST,
			     .visit = 1 };
	bool is_made = false;

	walk.by_stack = calloc(input->stack_count, sizeof(*walk.by_stack));
	walk.stamps = calloc(input->stack_count, sizeof(*walk.stamps));
	walk.indexes = calloc(input->stack_count, sizeof(*walk.indexes));
	walk.pairs = calloc(walk.pair_slots, sizeof(*walk.pairs));
	/* As many rows as stacks: what is not needed was never touched. */
	pins->rows = calloc(input->stack_count, sizeof(*pins->rows));
	if (walk.by_stack != NULL && walk.stamps != NULL && walk.indexes != NULL &&
	    walk.pairs != NULL && pins->rows != NULL) {
		for (size_t i = 0; i < input->count; i++)
			entry_add(&walk, &input->entries[i]);
		page_settle(&walk);
		residents_add(&walk);
		is_made = results_take(&walk) && !walk.is_short;
	}
	free(walk.by_stack);
	free(walk.stamps);
	free(walk.indexes);
	free(walk.pairs);
	free(walk.shares);
	return is_made;
}

void report_pins_forget_pages(struct report_pins *pins)
{
	for (size_t i = 0; i < pins->row_count; i++) {
		struct report_pin *row = &pins->rows[i];

		row->pages = row->exclusive_pages = row->pinned_bytes = 0;
	}
	qsort(pins->rows, pins->row_count, sizeof(*pins->rows), row_compare);
	memset(pins->occupancy, 0, sizeof(pins->occupancy));
	pins->pair_count = 0;
	pins->pinned_bytes = pins->exclusive_pages = 0;
	pins->resident_pages = pins->shared_pages = 0;
	pins->entropy_bits = 0;
}

void report_pins_free(struct report_pins *pins)
{
	free(pins->rows);
	free(pins->pairs);
	*pins = (struct report_pins){ .rows = NULL };
}
