/* SPDX-License-Identifier: MIT */
/*
 * The ledger, pins and free space of reports, against a heap whose every byte is known.
 *
 * A random program allocates, resizes and frees in a small address space that lies across the
 * seams of regions; at random moments a random part of it is resident. What a report says is held
 * against counting bytes one by one.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"
#include "report.h"
#include "report_block.h"
#include "trace_double.h"

enum {
	PAGE = 4096,
	HEAP_PAGES = 40,
	MAPPING_PAGES = 1400, /* more than two regions of 512 pages */
	PAGES = HEAP_PAGES + MAPPING_PAGES,
	BYTES = PAGES * PAGE,
	HUGE_PAGES = 1200,
	BLOCKS = 160,
	STACKS = 6,
	EVENTS = 1500,
	RUNS = PAGES + 2,
	SEEDS = 12,
	TRIES = 20,
};

/* The heap begins 17 pages before the end of a region, the mappings elsewhere. */
static const uint64_t heap_base = UINT64_C(0x7f0000200000) - 17 * PAGE;
static const uint64_t mapping_base = UINT64_C(0x7f1000000000) + 100 * PAGE;
static const uint64_t table_base = UINT64_C(0x7f2000000000);

/* The address space, byte by byte: 0 free, else the number of the block there + 1. */
struct world {
	struct random_source random;
	struct trace *trace;
	uint16_t owner[BYTES];
	bool is_resident[PAGES];
	struct trace_block blocks[BLOCKS];
	bool is_live[BLOCKS];
	uint64_t time;
	uint32_t stacks[STACKS];
};

/* What is expected of one sample. */
struct expected {
	uint64_t terms[REPORT_TERMS];
	uint64_t resident;
};

static struct world world;
static struct expected expected[EVENTS];
static size_t expected_count;

static size_t index_of(uint64_t address)
{
	if (address >= heap_base && address < heap_base + HEAP_PAGES * PAGE)
		return (size_t)(address - heap_base);
	return (size_t)(address - mapping_base) + HEAP_PAGES * PAGE;
}

static void owner_set(const struct trace_block *block, uint16_t owner)
{
	struct report_block shape = report_block_of(block, 8, PAGE);

	for (uint64_t at = shape.begin; at < shape.end; at++)
		world.owner[index_of(at)] = owner;
}

static bool is_free(const struct trace_block *block, uint64_t base, uint64_t bytes)
{
	struct report_block shape = report_block_of(block, 8, PAGE);

	if (shape.begin < base || shape.end > base + bytes || shape.begin == shape.end)
		return false;
	for (uint64_t at = shape.begin; at < shape.end; at++)
		if (world.owner[index_of(at)] != 0)
			return false;
	return true;
}

/* A block at a place where nothing lies; false when none was found. */
static bool place_find(struct trace_block *out)
{
	for (int i = 0; i < TRIES; i++) {
		size_t kind = random_below(&world.random, 8);
		size_t most = random_below(&world.random, 4) == 0 ? 9000 : 600;
		struct trace_block block = {
			.bytes = random_below(&world.random, most),
			.stack = world.stacks[random_below(&world.random, STACKS)],
			.thread = (uint32_t)random_below(&world.random, 3),
			.time = world.time,
		};

		if (kind == 0) {
			size_t pages = random_between(&world.random, 1, 30);

			block.place = TRACE_IN_MAPPING;
			block.address = mapping_base +
					random_below(&world.random, MAPPING_PAGES) * PAGE;
			block.bytes = pages * PAGE - random_below(&world.random, PAGE);
			block.usable_bytes = pages * PAGE;
			if (!is_free(&block, mapping_base, (uint64_t)MAPPING_PAGES * PAGE))
				continue;
		} else {
			block.place = kind < 4 ? TRACE_IN_SLAB : TRACE_IN_BLOCK;
			block.address = heap_base +
					random_below(&world.random, HEAP_PAGES * PAGE / 16) * 16;
			block.usable_bytes = (block.bytes + 15) / 16 * 16 +
					     (kind < 4 ? 0 : 8);
			if (!is_free(&block, heap_base, HEAP_PAGES * PAGE))
				continue;
		}
		*out = block;
		return true;
	}
	return false;
}

static void allocate(size_t number)
{
	struct trace_block *block = &world.blocks[number];

	if (!place_find(block))
		return;
	world.is_live[number] = true;
	owner_set(block, (uint16_t)(number + 1));
	trace_double_allocate(world.trace, world.time, (uint32_t)number, *block);
}

static void resize(size_t number)
{
	struct trace_block *block = &world.blocks[number];
	struct trace_event event = {
		.time = world.time, .kind = TRACE_RESIZE, .number = (uint32_t)number, .old = *block,
	};

	owner_set(block, 0);
	if (!place_find(&event.block)) {
		owner_set(block, (uint16_t)(number + 1));
		return;
	}
	*block = event.block;
	owner_set(block, (uint16_t)(number + 1));
	trace_double_add(world.trace, &event);
}

static uint64_t page_address(size_t page)
{
	return page < HEAP_PAGES ? heap_base + page * PAGE
				 : mapping_base + (page - HEAP_PAGES) * PAGE;
}

static size_t live_on(size_t page)
{
	size_t live = 0;

	for (size_t i = 0; i < PAGE; i++)
		live += world.owner[page * PAGE + i] != 0;
	return live;
}

/* What the ledger must be now. */
static void expect(struct expected *out)
{
	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < BLOCKS; i++) {
		if (!world.is_live[i])
			continue;
		struct report_block shape = report_block_of(&world.blocks[i], 8, PAGE);
		uint64_t tag = world.blocks[i].place == TRACE_IN_BLOCK ? 8 : 0;

		out->terms[REPORT_REQUESTED] += world.blocks[i].bytes;
		out->terms[REPORT_TAGS] += tag;
		out->terms[REPORT_ROUNDING] += shape.end - shape.begin - tag -
					       world.blocks[i].bytes;
	}
	for (size_t page = 0; page < PAGES; page++) {
		size_t live = live_on(page);

		if (!world.is_resident[page])
			out->terms[REPORT_UNTOUCHED] += live;
		else if (live > 0)
			out->terms[REPORT_PINNED_FREE] += PAGE - live;
		else
			out->terms[REPORT_RECLAIMABLE_FREE] += PAGE;
		out->resident += world.is_resident[page] ? PAGE : 0;
	}
	out->terms[REPORT_METADATA] = 3 * PAGE;
	out->terms[REPORT_RECORDER] = PAGE;
	out->resident += 4 * PAGE;
}

static void sample(void)
{
	static struct trace_run runs[RUNS];
	size_t count = 0;
	bool is_all = random_below(&world.random, 4) == 0;

	for (size_t page = 0; page < PAGES; page++) {
		enum trace_use use = page < HEAP_PAGES ? TRACE_USE_HEAP : TRACE_USE_MAPPING;
		struct trace_run *last = count > 0 ? &runs[count - 1] : NULL;
		uint64_t address = page_address(page);

		/* What was resident mostly stays so. */
		if (is_all || random_below(&world.random, 3) == 0)
			world.is_resident[page] = is_all || random_below(&world.random, 3) > 0;
		if (!world.is_resident[page])
			continue;
		if (last != NULL && last->use == use && last->address + last->bytes == address)
			last->bytes += PAGE;
		else
			runs[count++] = (struct trace_run){ address, PAGE, use };
	}
	runs[count++] = (struct trace_run){ table_base, 3 * PAGE, TRACE_USE_METADATA };
	runs[count++] = (struct trace_run){ table_base + 16 * PAGE, PAGE, TRACE_USE_RECORDER };
	expect(&expected[expected_count++]);
	trace_double_sample(world.trace, world.time, (struct trace_sample){
		.has_runs = true, .runs = runs, .run_count = count, .resident_bytes = BYTES });
}

/* A block that covers whole regions; the random ones hardly find the room. */
static void huge_allocate(size_t number)
{
	struct trace_block *block = &world.blocks[number];

	*block = (struct trace_block){
		.address = mapping_base + 30 * PAGE, .bytes = HUGE_PAGES * PAGE - 100,
		.usable_bytes = HUGE_PAGES * PAGE, .stack = world.stacks[0],
		.place = TRACE_IN_MAPPING,
	};
	world.is_live[number] = true;
	owner_set(block, (uint16_t)(number + 1));
	trace_double_allocate(world.trace, world.time, (uint32_t)number, *block);
}

static void free_one(size_t number)
{
	world.is_live[number] = false;
	owner_set(&world.blocks[number], 0);
	trace_double_free(world.trace, world.time, (uint32_t)number, 0, world.blocks[number]);
}

/* A random program, ending with a sample; the world is left as it is then. */
static void world_play(uint64_t seed)
{
	char name[16];

	memset(&world, 0, sizeof(world));
	expected_count = 0;
	world.random.state = seed;
	world.trace = trace_double_begin();
	for (uint32_t i = 0; i < STACKS; i++) {
		snprintf(name, sizeof(name), "function_%u", i);
		world.stacks[i] = trace_double_frame(world.trace,
						     i > 2 ? world.stacks[i - 3] : 0, name);
	}
	trace_double_map(world.trace, 0, heap_base, HEAP_PAGES * PAGE, TRACE_USE_HEAP);
	trace_double_map(world.trace, 0, mapping_base, MAPPING_PAGES * PAGE, TRACE_USE_MAPPING);
	trace_double_map(world.trace, 0, table_base, 3 * PAGE, TRACE_USE_METADATA);
	huge_allocate(BLOCKS - 1);
	for (int i = 0; i < EVENTS; i++) {
		size_t number = random_below(&world.random, BLOCKS - 1);

		world.time += random_below(&world.random, 1000);
		if (random_below(&world.random, 100) == 0) {
			sample();
		} else if (!world.is_live[number]) {
			allocate(number);
		} else if (random_below(&world.random, 3) == 0) {
			resize(number);
		} else {
			free_one(number);
		}
		/* It stays to the end in every other world. */
		if (i == EVENTS / 2 && seed % 2 == 0)
			free_one(BLOCKS - 1);
	}
	sample();
}

static void report_of_world(struct report *report, const char *at)
{
	struct report_options options = { .trace_path = "double", .at = at };
	char message[512] = "";

	cr_assert(report_make(report, &options, message, sizeof(message)), "%s", message);
}

Test(report_ledger, terms_are_those_of_counting_bytes_at_every_sample)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct report report;

		world_play(seed);
		report_of_world(&report, NULL);
		cr_assert_eq(report.series->count, expected_count, "seed %llu",
			     (unsigned long long)seed);
		for (size_t i = 0; i < expected_count; i++) {
			const struct report_point *point = &report.series->all[i];

			for (int term = 0; term < REPORT_TERMS; term++)
				cr_assert_eq(point->terms[term], expected[i].terms[term],
					     "seed %llu, sample %zu, %s: %llu, not %llu",
					     (unsigned long long)seed, i, report_term_key(term),
					     (unsigned long long)point->terms[term],
					     (unsigned long long)expected[i].terms[term]);
			cr_assert_eq(point->resident_bytes, expected[i].resident);
			cr_assert_eq(report_point_sum(point), point->resident_bytes);
		}
		cr_assert_eq(report.count.largest_difference_bytes, 0);
		cr_assert_eq(report.count.stray_blocks, 0);
		report_free(&report);
	}
}

/* Bytes of a stack on a page. */
static size_t bytes_of(uint32_t stack, size_t page)
{
	size_t bytes = 0;

	for (size_t i = 0; i < PAGE; i++) {
		uint16_t owner = world.owner[page * PAGE + i];

		bytes += owner != 0 && world.blocks[owner - 1].stack == stack;
	}
	return bytes;
}

static void pin_check(const struct report_pin *pin, uint64_t seed)
{
	double pinned = 0;
	size_t pages = 0, exclusive = 0;

	for (size_t page = 0; page < PAGES; page++) {
		size_t live = live_on(page), own = bytes_of(pin->stack, page);

		if (!world.is_resident[page] || own == 0)
			continue;
		pages++;
		exclusive += own == live;
		pinned += (double)(PAGE - live) * (double)own / (double)live;
	}
	cr_assert_eq(pin->pages, pages, "seed %llu: %llu pages, not %zu", (unsigned long long)seed,
		     (unsigned long long)pin->pages, pages);
	cr_assert_eq(pin->exclusive_pages, exclusive, "seed %llu", (unsigned long long)seed);
	cr_assert_eq(report_pin_returns(pin, PAGE), exclusive * PAGE);
	/* Division leaves less than a byte a page. */
	cr_assert_float_eq((double)pin->pinned_bytes, pinned, (double)pages + 1);
}

Test(report_pins, freeing_a_stack_returns_the_pages_that_no_other_is_on)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct report report;
		uint64_t pinned = 0, pages = 0;

		world_play(seed);
		report_of_world(&report, "end");
		const struct report_pins *pins = &report.shown->pins;
		for (size_t i = 0; i < pins->row_count; i++) {
			pin_check(&pins->rows[i], seed);
			pinned += pins->rows[i].pinned_bytes;
		}
		cr_assert_eq(pinned, report.shown->point.terms[REPORT_PINNED_FREE]);
		cr_assert_eq(pinned, pins->pinned_bytes);
		for (int i = 0; i < REPORT_OCCUPANCIES; i++)
			pages += pins->occupancy[i].pages;
		cr_assert_eq(pages * PAGE, report.shown->point.resident_bytes - 4 * PAGE);
		report_free(&report);
	}
}

Test(report_gaps, free_space_is_that_of_looking_at_each_byte)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct report report;
		struct report_gaps gaps = { .free_bytes = 0 };
		uint64_t gap = 0;

		world_play(seed);
		report_of_world(&report, "end");
		for (size_t i = 0; i <= HEAP_PAGES * PAGE; i++) {
			if (i < HEAP_PAGES * PAGE && world.owner[i] == 0) {
				gap++;
				continue;
			}
			gaps.free_bytes += gap;
			gaps.count += gap > 0;
			gaps.largest_bytes = gap > gaps.largest_bytes ? gap : gaps.largest_bytes;
			for (int size = 0; size < REPORT_GAP_SIZES; size++)
				gaps.usable_bytes[size] += gap >= (16u << size) + 8 ? gap : 0;
			gap = 0;
		}
		cr_assert_eq(report.shown->gaps.free_bytes, gaps.free_bytes);
		cr_assert_eq(report.shown->gaps.largest_bytes, gaps.largest_bytes);
		cr_assert_eq(report.shown->gaps.count, gaps.count);
		cr_assert_arr_eq(report.shown->gaps.usable_bytes, gaps.usable_bytes,
				 sizeof(gaps.usable_bytes));
		report_free(&report);
	}
}

Test(report_inspect, the_pieces_of_a_page_cover_it_and_hold_what_is_live)
{
	struct report report;

	world_play(3);
	report_of_world(&report, "end");
	cr_assert_gt(report.shown->inspected.count, 5);
	for (size_t i = 0; i < report.shown->inspected.count; i++) {
		const struct report_inspected_page *page = &report.shown->inspected.pages[i];
		size_t live = live_on(index_of(page->address) / PAGE);
		int64_t at = 0;

		cr_assert_eq(page->live_bytes, live);
		cr_assert_eq(page->free_bytes, PAGE - live);
		cr_assert(world.is_resident[index_of(page->address) / PAGE]);
		for (size_t j = 0; j < page->piece_count; j++) {
			const struct report_piece *piece = &page->pieces[j];

			cr_assert(j == 0 ? piece->offset <= 0 : piece->offset == at);
			at = piece->offset + (int64_t)piece->block_bytes;
		}
		cr_assert_geq(at, PAGE);
	}
	report_free(&report);
}

Test(report_map, a_cell_is_the_occupancy_of_its_pages)
{
	struct report report;
	size_t cells = 0;

	world_play(4);
	report_of_world(&report, "end");
	const struct report_map *map = &report.look.map;
	cr_assert_eq(map->column_count, expected_count);
	for (size_t row = 0; row < map->row_count; row++) {
		uint64_t begin = map->row_address[row];
		uint8_t cell = map->cells[row * REPORT_MAP_COLUMNS + map->column_count - 1];
		size_t live = 0, resident = 0;

		if (begin >= table_base)
			continue;
		for (uint64_t at = begin; at < begin + map->row_bytes; at += PAGE) {
			size_t page = index_of(at) / PAGE;

			if (page >= PAGES || page_address(page) != at)
				continue;
			resident += world.is_resident[page] ? PAGE : 0;
			live += world.is_resident[page] ? live_on(page) : 0;
		}
		if (resident == 0)
			cr_assert_gt(cell, REPORT_CELL_FREE);
		else if (live == 0)
			cr_assert_eq(cell, REPORT_CELL_FREE);
		else
			cr_assert_eq(cell, (live * 100 + resident / 2) / resident);
		cells++;
	}
	cr_assert_gt(cells, 100);
	report_free(&report);
}
