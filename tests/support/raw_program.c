/* SPDX-License-Identifier: MIT */
/*
 * Programs drawn at random, as raw traces. See raw_trace.h.
 *
 * Addresses are handed out as an allocator does: those of a size that came back last are used
 * first, new ones lie behind the last. Time passes a little with each event, and sometimes a lot.
 */
#include "raw_trace.h"

#include <stdio.h>
#include <stdlib.h>

#include "random.h"

enum {
	CLASSES = 40, /* sizes, in multiples of 16 bytes */
	GRAIN = 16,
	HEAP = 0x10000000,
	WIDE_BASE = 0x700000000,
	THREADS_BESIDE = 1000, /* numbers of threads that take streams over */
	RARE_ONE_IN = 40,
	RUNS_MAX = 2500,
	LATE = 300, /* addresses of a size that come before one is used again */
};

/* Addresses that came back, the last one last. */
struct addresses {
	uint64_t *items;
	size_t first, count, capacity;
};

struct drawing {
	const struct raw_program *program;
	struct random_source random;
	struct raw_trace *raw;
	struct trace_event *events;
	size_t event_count;
	struct addresses free[CLASSES + 1];
	struct trace_block *live;
	size_t live_first, live_count; /* those between are live */
	uint64_t ticks, end_of_heap, wide_count;
	uint64_t stamps[256];   /* the clock as each stream last read it */
	uint32_t patience[256]; /* records until it reads it again */
	uint32_t threads[256];
	uint32_t thread_count;
};

static void address_push(struct addresses *stack, uint64_t address)
{
	if (stack->count == stack->capacity) {
		stack->capacity = stack->capacity * 2 + 16;
		stack->items = realloc(stack->items, stack->capacity * sizeof(*stack->items));
		if (stack->items == NULL)
			abort();
	}
	stack->items[stack->count++] = address;
}

/* What the stream takes for the time. */
static uint64_t clock_read(struct drawing *d, uint32_t stream)
{
	if (d->patience[stream] == 0) {
		d->stamps[stream] = d->ticks;
		d->patience[stream] = (uint32_t)random_between(&d->random, 1,
							       d->program->coarseness);
	}
	d->patience[stream]--;
	return d->stamps[stream];
}

static struct trace_event *event_add(struct drawing *d, enum trace_kind kind, uint32_t stream)
{
	struct trace_event *event = &d->events[d->event_count++];

	*event = (struct trace_event){.kind = kind, .thread = d->threads[stream]};
	return event;
}

/* An address of this size: one that came back, or a new one. */
static uint64_t address_take(struct drawing *d, size_t class)
{
	struct addresses *freed = &d->free[class];
	size_t least = d->program->is_reused_late ? LATE : 0;

	if (freed->count - freed->first > least)
		return d->program->is_reused_late ? freed->items[freed->first++] :
						    freed->items[--freed->count];
	d->end_of_heap += class * GRAIN;
	return d->end_of_heap - class * GRAIN;
}

static struct trace_block block_draw(struct drawing *d)
{
	struct trace_block block = {.call = TRACE_MALLOC, .align_log2 = 4};
	bool is_wide = d->program->has_rare && random_below(&d->random, RARE_ONE_IN) == 0;

	if (is_wide) {
		block.bytes = random_next(&d->random) >> random_between(&d->random, 20, 44);
		block.usable_bytes = block.bytes + random_below(&d->random, 100000);
		block.place = TRACE_IN_MAPPING;
		block.address = WIDE_BASE + d->wide_count++ * 4096;
	} else {
		size_t class = 1 + random_below(&d->random, CLASSES);
		block.usable_bytes = class * GRAIN;
		block.bytes = block.usable_bytes - random_below(&d->random, GRAIN);
		block.address = address_take(d, class);
		block.place = random_below(&d->random, 2);
		block.call = random_below(&d->random, TRACE_FREE_CALL);
	}
	if (d->program->frames > 0)
		block.stack = (uint32_t)random_below(&d->random, d->program->frames + 1);
	return block;
}

static void block_give_back(struct drawing *d, const struct trace_block *block)
{
	if (block->place != TRACE_IN_MAPPING)
		address_push(&d->free[block->usable_bytes / GRAIN], block->address);
}

static struct raw_block raw_of(const struct trace_block *block)
{
	return (struct raw_block){
		.address = block->address,
		.bytes = block->bytes,
		.usable_bytes = block->usable_bytes,
		.stack = block->stack,
		.place = block->place,
		.call = block->call,
		.align_log2 = block->align_log2,
	};
}

static void step_allocate(struct drawing *d, uint32_t stream)
{
	struct trace_block block = block_draw(d);
	struct raw_block raw = raw_of(&block);

	event_add(d, TRACE_ALLOCATE, stream)->block = block;
	raw_trace_allocate(d->raw, stream, clock_read(d, stream), &raw);
	d->live[d->live_count++] = block;
}

static void step_resize(struct drawing *d, uint32_t stream, size_t victim)
{
	struct trace_block old = d->live[victim], block = block_draw(d);
	struct raw_block raw = raw_of(&block);
	struct trace_event *event = event_add(d, TRACE_RESIZE, stream);

	event->block = block;
	event->old = old;
	raw_trace_resize(d->raw, stream, clock_read(d, stream), old.address, &raw);
	block_give_back(d, &old);
	d->live[victim] = d->live[d->live_first++];
	d->live[d->live_count++] = block;
}

static void step_free(struct drawing *d, uint32_t stream, size_t victim)
{
	struct trace_block block = d->live[victim];

	event_add(d, TRACE_FREE, stream)->block = block;
	raw_trace_free(d->raw, stream, clock_read(d, stream), block.address);
	block_give_back(d, &block);
	d->live[victim] = d->live[d->live_first++];
}

static void step_sample(struct drawing *d, uint32_t stream)
{
	static struct trace_run runs[RUNS_MAX];
	struct trace_sample sample = {
		.resident_bytes = random_below(&d->random, 1 << 30),
		.minor_faults = d->event_count,
		.has_runs = true,
		.runs = runs,
		.run_count = random_below(&d->random, RUNS_MAX),
	};

	for (size_t i = 0; i < sample.run_count; i++)
		runs[i] = (struct trace_run){
			.address = HEAP + i * 0x10000,
			.bytes = 4096 * random_between(&d->random, 1, 15),
			.use = random_below(&d->random, TRACE_USES),
		};
	event_add(d, TRACE_SAMPLE, stream);
	raw_trace_sample(d->raw, stream, clock_read(d, stream), &sample);
}

static void step_pages(struct drawing *d, uint32_t stream)
{
	enum trace_pages_kind kind = random_below(&d->random, TRACE_PAGES_MOVE + 1);
	struct trace_event *event = event_add(d, TRACE_PAGES, stream);

	event->pages = kind;
	event->use = random_below(&d->random, TRACE_USES);
	event->address = HEAP + random_below(&d->random, 1000) * 4096;
	event->bytes = random_between(&d->random, 1, 100) * 4096;
	event->old_address = kind == TRACE_PAGES_MOVE ? HEAP : 0;
	raw_trace_pages(d->raw, stream, clock_read(d, stream), kind, event->use, event->address,
			event->bytes, event->old_address);
}

static void step_module(struct drawing *d, uint32_t stream)
{
	uint64_t begin = HEAP * (1 + random_below(&d->random, 4));
	struct raw_module module = {
		.begin = begin,
		.end = begin + 4096,
		.bias = begin,
		.is_gone = random_below(&d->random, 3) == 0,
		.build_id_bytes = 20,
		.build_id = {(unsigned char)d->event_count},
	};
	char path[64];

	snprintf(path, sizeof(path), "/usr/lib/module-%zu.so", d->event_count % 5);
	raw_trace_module(d->raw, stream, clock_read(d, stream), &module, path);
}

static void step_rare(struct drawing *d, uint32_t stream)
{
	char text[64];

	switch (random_below(&d->random, 6)) {
	case 0:
		step_sample(d, stream);
		break;
	case 1:
		step_pages(d, stream);
		break;
	case 2:
		snprintf(text, sizeof(text), "mark %zu", d->event_count);
		event_add(d, TRACE_MARK, stream);
		raw_trace_mark(d->raw, stream, clock_read(d, stream), text);
		break;
	case 3:
		event_add(d, TRACE_FAIL, stream)->block.bytes = d->ticks;
		raw_trace_fail(d->raw, stream, clock_read(d, stream), d->ticks);
		break;
	case 4:
		step_module(d, stream);
		break;
	default:
		d->threads[stream] = THREADS_BESIDE + d->thread_count++;
		snprintf(text, sizeof(text), "worker %u", d->threads[stream]);
		raw_trace_thread(d->raw, stream, clock_read(d, stream), d->threads[stream], text);
	}
}

static size_t victim_draw(struct drawing *d)
{
	return d->program->is_oldest_freed ?
		       d->live_first :
		       d->live_first + random_below(&d->random, d->live_count - d->live_first);
}

static void step(struct drawing *d)
{
	uint32_t stream = (uint32_t)random_below(&d->random, d->program->streams);
	size_t fill = random_below(&d->random, d->program->live_blocks * 2 + 1);

	d->ticks += random_below(&d->random, 60);
	if (random_below(&d->random, 500) == 0)
		d->ticks += random_below(&d->random, 5000000);
	if (d->program->has_rare && random_below(&d->random, RARE_ONE_IN) == 0)
		step_rare(d, stream);
	else if (d->live_count == d->live_first || fill >= d->live_count - d->live_first)
		step_allocate(d, stream);
	else if (random_below(&d->random, 10) == 0)
		step_resize(d, stream, victim_draw(d));
	else
		step_free(d, stream, victim_draw(d));
}

struct raw_trace *raw_trace_draw(const struct raw_program *program,
				 struct trace_event **out_events)
{
	struct drawing *d = calloc(1, sizeof(*d));

	if (d == NULL)
		abort();
	d->program = program;
	d->random.state = program->seed;
	d->raw = raw_trace_create();
	d->events = calloc(program->event_count + 1, sizeof(*d->events));
	d->live = calloc(program->event_count + 1, sizeof(*d->live));
	d->end_of_heap = HEAP;
	if (d->events == NULL || d->live == NULL)
		abort();
	for (uint32_t i = 0; i < program->streams; i++)
		d->threads[i] = i;
	for (uint32_t i = 1; i <= program->frames; i++)
		raw_trace_frame(d->raw, 0, i, (uint32_t)random_below(&d->random, i),
				0x400000 + random_below(&d->random, 1 << 20));
	while (d->event_count < program->event_count)
		step(d);
	struct raw_trace *raw = d->raw;
	*out_events = d->events;
	for (size_t i = 0; i <= CLASSES; i++)
		free(d->free[i].items);
	free(d->live);
	free(d);
	return raw;
}
