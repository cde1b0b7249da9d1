/* SPDX-License-Identifier: MIT */
/*
 * Model: what is expected of the next event of a stream, given the ones before it in its chunk.
 *
 * Packing and unpacking keep the same model and feed it the same events. Where it is right, an
 * event is one symbol; else the symbol says what must be read beside it. It knows no more than a
 * chunk has told, so that every chunk can be unpacked by itself.
 *
 * What it expects:
 *   request   bytes, call and alignment: what followed the last two requests the time before
 *   result    slack and place: those of the last block of these bytes
 *   stack     what the last allocation after that stack, of these bytes, had
 *   address   what was freed last in the 16 KiB where the last block of these usable bytes lies;
 *             if nothing was, what lies behind the last one cut off there
 *   free      one of the last blocks allocated, or a neighbour, in the order of allocations, of the
 *             block freed before it
 *
 * Tables are indexed by hashes and entries are lost to others: then a guess is wrong, nothing more.
 */
#ifndef TRACE_MODEL_H
#define TRACE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace/record.h"

enum {
	MODEL_CLASSES_LOG2 = 10,
	MODEL_SLABS_LOG2 = 13,
	MODEL_REQUESTS_LOG2 = 13,
	MODEL_RESULTS_LOG2 = 12,
	MODEL_STACKS_LOG2 = 15,
	MODEL_SLAB_SHIFT = 14,
	MODEL_GRAIN = 16,
	/* Of a request: bytes that do not fit are never guessed. */
	REQUEST_BYTES_SHIFT = 9,
	REQUEST_CALL_SHIFT = 6,
	REQUEST_ALIGN_MASK = 63,
	REQUEST_BYTES_BITS = 64 - REQUEST_BYTES_SHIFT,
};

/* Blocks of the same usable bytes. */
struct model_class {
	uint64_t usable_bytes;
	uint64_t last;     /* address of the last one */
	uint64_t frontier; /* behind the last one that was cut off */
	uint64_t stride;   /* from one to the next */
};

/* What was freed in 16 KiB of addresses. */
struct model_slab {
	uint64_t slab;
	uint32_t top; /* the last one, as its place in `freed`, plus 1; 0: none */
};

struct model {
	uint64_t *addresses;      /* of allocations, by their sequence */
	uint32_t sequence;        /* allocations so far */
	uint32_t freed_count;
	uint32_t capacity;        /* events of a chunk */
	uint64_t *freed;          /* see freed_of() */
	uint32_t last_freed;      /* its sequence */
	uint64_t last_old;        /* address of the last one freed that is not of this chunk, */
	uint64_t last_old_step;   /* less the one before */
	uint64_t request, request_before;
	uint32_t stack;
	struct model_class classes[1 << MODEL_CLASSES_LOG2];
	struct model_slab slabs[1 << MODEL_SLABS_LOG2];
	uint64_t requests[1 << MODEL_REQUESTS_LOG2];
	uint64_t results[1 << MODEL_RESULTS_LOG2];
	uint32_t stacks[1 << MODEL_STACKS_LOG2];
};

/* A model for chunks of up to `capacity` events; NULL: out of memory. */
struct model *model_create(uint32_t capacity);
void model_destroy(struct model *model);
/* Forget everything. */
void model_reset(struct model *model);

/* ---- requests, results, stacks: words that stand for several fields ----------------------- */

static inline uint64_t model_hash(uint64_t value, unsigned log2)
{
	return value * UINT64_C(0x9e3779b97f4a7c15) >> (64 - log2);
}

/* Bytes, call and alignment in one word, as far as they fit. */
static inline uint64_t request_of(const struct trace_record *record)
{
	return record->bytes << REQUEST_BYTES_SHIFT |
	       (uint64_t)record->call << REQUEST_CALL_SHIFT | record->align_log2;
}

static inline uint64_t result_of(const struct trace_record *record)
{
	return (record->usable_bytes - record->bytes) << 2 | record->place;
}

/* Where the next request is expected. */
static inline uint64_t *model_request(struct model *model)
{
	uint64_t context = model->request * 31 + model->request_before;
	return &model->requests[model_hash(context, MODEL_REQUESTS_LOG2)];
}

static inline void model_request_set(struct model *model, uint64_t *place, uint64_t request)
{
	*place = request;
	model->request_before = model->request;
	model->request = request;
}

static inline uint64_t *model_result(struct model *model, uint64_t request)
{
	return &model->results[model_hash(request, MODEL_RESULTS_LOG2)];
}

static inline uint32_t *model_stack(struct model *model, uint64_t request)
{
	uint64_t context = request + ((uint64_t)model->stack << 24);
	return &model->stacks[model_hash(context, MODEL_STACKS_LOG2)];
}

/* Addresses are multiples of the grain, below 2^48; what is guessed is, too. */
#define MODEL_ADDRESS_MASK (((UINT64_C(1) << 44) - 1) << 4)

/* ---- addresses ---------------------------------------------------------------------------- */

static inline struct model_class *model_class(struct model *model, uint64_t usable_bytes)
{
	return &model->classes[model_hash(usable_bytes, MODEL_CLASSES_LOG2)];
}

static inline struct model_slab *model_slab(struct model *model, uint64_t address)
{
	uint64_t slab = address >> MODEL_SLAB_SHIFT;
	return &model->slabs[model_hash(slab, MODEL_SLABS_LOG2)];
}

/* How an address was guessed. */
enum model_guess {
	MODEL_FIRST,    /* freed last, or behind the last if nothing was */
	MODEL_FRONTIER, /* behind the last, although something was freed */
	MODEL_NEITHER,
};

/*
 * A freed address, and the place plus 1 of the one freed before it in its slab: an address leaves
 * 20 bits, in which the events of a chunk are counted.
 */
enum { FREED_SHIFT = 16, FREED_NEXT_MASK = (1 << 20) - 1 };

static inline uint64_t freed_of(uint64_t address, uint32_t next)
{
	return address << FREED_SHIFT | next;
}

static inline uint64_t freed_address(uint64_t freed)
{
	return (freed & ~(uint64_t)FREED_NEXT_MASK) >> FREED_SHIFT;
}

static inline bool slab_has_freed(const struct model_slab *slab, uint64_t address)
{
	return slab->top != 0 && slab->slab == address >> MODEL_SLAB_SHIFT;
}

static inline uint64_t model_first(const struct model *model, const struct model_class *class,
				   const struct model_slab *slab)
{
	return slab_has_freed(slab, class->last) ? freed_address(model->freed[slab->top - 1]) :
						   class->frontier;
}

/* An allocation got `address`; `slab` is that of class->last, before. */
static inline void model_allocated(struct model *model, struct model_class *class,
				   struct model_slab *slab, uint64_t address,
				   uint64_t usable_bytes, enum model_guess guess)
{
	bool has_freed = slab_has_freed(slab, class->last);

	if (has_freed && guess != MODEL_FRONTIER)
		slab->top = model->freed[slab->top - 1] & FREED_NEXT_MASK;
	if (class->usable_bytes != usable_bytes) {
		class->usable_bytes = usable_bytes;
		class->stride = usable_bytes + MODEL_GRAIN - 1;
	}
	if (guess != MODEL_FIRST || !has_freed) {
		uint64_t step = address - class->last;
		if (guess == MODEL_NEITHER && step >= usable_bytes && step < usable_bytes + 64)
			class->stride = step;
		class->frontier = (address + class->stride) & MODEL_ADDRESS_MASK;
	}
	class->last = address;
	model->addresses[model->sequence++] = address;
}

/* A block was freed that had `address`. */
static inline void model_freed(struct model *model, uint64_t address)
{
	struct model_slab *slab = model_slab(model, address);
	uint64_t number = address >> MODEL_SLAB_SHIFT;

	if (slab->slab != number) {
		slab->slab = number;
		slab->top = 0;
	}
	model->freed[model->freed_count] = freed_of(address, slab->top);
	slab->top = ++model->freed_count;
}

#endif
