/* SPDX-License-Identifier: MIT */
/*
 * Counting: one function for a block that begins, one for a block that ends, and the ledger.
 */
#include "report_count.h"

#include <stdlib.h>
#include <string.h>

#include "report_block.h"
#include "sample_peak.h"

enum {
	INTERVAL_FIRST = 1024,
	THREADS_MAX = 1 << 16, /* more are counted as one */
	CLASS_SMALL = 8,       /* sizes below it have a class of their own */
	CLASS_SMALL_LOG2 = 3,
	CLASS_STEPS_LOG2 = 2,
	CLASS_STEPS = 1 << CLASS_STEPS_LOG2,
};

bool report_count_init(struct report_count *count, const struct trace_info *info,
		       size_t stack_count)
{
	memset(count, 0, sizeof(*count));
	if (!report_pages_init(&count->pages, info->page_bytes, false))
		return false;
	count->page_bytes = count->pages.page_bytes;
	count->tag_bytes = info->tag_bytes;
	count->interval = count->countdown = INTERVAL_FIRST;
	count->stack_count = stack_count > 0 ? stack_count : 1;
	count->stacks = calloc(count->stack_count, sizeof(*count->stacks));
	return report_series_init(&count->by_sample, REPORT_POINTS_KEPT) &&
	       report_series_init(&count->by_event, REPORT_POINTS_KEPT) && count->stacks != NULL;
}

bool report_count_grow(struct report_count *count, size_t stack_count)
{
	if (stack_count <= count->stack_count)
		return true;
	size_t larger = stack_count * 2;
	struct report_stack *stacks = reallocarray(count->stacks, larger, sizeof(*stacks));
	if (stacks == NULL)
		return false;
	memset(stacks + count->stack_count, 0, (larger - count->stack_count) * sizeof(*stacks));
	count->stacks = stacks;
	count->stack_count = larger;
	return true;
}

void report_count_free(struct report_count *count)
{
	report_pages_free(&count->pages);
	report_ranges_free(&count->ranges);
	report_series_free(&count->by_sample);
	report_series_free(&count->by_event);
	free(count->stacks);
	free(count->threads);
	count->stacks = NULL;
	count->threads = NULL;
}

unsigned report_class_of(uint64_t bytes)
{
	if (bytes < CLASS_SMALL)
		return (unsigned)bytes;
	unsigned log2 = 63 - (unsigned)__builtin_clzll(bytes);
	unsigned step = (unsigned)(bytes >> (log2 - CLASS_STEPS_LOG2)) & (CLASS_STEPS - 1);
	unsigned index = CLASS_SMALL + ((log2 - CLASS_SMALL_LOG2) << CLASS_STEPS_LOG2) + step;
	return index < REPORT_CLASSES ? index : REPORT_CLASSES - 1;
}

uint64_t report_class_from(unsigned index)
{
	if (index < CLASS_SMALL)
		return index;
	unsigned log2 = ((index - CLASS_SMALL) >> CLASS_STEPS_LOG2) + CLASS_SMALL_LOG2;
	uint64_t step = (index - CLASS_SMALL) & (CLASS_STEPS - 1);
	return (UINT64_C(1) << log2) + (step << (log2 - CLASS_STEPS_LOG2));
}

static unsigned log2_bounded(uint64_t value, unsigned count)
{
	unsigned log2 = value > 0 ? 63 - (unsigned)__builtin_clzll(value) : 0;

	return log2 < count ? log2 : count - 1;
}

unsigned report_life_size(uint64_t bytes)
{
	return log2_bounded(bytes, REPORT_LIFE_SIZES);
}

unsigned report_life_time(uint64_t age_ns)
{
	return log2_bounded(age_ns, REPORT_LIFE_TIMES);
}

static struct report_thread *thread_take(struct report_count *count, uint32_t thread)
{
	static struct report_thread nobody; /* when there is no memory */

	if (thread >= THREADS_MAX)
		thread = THREADS_MAX - 1;
	if (thread >= count->thread_capacity) {
		size_t capacity = 2 * (size_t)thread + 16;
		struct report_thread *threads = reallocarray(count->threads, capacity,
							     sizeof(*threads));

		if (threads == NULL) {
			count->is_short = true;
			return &nobody;
		}
		memset(threads + count->thread_capacity, 0,
		       (capacity - count->thread_capacity) * sizeof(*threads));
		count->threads = threads;
		count->thread_capacity = capacity;
	}
	if (thread >= count->thread_count)
		count->thread_count = (size_t)thread + 1;
	return &count->threads[thread];
}

static struct report_stack *stack_take(struct report_count *count, uint32_t stack)
{
	return &count->stacks[stack < count->stack_count ? stack : 0];
}

static void class_begin(struct report_class *class, const struct report_block *block)
{
	class->allocations++;
	class->allocated_bytes += block->requested_bytes;
	class->rounding_bytes += block->rounding_bytes;
	class->live_bytes += block->requested_bytes;
	class->live_blocks++;
	if (class->live_bytes > class->live_bytes_peak)
		class->live_bytes_peak = class->live_bytes;
	if (class->live_blocks > class->live_blocks_peak)
		class->live_blocks_peak = class->live_blocks;
}

static void stack_begin(struct report_stack *stack, uint64_t bytes)
{
	stack->allocations++;
	stack->total_bytes += bytes;
	stack->live_bytes += bytes;
	if (stack->live_bytes > stack->live_bytes_peak)
		stack->live_bytes_peak = stack->live_bytes;
}

/* A block, or a form of it, begins to live. */
static void block_begin(struct report_count *count, const struct trace_block *it)
{
	struct report_block block = report_block_of(it, count->tag_bytes, count->page_bytes);
	struct report_thread *thread = thread_take(count, it->thread);

	report_pages_add(&count->pages, block.begin, block.end);
	if (count->has_ranges && !report_ranges_hold(&count->ranges, block.begin, block.end))
		count->stray_blocks++;
	count->requested_bytes += block.requested_bytes;
	count->rounding_bytes += block.rounding_bytes;
	count->tags_bytes += block.tag_bytes;
	count->live_blocks++;
	class_begin(&count->classes[report_class_of(block.requested_bytes)], &block);
	stack_begin(stack_take(count, it->stack), block.requested_bytes);
	thread->live_bytes += (int64_t)block.requested_bytes;
	if (thread->live_bytes > thread->live_bytes_peak)
		thread->live_bytes_peak = thread->live_bytes;
	thread->last_address = it->address;
}

/* It ends. `thread` is who ended it. */
static void block_end(struct report_count *count, const struct trace_block *it, uint64_t time)
{
	struct report_block block = report_block_of(it, count->tag_bytes, count->page_bytes);
	struct report_stack *stack = stack_take(count, it->stack);
	struct report_class *class = &count->classes[report_class_of(block.requested_bytes)];
	uint64_t age = time > it->time ? time - it->time : 0;

	report_pages_remove(&count->pages, block.begin, block.end);
	count->requested_bytes -= block.requested_bytes;
	count->rounding_bytes -= block.rounding_bytes;
	count->tags_bytes -= block.tag_bytes;
	count->live_blocks--;
	class->live_bytes -= block.requested_bytes;
	class->live_blocks--;
	stack->live_bytes -= block.requested_bytes;
	stack->lifetime_sum += (double)age;
	stack->freed++;
	thread_take(count, it->thread)->live_bytes -= (int64_t)block.requested_bytes;
	count->lifetimes[report_life_size(block.requested_bytes)][report_life_time(age)]++;
}

static void free_take(struct report_count *count, const struct trace_event *event)
{
	struct report_thread *thread = thread_take(count, event->thread);

	count->frees++;
	thread->frees++;
	if (event->is_unknown) {
		count->unknown_frees++;
		return;
	}
	if (event->block.thread != event->thread)
		thread->frees_of_others++;
	/* Freed before its thread allocated anything else. */
	if (thread->last_address == event->block.address && event->block.thread == event->thread) {
		count->temporary++;
		stack_take(count, event->block.stack)->temporary++;
		thread->last_address = 0;
	}
	block_end(count, &event->block, event->time);
}

static void resize_take(struct report_count *count, const struct trace_event *event)
{
	count->resizes++;
	if (event->is_unknown)
		count->unknown_frees++;
	else
		block_end(count, &event->old, event->time);
	block_begin(count, &event->block);
}

void report_count_point(const struct report_count *count, struct report_point *out)
{
	*out = (struct report_point){
		.time = count->time,
		.ordinal = count->ordinal,
		.terms[REPORT_REQUESTED] = count->requested_bytes,
		.terms[REPORT_ROUNDING] = count->rounding_bytes,
		.terms[REPORT_TAGS] = count->tags_bytes,
		.live_blocks = count->live_blocks,
	};
	for (int use = 0; use < TRACE_USES; use++)
		out->mapped_bytes += count->ranges.bytes[use];
}

/* The terms that need to know what is resident. */
static void point_settle(const struct report_count *count, const struct trace_sample *sample,
			 struct report_point *point)
{
	struct report_page_sum sum = { .live_bytes = 0 };
	uint64_t live = count->requested_bytes + count->rounding_bytes + count->tags_bytes;

	report_pages_sum_sample(&count->pages, sample, &sum);
	point->has_resident = true;
	for (int use = 0; use < TRACE_USES; use++)
		point->resident_bytes += sample->heap_resident_bytes[use];
	point->terms[REPORT_PINNED_FREE] = sum.pinned_bytes;
	point->terms[REPORT_RECLAIMABLE_FREE] = sum.reclaimable_bytes;
	point->terms[REPORT_METADATA] = sample->heap_resident_bytes[TRACE_USE_METADATA];
	point->terms[REPORT_RECORDER] = sample->heap_resident_bytes[TRACE_USE_RECORDER];
	point->heap_bytes = point->resident_bytes - point->terms[REPORT_RECORDER];
	point->terms[REPORT_UNTOUCHED] = live > sum.live_bytes ? live - sum.live_bytes : 0;
}

/* Add to the mean of resident/requested over time, each value from one sample to the next. */
static void ratio_add(struct report_count *count, const struct report_point *point)
{
	uint64_t requested = point->terms[REPORT_REQUESTED];

	if (count->ratio_last > 0) {
		double time = (double)(point->time - count->ratio_last_time);

		count->ratio_sum += count->ratio_last * time;
		count->ratio_time += time;
	}
	count->ratio_last_time = point->time;
	count->ratio_last = requested > 0 ? (double)point->heap_bytes / (double)requested : 0;
}

/* Is it the peak so far? The first one is. */
static bool is_higher(const struct report_point *point, const struct report_point *peak)
{
	return peak->ordinal == 0 ||
	       sample_is_higher(point->heap_bytes, point->terms[REPORT_REQUESTED],
				peak->heap_bytes, peak->terms[REPORT_REQUESTED]);
}

static void sample_take(struct report_count *count, const struct trace_sample *sample)
{
	struct report_point point;

	report_count_point(count, &point);
	count->samples++;
	point.process_bytes = sample->resident_bytes;
	count->has_process = count->has_process || sample->resident_bytes > 0;
	if (sample->resident_bytes > count->process_bytes_sampled)
		count->process_bytes_sampled = sample->resident_bytes;
	if (sample->resident_bytes > count->process_bytes_peak)
		count->process_bytes_peak = sample->resident_bytes;
	if (sample->resident_bytes_peak > count->process_bytes_peak)
		count->process_bytes_peak = sample->resident_bytes_peak;
	point.minor_faults = sample->minor_faults;
	point.major_faults = sample->major_faults;
	point.swapped_bytes = sample->swapped_bytes;
	if (!sample->has_runs) {
		/* In traces of others: they come with the process's figure alone. */
		report_series_offer(&count->by_event, &point);
		return;
	}
	point_settle(count, sample, &point);
	for (size_t i = 0; i < sample->run_count; i++)
		if (sample->runs[i].use != TRACE_USE_RECORDER &&
		    sample->runs[i].bytes <= REPORT_EXTENT_BYTES_MAX)
			report_pages_touch(&count->pages, sample->runs[i].address,
					   sample->runs[i].address + sample->runs[i].bytes);

	uint64_t sum = report_point_sum(&point);
	uint64_t difference = sum > point.resident_bytes ? sum - point.resident_bytes
							  : point.resident_bytes - sum;
	if (difference > count->largest_difference_bytes)
		count->largest_difference_bytes = difference;
	ratio_add(count, &point);
	report_series_offer(&count->by_sample, &point);
	if (count->samples_with_runs++ == 0)
		count->first = point;
	if (is_higher(&point, &count->peak))
		count->peak = point;
	count->last = point;
}

static void pages_take(struct report_count *count, const struct trace_event *event)
{
	count->has_ranges = true;
	if (event->use == TRACE_USE_RECORDER)
		count->has_recorder = true;
	if (!report_ranges_take(&count->ranges, event))
		count->is_short = true;
	uint64_t mapped = count->ranges.bytes[TRACE_USE_HEAP] +
			  count->ranges.bytes[TRACE_USE_MAPPING];
	if (mapped > count->mapped_bytes_peak)
		count->mapped_bytes_peak = mapped;
}

/* After every so many events: how the live terms went, for traces without samples. */
static void interval_end(struct report_count *count)
{
	struct report_point point;
	uint64_t stride = count->by_event.stride;

	report_count_point(count, &point);
	report_series_offer(&count->by_event, &point);
	/* Points that would be left out need not be made. */
	if (count->by_event.stride > stride) {
		count->interval *= count->by_event.stride;
		count->by_event.stride = 1;
	}
	count->countdown = count->interval;
}

void report_count_take(struct report_count *count, const struct trace_event *event)
{
	count->ordinal++;
	count->time = event->time;
	switch (event->kind) {
	case TRACE_ALLOCATE:
		count->allocations++;
		thread_take(count, event->thread)->allocations++;
		block_begin(count, &event->block);
		break;
	case TRACE_FREE:
		free_take(count, event);
		break;
	case TRACE_RESIZE:
		resize_take(count, event);
		break;
	case TRACE_FAIL:
		count->failures++;
		break;
	case TRACE_PAGES:
		pages_take(count, event);
		break;
	case TRACE_SAMPLE:
		sample_take(count, event->sample);
		break;
	case TRACE_MARK:
		break;
	}
	if (count->requested_bytes > count->requested_bytes_peak) {
		count->requested_bytes_peak = count->requested_bytes;
		count->requested_time_peak = count->time;
		count->requested_ordinal_peak = count->ordinal;
	}
	if (--count->countdown == 0)
		interval_end(count);
}
