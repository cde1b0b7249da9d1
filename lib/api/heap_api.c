/* SPDX-License-Identifier: MIT */
/*
 * The public interface: heaps as values, and what there is to choose. See allot/allot.h.
 *
 * A public heap is a struct heap with one arena, both in one piece of memory.
 */
#include <errno.h>
#include <string.h>

#include "allot/allot.h"
#include "api/fault.h"
#include "api/options.h"
#include "api/statistics.h"
#include "base/memcheck.h"
#include "base/message.h"
#include "front/heap.h"
#include "os/process.h"
#include "pages/own_memory.h"

#ifndef ALLOT_VERSION
#define ALLOT_VERSION "0"
#endif

struct allot_heap {
	struct heap heap;
	struct heap_caller caller;
	enum option_error on_error;
	void (*on_fault)(const struct allot_fault *fault, void *context);
	void *on_fault_context;
	size_t bytes; /* of this piece of memory */
	struct arena arena;
};

const char *allot_version(void)
{
	return ALLOT_VERSION;
}

/* ---- life ---- */

static enum allot_fault_kind public_kind(enum fault_kind kind)
{
	static const enum allot_fault_kind kinds[] = {
		[FAULT_NONE] = ALLOT_FAULT_NONE,
		[FAULT_DOUBLE_FREE] = ALLOT_FAULT_DOUBLE_FREE,
		[FAULT_INTERIOR] = ALLOT_FAULT_INTERIOR,
		[FAULT_MISALIGNED] = ALLOT_FAULT_MISALIGNED,
		[FAULT_FOREIGN] = ALLOT_FAULT_FOREIGN,
		[FAULT_BROKEN_TAG] = ALLOT_FAULT_BROKEN_TAG,
	};
	return kinds[kind];
}

static void report(const struct heap_fault *fault, void *context)
{
	struct allot_heap *heap = context;
	struct allot_fault public = {
		.kind = public_kind(fault->fault.kind),
		.call = fault->call,
		.address = (const void *)fault->fault.address,
		.block = (const void *)fault->fault.block,
		.block_bytes = fault->fault.block_bytes,
		.strategy = fault->strategy,
	};
	if (heap->on_fault != NULL) {
		heap->on_fault(&public, heap->on_fault_context);
		return;
	}
	fault_print(fault);
	if (heap->on_error == ON_ERROR_ABORT)
		message_abort();
}

static struct allot_heap *create(const struct options *options, const struct arena_config *arena,
				 struct text *message)
{
	struct heap_config config = {
		.arena = *arena,
		.arena_count_max = 1,
		.mmap_threshold_bytes = options->mmap_threshold_bytes,
		.trim_threshold_bytes = options->trim_threshold_bytes,
		.report = report,
	};
	size_t bytes = sizeof(struct allot_heap) + options->strategy->state_bytes;
	struct allot_heap *heap = own_memory_create(bytes);
	if (heap == NULL)
		goto no_memory;
	heap->bytes = bytes;
	heap->on_error = options->on_error;
	if (options->check)
		config.watch |= WATCH_CHECK;
	if (memcheck_is_running())
		config.watch |= WATCH_MEMCHECK;
	config.report_context = heap;
	config.arena.strategy = options->strategy;
	config.arena.policy = options->policy;
	config.arena.key = os_random_seed() ^ (uintptr_t)heap;
	if (!heap_init(&heap->heap, &config, &heap->arena))
		goto no_memory;
	heap->caller.arena = config.watch == 0 ? &heap->arena : NULL;
	heap->caller.small = &thread_heap_none;
	return heap;
no_memory:
	if (heap != NULL)
		own_memory_destroy(heap, bytes);
	text_string(message, "out of memory");
	errno = ENOMEM;
	return NULL;
}

static bool read_conf(struct options *options, const char *conf, struct text *message)
{
	options_init(options);
	bool is_right = conf == NULL || options_read(options, conf, strlen(conf), true, message);
	if (!is_right || !options_settle(options, message)) {
		errno = EINVAL;
		return false;
	}
	return true;
}

struct allot_heap *allot_heap_create(const char *conf, char *message, size_t message_bytes)
{
	struct options options;
	struct text text;
	text_init(&text, message, message == NULL ? 0 : message_bytes);
	if (!read_conf(&options, conf, &text))
		return NULL;
	struct arena_config arena = {
		.source = options.source == SOURCE_SBRK ? ARENA_SBRK : ARENA_MMAP,
	};
	return create(&options, &arena, &text);
}

/* Would the strategy's first unit fit? */
static bool buffer_is_large_enough(const struct strategy *strategy, uintptr_t base, size_t bytes)
{
	size_t unit = strategy->unit_bytes != 0 ? strategy->unit_bytes : 4096;
	uintptr_t aligned = align_up(base, unit);
	return aligned >= base && aligned - base <= bytes && bytes - (aligned - base) >= unit;
}

struct allot_heap *allot_heap_create_in(void *buffer, size_t buffer_bytes, const char *conf,
					char *message, size_t message_bytes)
{
	struct options options;
	struct text text;
	text_init(&text, message, message == NULL ? 0 : message_bytes);
	if (conf != NULL && strstr(conf, "source:") != NULL) {
		text_string(&text, "option source: the source of this heap is its buffer");
		errno = EINVAL;
		return NULL;
	}
	if (!read_conf(&options, conf, &text))
		return NULL;
	if (!buffer_is_large_enough(options.strategy, (uintptr_t)buffer, buffer_bytes)) {
		text_format(&text, "a buffer of %u bytes is too small for strategy %s",
			    buffer_bytes, options.strategy->name);
		errno = ENOMEM;
		return NULL;
	}
	/* There is nothing but the buffer: no request is too large for the strategy to try. */
	options.mmap_threshold_bytes = PTRDIFF_MAX;
	struct arena_config arena = {
		.source = ARENA_BUFFER,
		.buffer = buffer,
		.buffer_bytes = buffer_bytes,
	};
	return create(&options, &arena, &text);
}

void allot_heap_destroy(struct allot_heap *heap)
{
	if (heap == NULL)
		return;
	heap_finish(&heap->heap);
	own_memory_destroy(heap, heap->bytes);
}

/* ---- blocks ---- */

static void *no_memory(void)
{
	errno = ENOMEM;
	return NULL;
}

void *allot_heap_allocate(struct allot_heap *heap, size_t bytes)
{
	void *p = heap_try_allocate(heap->caller.arena, bytes);
	if (likely(p != NULL))
		return p;
	return allot_heap_allocate_aligned(heap, ALIGN_BYTES, bytes);
}

void *allot_heap_allocate_zeroed(struct allot_heap *heap, size_t count, size_t bytes)
{
	size_t total;
	if (!size_multiply(count, bytes, &total) || total > PTRDIFF_MAX)
		return no_memory();
	/* The long way knows what is zero already. */
	void *p = heap_allocate_slow(&heap->heap, &heap->caller, total, ALIGN_BYTES, true);
	return p != NULL ? p : no_memory();
}

void *allot_heap_allocate_aligned(struct allot_heap *heap, size_t alignment, size_t bytes)
{
	if (!is_pow2(alignment)) {
		errno = EINVAL;
		return NULL;
	}
	alignment = size_max(alignment, ALIGN_BYTES);
	if (bytes > PTRDIFF_MAX || alignment > PTRDIFF_MAX - bytes)
		return no_memory();
	void *p = heap_allocate_slow(&heap->heap, &heap->caller, bytes, alignment, false);
	return p != NULL ? p : no_memory();
}

void allot_heap_free(struct allot_heap *heap, void *block)
{
	if (likely(block != NULL) && unlikely(!heap_try_free(heap->caller.arena, block)))
		heap_free_slow(&heap->heap, &heap->caller, block, "free");
}

void *allot_heap_resize(struct allot_heap *heap, void *block, size_t bytes)
{
	if (block == NULL)
		return allot_heap_allocate(heap, bytes);
	if (bytes > PTRDIFF_MAX)
		return no_memory();
	void *p = heap_resize(&heap->heap, &heap->caller, block, bytes);
	return p != NULL ? p : no_memory();
}

size_t allot_heap_usable_bytes(struct allot_heap *heap, const void *block)
{
	return block == NULL ? 0 : heap_usable_bytes(&heap->heap, block);
}

size_t allot_heap_trim(struct allot_heap *heap, size_t keep_bytes)
{
	return heap_trim(&heap->heap, &heap->caller, keep_bytes);
}

/* ---- looking ---- */

struct public_visit {
	bool (*visit)(const struct allot_block *block, void *context);
	void *context;
};

static bool visit_public(const struct block_info *block, bool is_mapping, void *context)
{
	static const enum allot_block_state states[] = {
		[BLOCK_LIVE] = ALLOT_BLOCK_LIVE,
		[BLOCK_FREE] = ALLOT_BLOCK_FREE,
		[BLOCK_DEFERRED] = ALLOT_BLOCK_DEFERRED,
	};
	struct public_visit *v = context;
	struct allot_block public = {
		.payload = (const void *)block->payload,
		.block_bytes = block->block_bytes,
		.usable_bytes = block->usable_bytes,
		.requested_bytes = block->requested_bytes,
		.tag_bytes = block->tag_bytes,
		.state = states[block->state],
		.is_own_mapping = is_mapping,
	};
	return v->visit(&public, v->context);
}

bool allot_heap_walk(struct allot_heap *heap,
		     bool (*visit)(const struct allot_block *block, void *context), void *context)
{
	struct public_visit v = {visit, context};
	return heap_walk(&heap->heap, visit_public, &v);
}

bool allot_heap_check(struct allot_heap *heap, char *message, size_t message_bytes)
{
	struct text text;
	text_init(&text, message, message == NULL ? 0 : message_bytes);
	return heap_check(&heap->heap, &text);
}

void allot_heap_statistics(struct allot_heap *heap, struct allot_statistics *out)
{
	statistics_read(&heap->heap, out);
}

void allot_heap_on_fault(struct allot_heap *heap,
			 void (*handler)(const struct allot_fault *fault, void *context),
			 void *context)
{
	heap->on_fault = handler;
	heap->on_fault_context = context;
}

/* ---- what can be chosen ---- */

size_t allot_strategy_count(void)
{
	size_t count = 0;
	while (strategies[count] != NULL)
		count++;
	return count;
}

enum { CHOICES_MAX = 3 };

/*
 * Words of the set bits, the default first. Every set of at most three bits with each possible
 * default is a row of constants, so that the lists live for ever without being allocated.
 */
#define CHOICE_ROWS(a, b, c)                                                             \
	{                                                                                \
		[1] = {{a}},                                                             \
		[2] = {{0}, {b}},                                                        \
		[3] = {{a, b}, {b, a}},                                                  \
		[4] = {{0}, {0}, {c}},                                                   \
		[5] = {{a, c}, {0}, {c, a}},                                             \
		[6] = {{0}, {b, c}, {c, b}},                                             \
		[7] = {{a, b, c}, {b, a, c}, {c, a, b}},                                 \
	}

static const char *const fit_words[8][CHOICES_MAX][CHOICES_MAX + 1] =
	CHOICE_ROWS("first", "next", "best");
static const char *const order_words[8][CHOICES_MAX][CHOICES_MAX + 1] =
	CHOICE_ROWS("lifo", "address", NULL);
static const char *const coalesce_words[8][CHOICES_MAX][CHOICES_MAX + 1] =
	CHOICE_ROWS("immediate", "deferred", NULL);

bool allot_strategy_get(size_t index, struct allot_strategy *out)
{
	if (index >= allot_strategy_count())
		return false;
	const struct strategy *s = strategies[index];
	const struct strategy_policy *policy = &s->default_policy;
	*out = (struct allot_strategy){
		.name = s->name,
		.summary = s->summary,
		.bound = s->bound,
		.fits = fit_words[s->fits][policy->fit],
		.orders = order_words[s->orders][policy->order],
		.coalescings = coalesce_words[s->coalescings][policy->coalesce],
		.block_bytes_min = s->block_bytes_min,
		.region_bytes_min = s->unit_bytes != 0 ? s->unit_bytes : 4096,
		.request_bytes_max = s->request_bytes_max,
	};
	return true;
}
