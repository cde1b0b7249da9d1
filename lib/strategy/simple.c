/* SPDX-License-Identifier: MIT */
/*
 * Simple segregated storage: equal blocks for each size class, never split, never merged.
 *
 * Classes. Multiples of 16 up to 128 bytes, then four to a doubling up to 256 KiB.
 *
 * Runs. A class gets memory in runs of whole 64 KiB units and cuts them into blocks of its size,
 * one after the other as they are first needed. A freed block goes in front of its class's list
 * and serves the next request of the class; another class never gets it. Blocks carry no tag: at
 * the start of a run stands one state for each block, 0 when it is free and one more than the
 * bytes nobody asked for when it is live. A run lies in a chunk of 4 MiB, whose first unit names
 * the run each unit belongs to; so an address leads to its block by arithmetic.
 *
 * What is never given to another class can still be given back to the system: a trim drops the
 * pages of runs all of whose blocks are free.
 *
 * Work. Allocate and free: O(1). Trim: O(free blocks + runs).
 */
#include <string.h>

#include "base/access.h"
#include "base/compiler.h"
#include "strategy/chunk.h"

enum {
	UNIT_SHIFT = 16,
	UNIT_BYTES = 1 << UNIT_SHIFT,
	CHUNK_UNITS = CHUNK_BYTES / UNIT_BYTES,
	STEP_BYTES_MAX = 128,
	STEP_CLASSES = STEP_BYTES_MAX / ALIGN_BYTES,
	CLASSES_A_DOUBLING = 4,
	STEP_SHIFT = 7, /* log2 STEP_BYTES_MAX */
	BLOCK_SHIFT_MAX = 18,
	CLASSES = STEP_CLASSES + (BLOCK_SHIFT_MAX - STEP_SHIFT) * CLASSES_A_DOUBLING,
	BLOCK_BYTES_LARGEST = 1 << BLOCK_SHIFT_MAX,
	ALIGN_LARGEST = 4096,
	RUN_BLOCKS_MIN = 8, /* fewer would waste the end of a run */
	RUN_UNITS_MAX = RUN_BLOCKS_MIN * BLOCK_BYTES_LARGEST / UNIT_BYTES + 1,
	/* Division by a block size as a multiplication: exact below 2^22 (see class_init). */
	RECIPROCAL_SHIFT = 40,
	STATE_FREE = 0,
	STATE_LIVE = 1, /* + slack */
};

static_assert(RUN_UNITS_MAX < CHUNK_UNITS, "every run fits into a chunk");

/* A freed block: the next one of its class. */
struct free_slot {
	struct free_slot *next;
};

/* A run of blocks of one class; this header, then the states, then the blocks. */
struct run {
	struct run *next_spare;   /* next empty run of the class, all blocks never used */
	uint32_t class;
	uint32_t units;
	uint32_t capacity;        /* blocks */
	uint32_t fresh;           /* blocks from here on were never handed out */
	uint32_t live;
	uint32_t first_offset;    /* of block 0 from the run's start */
	bool is_idle;             /* empty, used before: counted in core.idle_bytes */
	uint8_t states[];         /* class->state_bytes each */
};

/* The first unit of a chunk. */
struct chunk {
	uint8_t run_units[CHUNK_UNITS]; /* the unit where the run of this unit starts; 0: none */
	uint32_t used_units;
};

struct class {
	uint32_t block_bytes;
	uint32_t state_bytes;
	uint64_t reciprocal;
	struct free_slot *free;  /* freed blocks, newest first */
	struct run *current;     /* where fresh blocks come from, NULL if none */
	struct run *spares;      /* runs that were emptied by a trim */
};

struct simple {
	struct strategy_core core;
	struct chunk *chunk; /* where new runs are made */
	struct class classes[CLASSES];
};

/* ---- classes ---- */

ALLOT_INLINE unsigned class_for(size_t bytes)
{
	if (bytes <= STEP_BYTES_MAX)
		return bytes == 0 ? 0 : (unsigned)((bytes - 1) / ALIGN_BYTES);
	unsigned doubling = log2_floor(bytes - 1);
	unsigned quarter = (unsigned)((bytes - 1) >> (doubling - 2)) & (CLASSES_A_DOUBLING - 1);
	return STEP_CLASSES + (doubling - STEP_SHIFT) * CLASSES_A_DOUBLING + quarter;
}

static uint32_t class_block_bytes(unsigned class)
{
	if (class < STEP_CLASSES)
		return (class + 1) * ALIGN_BYTES;
	unsigned doubling = (class - STEP_CLASSES) / CLASSES_A_DOUBLING + STEP_SHIFT;
	unsigned quarter = (class - STEP_CLASSES) % CLASSES_A_DOUBLING;
	return (1u << doubling) + ((quarter + 1) << (doubling - 2));
}

/*
 * offset / size == offset * ceil(2^40 / size) >> 40 as long as offset * size < 2^40: a run is at
 * most 2^22 bytes long and a block 2^18.
 */
static void class_init(struct class *class, uint32_t block_bytes)
{
	class->block_bytes = block_bytes;
	class->state_bytes = block_bytes <= STEP_BYTES_MAX ? 1 : block_bytes <= 1 << 15 ? 2 : 4;
	class->reciprocal = (((uint64_t)1 << RECIPROCAL_SHIFT) + block_bytes - 1) / block_bytes;
}

static void simple_init(void *state)
{
	struct simple *s = state;
	for (unsigned i = 0; i < CLASSES; i++)
		class_init(&s->classes[i], class_block_bytes(i));
}

/* ---- states ---- */

ALLOT_INLINE uint32_t state_load(const struct class *class, const struct run *run, uint32_t index)
{
	const uint8_t *at = run->states + (size_t)index * class->state_bytes;
	uint16_t half;
	uint32_t whole;
	access_observe(at, class->state_bytes, ACCESS_LOAD);
	switch (class->state_bytes) {
	case sizeof(uint8_t):
		return *at;
	case sizeof(half):
		memcpy(&half, at, sizeof(half));
		return half;
	default:
		memcpy(&whole, at, sizeof(whole));
		return whole;
	}
}

ALLOT_INLINE void state_store(const struct class *class, struct run *run, uint32_t index,
			      uint32_t value)
{
	uint8_t *at = run->states + (size_t)index * class->state_bytes;
	uint16_t half = (uint16_t)value;
	access_observe(at, class->state_bytes, ACCESS_STORE);
	switch (class->state_bytes) {
	case sizeof(uint8_t):
		*at = (uint8_t)value;
		break;
	case sizeof(half):
		memcpy(at, &half, sizeof(half));
		break;
	default:
		memcpy(at, &value, sizeof(value));
	}
}

/* ---- runs ---- */

ALLOT_INLINE uintptr_t run_block(const struct class *class, const struct run *run, uint32_t index)
{
	return (uintptr_t)run + run->first_offset + (uintptr_t)index * class->block_bytes;
}

/* The run an address of our regions lies in, or NULL. */
ALLOT_INLINE struct run *run_of(uintptr_t address)
{
	uintptr_t base = chunk_base(address);
	const struct chunk *chunk = (const struct chunk *)base;
	unsigned unit = byte_load(&chunk->run_units[(address - base) >> UNIT_SHIFT]);
	return unit == 0 ? NULL : (struct run *)(base + ((uintptr_t)unit << UNIT_SHIFT));
}

/* The index of the block `address` lies in; capacity or more when it lies in none. */
ALLOT_INLINE uint32_t run_index(const struct class *class, const struct run *run,
				uintptr_t address)
{
	uintptr_t offset = address - (uintptr_t)run;
	if (offset < run->first_offset)
		return UINT32_MAX;
	return (uint32_t)((offset - run->first_offset) * class->reciprocal >> RECIPROCAL_SHIFT);
}

static size_t run_bytes(const struct run *run)
{
	return (size_t)run->units << UNIT_SHIFT;
}

/* Units for a run of the class: one, or enough for RUN_BLOCKS_MIN blocks and the header. */
static uint32_t run_units_for(const struct class *class)
{
	if ((size_t)class->block_bytes * RUN_BLOCKS_MIN <= UNIT_BYTES)
		return 1;
	size_t bytes = (size_t)class->block_bytes * RUN_BLOCKS_MIN + ALIGN_LARGEST;
	return (uint32_t)((bytes + UNIT_BYTES - 1) >> UNIT_SHIFT);
}

/* Lay out a run: as many blocks as fit behind their states, each aligned as its size allows. */
static void run_lay_out(const struct class *class, struct run *run)
{
	size_t bytes = run_bytes(run);
	size_t align = size_min(class->block_bytes & -class->block_bytes, ALIGN_LARGEST);
	size_t capacity = (bytes - sizeof(*run)) / (class->block_bytes + class->state_bytes);
	size_t first;
	for (;; capacity--) {
		first = align_up(sizeof(*run) + capacity * class->state_bytes, align);
		if (first + capacity * class->block_bytes <= bytes)
			break;
	}
	run->capacity = (uint32_t)capacity;
	run->first_offset = (uint32_t)first;
}

static bool chunk_obtain(struct simple *s)
{
	struct span span;
	if (!source_grow(s->core.source, CHUNK_BYTES, &span))
		return false;
	/* More than one at a time: the others are found again as empty chunks of a region. */
	s->chunk = (struct chunk *)span.base;
	for (uintptr_t base = span.base; base < span.base + span.bytes; base += CHUNK_BYTES)
		((struct chunk *)base)->used_units = 1;
	return true;
}

/* The next chunk that was obtained but not begun, if the current one is full. */
static struct chunk *chunk_next(const struct simple *s)
{
	uintptr_t next = (uintptr_t)s->chunk + CHUNK_BYTES;
	for (const struct region *r = s->core.source->first; r != NULL; r = r->next) {
		if (region_has(r, (uintptr_t)s->chunk) && region_has(r, next))
			return (struct chunk *)next;
	}
	return NULL;
}

static struct run *run_create(struct simple *s, unsigned class)
{
	uint32_t units = run_units_for(&s->classes[class]);
	struct chunk *chunk = s->chunk;
	if (chunk != NULL && chunk->used_units + units > CHUNK_UNITS)
		chunk = chunk_next(s);
	/* The current one may still have room for others when there is no further one. */
	if (chunk == NULL && !chunk_obtain(s))
		return NULL;
	if (chunk != NULL)
		s->chunk = chunk;
	uint32_t unit = s->chunk->used_units;
	struct run *run = (struct run *)((uintptr_t)s->chunk + ((uintptr_t)unit << UNIT_SHIFT));
	run->class = class;
	run->units = units;
	run_lay_out(&s->classes[class], run);
	for (uint32_t i = 0; i < units; i++)
		byte_store(&s->chunk->run_units[unit + i], (uint8_t)unit);
	s->chunk->used_units += units;
	return run;
}

/* The run that fresh blocks of the class come from, made if there is none. */
static struct run *run_obtain(struct simple *s, unsigned class)
{
	struct class *c = &s->classes[class];
	if (c->current != NULL && c->current->fresh < c->current->capacity)
		return c->current;
	if (c->spares != NULL) {
		c->current = c->spares;
		c->spares = c->current->next_spare;
		return c->current;
	}
	struct run *run = run_create(s, class);
	if (run != NULL)
		c->current = run;
	return run;
}

/* ---- the strategy ---- */

/* One more live block; an empty run that was used before counts as dirty no more. */
static void run_count_live(struct simple *s, struct run *run)
{
	if (run->live++ > 0 || !run->is_idle)
		return;
	run->is_idle = false;
	s->core.idle_bytes -= run_bytes(run);
	if (run->fresh > 0)
		s->core.dirty_bytes = size_minus(s->core.dirty_bytes, run_bytes(run));
}

static ALLOT_OUTLINE void *allocate_fresh(struct simple *s, unsigned class, size_t requested)
{
	struct class *c = &s->classes[class];
	struct run *run = run_obtain(s, class);
	if (run == NULL)
		return NULL;
	run_count_live(s, run);
	uint32_t index = run->fresh++;
	state_store(c, run, index, (uint32_t)(STATE_LIVE + c->block_bytes - requested));
	return (void *)run_block(c, run, index);
}

/* Is there a free block of the class at `address`? */
static bool is_free_slot(const struct simple *s, unsigned class, uintptr_t address)
{
	const struct region *region = s->core.source->first;
	while (region != NULL && !region_has(region, address))
		region = region->next;
	struct run *run = region == NULL ? NULL : run_of(address);
	if (run == NULL || run->class != class)
		return false;
	uint32_t index = run_index(&s->classes[class], run, address);
	return index < run->capacity && run_block(&s->classes[class], run, index) == address &&
	       state_load(&s->classes[class], run, index) == STATE_FREE;
}

static void *simple_allocate(void *state, size_t bytes, size_t align)
{
	struct simple *s = state;
	size_t requested = bytes;
	if (unlikely(align > ALIGN_BYTES)) /* blocks of 2^k bytes lie at multiples of 2^k */
		bytes = (size_t)1 << log2_ceil(size_max(bytes, align));
	unsigned class = class_for(bytes);
	struct class *c = &s->classes[class];
	struct free_slot *slot = c->free;
	if (unlikely(slot == NULL))
		return allocate_fresh(s, class, requested);
	if (unlikely(!is_free_slot(s, class, (uintptr_t)slot))) {
		c->free = NULL;
		core_fault(&s->core, FAULT_BROKEN_TAG, (uintptr_t)slot, 0, 0);
		return NULL;
	}
	struct run *run = run_of((uintptr_t)slot);
	uint32_t index = run_index(c, run, (uintptr_t)slot);
	c->free = link_load((void *const *)&slot->next);
	state_store(c, run, index, (uint32_t)(STATE_LIVE + c->block_bytes - requested));
	run_count_live(s, run);
	return slot;
}

/* Say what is wrong with `address`. */
static ALLOT_COLD bool simple_accuse(struct simple *s, struct region *region, uintptr_t address)
{
	if (!region_has(region, address))
		return core_fault(&s->core, FAULT_FOREIGN, address, 0, 0);
	struct run *run = run_of(address);
	uintptr_t block = 0;
	size_t bytes = 0;
	enum fault_kind kind = FAULT_INTERIOR;
	if (run != NULL) {
		const struct class *c = &s->classes[run->class];
		uint32_t index = run_index(c, run, address);
		if (index < run->capacity) {
			block = run_block(c, run, index);
			bytes = c->block_bytes;
			if (block == address && state_load(c, run, index) == STATE_FREE)
				kind = FAULT_DOUBLE_FREE;
		}
	}
	if (!is_aligned(address, ALIGN_BYTES))
		kind = FAULT_MISALIGNED;
	return core_fault(&s->core, kind, address, block, bytes);
}

/* The run and index of the live block at `p`, or NULL. */
ALLOT_INLINE struct run *simple_find(const struct simple *s, const struct region *region,
				     const void *p, uint32_t *out_index)
{
	uintptr_t address = (uintptr_t)p;
	struct run *run = likely(region_has(region, address)) ? run_of(address) : NULL;
	if (unlikely(run == NULL))
		return NULL;
	const struct class *c = &s->classes[run->class];
	*out_index = run_index(c, run, address);
	bool is_block = *out_index < run->capacity && run_block(c, run, *out_index) == address;
	return likely(is_block && state_load(c, run, *out_index) != STATE_FREE) ? run : NULL;
}

/* The same, with a fault when there is none. */
ALLOT_INLINE struct run *simple_verify(struct simple *s, struct region *region, const void *p,
				       uint32_t *out_index)
{
	struct run *run = simple_find(s, region, p, out_index);
	if (unlikely(run == NULL))
		simple_accuse(s, region, (uintptr_t)p);
	return run;
}

static bool simple_free(void *state, struct region *region, void *p)
{
	struct simple *s = state;
	uint32_t index;
	struct run *run = simple_verify(s, region, p, &index);
	if (unlikely(run == NULL))
		return false;
	struct class *c = &s->classes[run->class];
	struct free_slot *slot = p;
	state_store(c, run, index, STATE_FREE);
	link_store((void **)&slot->next, c->free);
	c->free = slot;
	if (--run->live == 0) {
		run->is_idle = true;
		s->core.idle_bytes += run_bytes(run);
		s->core.dirty_bytes += run_bytes(run);
	}
	return true;
}

static enum resize_result simple_resize(void *state, struct region *region, void *p, size_t bytes,
					size_t room_bytes)
{
	(void)room_bytes; /* nothing grows in place */
	struct simple *s = state;
	uint32_t index;
	struct run *run = simple_verify(s, region, p, &index);
	if (run == NULL)
		return RESIZE_FAULT;
	const struct class *c = &s->classes[run->class];
	if (bytes > c->block_bytes)
		return RESIZE_MUST_MOVE;
	state_store(c, run, index, (uint32_t)(STATE_LIVE + c->block_bytes - bytes));
	return RESIZE_DONE;
}

static void block_read(const struct class *c, const struct run *run, uint32_t index,
		       struct block_info *out)
{
	uint32_t state = state_load(c, run, index);
	bool is_live = state != STATE_FREE;
	*out = (struct block_info){
		.payload = run_block(c, run, index),
		.block_bytes = c->block_bytes,
		.usable_bytes = is_live ? c->block_bytes : 0,
		.requested_bytes = is_live ? c->block_bytes - (state - STATE_LIVE) : 0,
		.state = is_live ? BLOCK_LIVE : BLOCK_FREE,
	};
}

static bool simple_describe(void *state, struct region *region, void *p, struct block_info *out)
{
	struct simple *s = state;
	uint32_t index;
	struct run *run = simple_find(s, region, p, &index);
	if (run == NULL)
		return false;
	block_read(&s->classes[run->class], run, index, out);
	return true;
}

/* ---- runs, one after the other ---- */

static bool runs_visit(struct simple *s,
		       bool (*visit)(struct simple *s, struct run *run, void *context),
		       void *context)
{
	for (struct region *r = s->core.source->first; r != NULL; r = r->next) {
		for (uintptr_t base = r->base; base < r->base + r->bytes; base += CHUNK_BYTES) {
			const struct chunk *chunk = (const struct chunk *)base;
			for (uint32_t unit = 1; unit < chunk->used_units;) {
				struct run *run = (struct run *)(base + ((uintptr_t)unit
									 << UNIT_SHIFT));
				if (!visit(s, run, context))
					return false;
				unit += run->units;
			}
		}
	}
	return true;
}

/* Take the blocks of empty runs off a class's list. */
static void class_drop_empty(struct class *c)
{
	struct free_slot **link = &c->free;
	while (*link != NULL) {
		struct free_slot *slot = *link;
		struct free_slot *next = link_load((void *const *)&slot->next);
		if (run_of((uintptr_t)slot)->live == 0)
			*link = next;
		else
			link = &slot->next;
	}
}

static bool run_release(struct simple *s, struct run *run, void *context)
{
	size_t *released = context;
	struct class *c = &s->classes[run->class];
	if (run->live > 0 || run->fresh == 0)
		return true;
	uintptr_t begin = (uintptr_t)run + run->first_offset;
	size_t used_bytes = (size_t)run->fresh * c->block_bytes;
	if (source_release(s->core.source, begin, begin + used_bytes) > 0)
		*released += used_bytes;
	run->fresh = 0;
	if (run != c->current) {
		run->next_spare = c->spares;
		c->spares = run;
	}
	return true;
}

static size_t simple_trim(void *state, size_t keep_bytes, size_t most_bytes)
{
	struct simple *s = state;
	size_t released = 0;
	/* A run is given back whole or not at all, and so are all runs. */
	(void)keep_bytes;
	(void)most_bytes;
	for (unsigned i = 0; i < CLASSES; i++)
		class_drop_empty(&s->classes[i]);
	runs_visit(s, run_release, &released);
	s->core.dirty_bytes = 0;
	return released;
}

struct walk {
	block_visit *visit;
	void *context;
};

static bool run_walk(struct simple *s, struct run *run, void *context)
{
	struct walk *walk = context;
	const struct class *c = &s->classes[run->class];
	for (uint32_t i = 0; i < run->capacity; i++) {
		struct block_info info;
		block_read(c, run, i, &info);
		if (!walk->visit(&info, walk->context))
			return false;
	}
	return true;
}

static bool simple_walk(void *state, block_visit *visit, void *context)
{
	struct walk walk = {visit, context};
	return runs_visit(state, run_walk, &walk);
}

/* ---- checking ---- */

struct check {
	struct text *message;
	size_t free_blocks[CLASSES]; /* handed out once and free again */
};

static bool run_check(struct simple *s, struct run *run, void *context)
{
	struct check *check = context;
	const struct class *c = &s->classes[run->class];
	uint32_t live = 0;
	if (run->class >= CLASSES || run->fresh > run->capacity) {
		text_format(check->message, "broken run header at %p", (void *)run);
		return false;
	}
	for (uint32_t i = 0; i < run->capacity; i++) {
		uint32_t state = state_load(c, run, i);
		live += state != STATE_FREE;
		if (i >= run->fresh ? state != STATE_FREE : state > c->block_bytes + STATE_LIVE) {
			text_format(check->message, "impossible state of block %p",
				    (void *)run_block(c, run, i));
			return false;
		}
	}
	if (live != run->live) {
		text_format(check->message, "run %p counts %u live blocks but has %u",
			    (void *)run, (size_t)run->live, (size_t)live);
		return false;
	}
	check->free_blocks[run->class] += run->fresh - live;
	return true;
}

static bool class_check(struct simple *s, unsigned class, size_t free_blocks,
			struct text *message)
{
	size_t listed = 0;
	for (struct free_slot *slot = s->classes[class].free; slot != NULL; slot = slot->next) {
		if (!is_free_slot(s, class, (uintptr_t)slot) || ++listed > free_blocks) {
			text_format(message, "broken list of class %u at %p", (size_t)class,
				    (void *)slot);
			return false;
		}
	}
	if (listed != free_blocks)
		text_format(message, "class %u has %u free blocks, but %u on its list",
			    (size_t)class, free_blocks, listed);
	return listed == free_blocks;
}

static bool simple_check(void *state, struct text *message)
{
	struct simple *s = state;
	struct check check = {.message = message};
	if (!runs_visit(s, run_check, &check))
		return false;
	for (unsigned i = 0; i < CLASSES; i++) {
		if (!class_check(s, i, check.free_blocks[i], message))
			return false;
	}
	return true;
}

static_assert(sizeof(struct simple) <= STRATEGY_STATE_BYTES_MAX, "state fits its storage");

const struct strategy strategy_simple = {
	.name = "simple",
	.summary = "simple segregated storage: equal blocks per class, no splitting, no merging",
	.bound = "O(1)",
	.default_policy = {FIT_FIRST, ORDER_LIFO, COALESCE_IMMEDIATE},
	.state_bytes = sizeof(struct simple),
	.unit_bytes = CHUNK_BYTES,
	.block_bytes_min = ALIGN_BYTES,
	.request_bytes_max = BLOCK_BYTES_LARGEST,
	.align_bytes_max = ALIGN_LARGEST,
	.init = simple_init,
	.allocate = simple_allocate,
	.free = simple_free,
	.resize = simple_resize,
	.describe = simple_describe,
	.trim = simple_trim,
	.walk = simple_walk,
	.check = simple_check,
};
