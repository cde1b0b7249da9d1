/* SPDX-License-Identifier: MIT */
/*
 * Replay, the second pass: an event becomes one record, seldom two or three.
 *
 * The buffer goes out when it is full, or at each sample when records wait for one.
 */
#include "replay_compile.h"

#include <stdlib.h>

#include "room.h"
#include "sample_peak.h"

enum {
	BUFFER_RECORDS = 8 * REPLAY_BATCH_RECORDS,
	/* An event writes fewer. */
	EVENT_RECORDS_MAX = 16,
	MOMENTS_WANTED = 1000,
	ALIGN_LOG2_MIN = 4,
};

bool replay_compiler_init(struct replay_compiler *compiler, const struct replay_survey *survey,
			  enum replay_payload payload, uint64_t page_bytes, replay_take *take,
			  void *context)
{
	*compiler = (struct replay_compiler){
		.survey = survey,
		.payload = payload,
		.page_bytes = page_bytes,
		.share.page_bytes = page_bytes,
		.take = take,
		.context = context,
		.stride = survey->events / MOMENTS_WANTED + 1,
		.records = calloc(BUFFER_RECORDS, sizeof(struct replay_record)),
	};
	if (payload == REPLAY_PAYLOAD_RECORDED)
		compiler->large_of = calloc(survey->slot_count + 1, sizeof(uint32_t));
	return compiler->records != NULL &&
	       (payload != REPLAY_PAYLOAD_RECORDED || compiler->large_of != NULL);
}

void replay_compiler_finish(struct replay_compiler *compiler)
{
	free(compiler->records);
	free(compiler->moments);
	free(compiler->large);
	free(compiler->large_of);
	replay_share_finish(&compiler->share);
	free(compiler->written);
	free(compiler->pieces);
	*compiler = (struct replay_compiler){0};
}

uint64_t replay_compiler_moments_max(const struct replay_compiler *compiler)
{
	const struct replay_survey *survey = compiler->survey;

	/* The peak and the end beside. */
	return survey->samples + survey->events / compiler->stride + 3;
}

static void buffer_flush(struct replay_compiler *compiler)
{
	replay_large_settle(compiler);
	replay_written_take(compiler);
	compiler->count = 0;
}

void replay_record_write(struct replay_compiler *compiler, enum replay_operation operation,
			 uint32_t number, uint64_t bytes)
{
	if (compiler->count + 2 > BUFFER_RECORDS)
		buffer_flush(compiler);
	compiler->count += replay_record_split(&compiler->records[compiler->count], operation,
					       number, bytes);
}

/* The helper looks at what is resident, and so shall who reads its answer. */
static void moment_write(struct replay_compiler *compiler, uint64_t time_ns, uint64_t recorded,
			 bool is_peak)
{
	compiler->moments = room_grow(compiler->moments, &compiler->moment_capacity,
				      compiler->moment_count + 1, sizeof(*compiler->moments));
	compiler->moments[compiler->moment_count++] =
		(struct replay_moment){time_ns, compiler->live_bytes, recorded};
	replay_record_write(compiler, REPLAY_SAMPLE, 0, is_peak);
}

static void sample_write(struct replay_compiler *compiler, const struct trace_event *event)
{
	uint64_t bytes = sample_heap_bytes(event->sample->heap_resident_bytes);

	if (compiler->payload == REPLAY_PAYLOAD_RECORDED && event->sample->has_runs)
		replay_large_sample(compiler, event->sample);
	moment_write(compiler, event->time, event->sample->has_runs ? bytes : REPLAY_UNKNOWN,
		     false);
	if (compiler->count >= REPLAY_BATCH_RECORDS)
		buffer_flush(compiler);
}

/* Another thread goes on. One that has made its last call ends. */
static void thread_write(struct replay_compiler *compiler, uint32_t thread)
{
	uint32_t before = compiler->thread;

	if (thread == before)
		return;
	compiler->thread = thread;
	replay_record_write(compiler, REPLAY_THREAD, thread, 0);
	if (before != 0 && compiler->survey->thread_last[before] < compiler->event_index)
		replay_record_write(compiler, REPLAY_THREAD_END, before, 0);
}

static enum replay_operation operation_of(const struct trace_event *event)
{
	if (event->kind == TRACE_RESIZE)
		return REPLAY_REALLOC;
	if (event->block.align_log2 > ALIGN_LOG2_MIN)
		return REPLAY_ALIGNED;
	return event->block.call == TRACE_CALLOC ? REPLAY_CALLOC : REPLAY_MALLOC;
}

static void block_write(struct replay_compiler *compiler, const struct trace_event *event)
{
	enum replay_operation operation = operation_of(event);
	uint64_t touched_bytes = 0;

	if (operation == REPLAY_REALLOC && compiler->large_of != NULL)
		touched_bytes = replay_large_free(compiler, event->number);
	if (operation == REPLAY_ALIGNED)
		replay_record_write(compiler, REPLAY_ALIGN, event->number,
				    UINT64_C(1) << event->block.align_log2);
	replay_record_write(compiler, operation, event->number, event->block.bytes);
	if (compiler->large_of != NULL && event->block.bytes >= REPLAY_LARGE_BYTES)
		replay_large_allocate(compiler, event, touched_bytes);
	compiler->live_bytes += event->block.bytes;
	if (operation == REPLAY_REALLOC)
		compiler->live_bytes -= event->old.bytes;
}

static void call_write(struct replay_compiler *compiler, const struct trace_event *event)
{
	if (event->kind == TRACE_FREE && event->is_unknown)
		return;
	thread_write(compiler, event->thread);
	if (event->kind != TRACE_FREE) {
		block_write(compiler, event);
		return;
	}
	if (compiler->large_of != NULL)
		replay_large_free(compiler, event->number);
	replay_record_write(compiler, REPLAY_FREE, event->number, 0);
	compiler->live_bytes -= event->block.bytes;
}

/* The clock, each time it shows another millisecond: what a heap does now and then goes by it. */
static void clock_write(struct replay_compiler *compiler, uint64_t time_ns)
{
	enum { NS_A_MS = 1000000 };

	if (time_ns / NS_A_MS == compiler->clock_ms)
		return;
	compiler->clock_ms = time_ns / NS_A_MS;
	replay_record_write(compiler, REPLAY_CLOCK, 0, (uint32_t)compiler->clock_ms);
}

bool replay_compiler_event(struct replay_compiler *compiler, const struct trace_event *event)
{
	/* Not in the midst of an event, whose records belong together. */
	if (compiler->count + EVENT_RECORDS_MAX > BUFFER_RECORDS ||
	    (compiler->large_of == NULL && compiler->count >= REPLAY_BATCH_RECORDS))
		buffer_flush(compiler);
	clock_write(compiler, event->time);
	switch (event->kind) {
	case TRACE_ALLOCATE:
	case TRACE_FREE:
	case TRACE_RESIZE:
		call_write(compiler, event);
		break;
	case TRACE_SAMPLE:
		sample_write(compiler, event);
		break;
	case TRACE_PAGES:
		if (compiler->large_of != NULL)
			replay_share_pages(&compiler->share, event);
		break;
	default:
		break;
	}
	bool is_peak = compiler->event_index == compiler->survey->live_peak_event;
	if (is_peak || (compiler->event_index % compiler->stride == 0 &&
			event->kind != TRACE_SAMPLE))
		moment_write(compiler, event->time, REPLAY_UNKNOWN, is_peak);
	compiler->event_index++;
	return !compiler->is_stopped;
}

bool replay_compiler_end(struct replay_compiler *compiler)
{
	moment_write(compiler, compiler->survey->time_end, REPLAY_UNKNOWN, false);
	buffer_flush(compiler);
	return !compiler->is_stopped;
}
