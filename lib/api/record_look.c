/* SPDX-License-Identifier: MIT */
/*
 * What a recorded process says of its memory now and then: which pages of its heap are resident,
 * and what the heap did to them. See record.h.
 *
 * A sample is taken by the thread whose turn it is, between two calls of its own, so that for a
 * single thread it is exactly of that moment; what other threads do meanwhile blurs it by what they
 * do. One is taken at regular times, soon after the heap grew, before much of it goes back and when
 * much is freed in a row, so that peaks are seen; less often where it takes long: all cost a
 * fiftieth at most.
 */
#include "api/record.h"

#include "base/bits.h"
#include "os/map.h"
#include "os/process.h"
#include "os/resident.h"
#include "os/ticks.h"

enum {
	SAMPLE_SHARE = 50,   /* of the time may go into samples: one part in so many; */
	SAVED_INTERVALS = 8, /* what was not needed for it is kept for as many intervals */
	GROWN_SHARE = 8,     /* growth by one part in so many is worth a sample, */
	GIVEN_SHARE = 16,    /* and giving back one part in so many */
	GIVEN_BYTES_MIN = 64 << 10,
	GROWING_SHARE = 8, /* part of an interval between samples of a heap that grew */
	EARLY_SHARE = 16,  /* part of an interval before a sample that is worth it, */
	STEADY_SHARE = 2,  /* and that may be */
};

bool record_look_begin(void)
{
	bool expected = false;
	return atomic_compare_exchange_strong(&recorder->is_looking, &expected, true);
}

void record_look_finish(void)
{
	atomic_store(&recorder->is_looking, false);
}

/* ---- pages ---- */

/*
 * It grew: a sample is due when what it grew by has been used for a while, or if that is much since
 * the last sample, as soon as it may be.
 */
static void count_added(size_t bytes)
{
	size_t mapped = atomic_fetch_add(&recorder->mapped_bytes, bytes) + bytes;
	size_t sampled = atomic_load(&recorder->sampled_mapped_bytes);
	bool is_much = mapped > sampled + sampled / GROWN_SHARE;
	uint64_t wait = is_much ? 0 : recorder->interval_ticks / GROWING_SHARE;
	uint64_t due = size_max(os_ticks() + wait, atomic_load(&recorder->sample_possible_ticks));
	if (due < atomic_load(&recorder->sample_due_ticks))
		atomic_store(&recorder->sample_due_ticks, due);
}

static bool memory_visit(enum heap_use use, uintptr_t base, size_t bytes, void *context)
{
	struct record_stream *stream = context;
	if (use == HEAP_USE_TABLE)
		return true;
	record_write_pages(stream, TRACE_PAGES_MAP,
			   use == HEAP_USE_MAPPING ? TRACE_USE_MAPPING : TRACE_USE_HEAP, base,
			   bytes, 0);
	count_added(bytes);
	return true;
}

void record_memory(struct record_stream *stream)
{
	heap_visit_memory(&process.heap, memory_visit, stream);
}

static void look_write(struct record_look *look, bool is_more)
{
	look->sample.is_more = is_more;
	look->sample.run_count = look->count;
	look->sample.swapped_bytes = look->swapped_bytes;
	/* While it looked, others may have had the processor for long. */
	raw_stamp(&look->stream->raw);
	raw_blob(&look->stream->raw, RAW_BLOB_SAMPLE, &look->sample, sizeof(look->sample),
		 look->runs, look->count * sizeof(look->runs[0]));
	look->count = 0;
}

static bool look_visit(struct record_look *look, enum trace_use use, uintptr_t base, size_t bytes)
{
	enum { RUNS_A_SCAN = 64 };
	struct os_resident_run runs[RUNS_A_SCAN];
	uintptr_t end = base + bytes;
	while (base < end) {
		size_t count = os_resident_scan(&look->resident, &base, end, runs, RUNS_A_SCAN,
						&look->swapped_bytes);
		for (size_t i = 0; i < count; i++) {
			if (look->count == RECORD_RUNS_MAX)
				look_write(look, true);
			look->runs[look->count++] = (struct raw_run){runs[i].base,
								     runs[i].bytes | use};
		}
	}
	return true;
}

static bool heap_look_visit(enum heap_use use, uintptr_t base, size_t bytes, void *context)
{
	static const uint8_t uses[] = {
		[HEAP_USE_REGION] = TRACE_USE_HEAP,
		[HEAP_USE_MAPPING] = TRACE_USE_MAPPING,
		[HEAP_USE_TABLE] = TRACE_USE_METADATA,
	};
	size_t page_bytes = os_page_bytes();
	uintptr_t begin = align_down(base, page_bytes);
	return look_visit(context, (enum trace_use)uses[use], begin,
			  align_up(base + bytes, page_bytes) - begin);
}

static bool own_look_visit(uintptr_t base, size_t bytes, void *context)
{
	return look_visit(context, TRACE_USE_RECORDER, base, align_up(bytes, os_page_bytes()));
}

/* What the recording takes itself. */
static void look_recorder(struct record_look *look)
{
	const struct raw_writer *writer = &recorder->writer;
	uint32_t count = atomic_load(&writer->header->slot_count);
	own_look_visit((uintptr_t)recorder,
		       sizeof(*recorder) + atomic_load(&recorder->streams_made) *
						   sizeof(recorder->streams[0]),
		       look);
	if (record_unwind != NULL)
		unwind_visit_memory(record_unwind, own_look_visit, look);
	look_visit(look, TRACE_USE_RECORDER, (uintptr_t)writer->header, RAW_HEADER_BYTES);
	for (uint32_t i = 0; i < count && i < RAW_SLOTS_KEPT_MAX; i++) {
		void *slot = atomic_load(&writer->slots[i]);
		if (slot != NULL)
			look_visit(look, TRACE_USE_RECORDER, (uintptr_t)slot, RAW_SLOT_BYTES);
	}
}

static void sample_fill(struct raw_sample *sample)
{
	struct os_counters counters;
	os_usage_read(&counters);
	sample->resident_bytes = os_resident_bytes();
	sample->resident_bytes_peak = counters.resident_bytes_peak;
	sample->minor_faults = counters.page_faults_minor;
	sample->major_faults = counters.page_faults_major;
}

void record_sample(struct record_stream *stream)
{
	struct record_look *look = &recorder->look;
	/* What it costs is the processor's time, however long others had it meanwhile. */
	uint64_t begin_ns = os_thread_ns();
	if (!record_look_begin())
		return;
	look->stream = stream;
	look->sample = (struct raw_sample){0};
	look->swapped_bytes = look->count = 0;
	sample_fill(&look->sample);
	if (os_resident_open(&look->resident)) {
		look->sample.has_runs = 1;
		heap_visit_memory(&process.heap, heap_look_visit, look);
		look_recorder(look);
		os_resident_close(&look->resident);
	}
	look_write(look, false);
	size_t mapped = atomic_load(&recorder->mapped_bytes);
	/* What it grew by is only now being used. */
	bool has_grown = mapped > atomic_exchange(&recorder->sampled_mapped_bytes, mapped);
	uint64_t interval = recorder->interval_ticks / (has_grown ? GROWING_SHARE : 1);
	uint64_t end = os_ticks();
	uint64_t pause = (os_thread_ns() - begin_ns) * SAMPLE_SHARE * recorder->ticks_a_ms /
			 RECORD_NS_A_MS;
	/* Time in which samples were rare may be made up for. */
	uint64_t saved = recorder->interval_ticks * SAVED_INTERVALS;
	uint64_t possible = size_max(atomic_load(&recorder->sample_possible_ticks), end - saved);
	atomic_store(&recorder->sample_possible_ticks, possible + pause);
	atomic_store(&recorder->sample_due_ticks, size_max(end + interval, possible + pause));
	record_look_finish();
}

bool record_sample_early(struct record_stream *stream)
{
	/* What has not grown since the last sample hardly has a peak that it missed. */
	bool has_grown = atomic_load(&recorder->mapped_bytes) >
			 atomic_load(&recorder->sampled_mapped_bytes);
	uint64_t interval = recorder->interval_ticks;
	uint64_t early = interval - interval / (has_grown ? EARLY_SHARE : STEADY_SHARE);
	uint64_t now = os_ticks();
	if (now < atomic_load(&recorder->sample_possible_ticks) ||
	    now + early < atomic_load(&recorder->sample_due_ticks))
		return false;
	record_sample(stream);
	return true;
}

/* ---- what the heap tells ---- */

/* Much goes back: what is resident now may be the most there will be. */
static void sample_before(struct record_stream *stream, size_t bytes)
{
	size_t share = atomic_load(&recorder->mapped_bytes) / GIVEN_SHARE;
	if (bytes >= size_max(share, GIVEN_BYTES_MIN) &&
	    os_ticks() >= atomic_load(&recorder->sample_possible_ticks))
		record_sample(stream);
}

void record_pages(enum pages_change change, bool is_mapping, uintptr_t base, size_t bytes,
		  uintptr_t old_base)
{
	static const uint8_t kinds[] = {
		[PAGES_ADDED] = TRACE_PAGES_MAP,
		[PAGES_REMOVED] = TRACE_PAGES_UNMAP,
		[PAGES_RELEASED] = TRACE_PAGES_RELEASE,
		[PAGES_MOVED] = TRACE_PAGES_MOVE,
	};
	struct record_stream *stream = record_stream_begin();
	if (stream == NULL)
		return;
	if (change == PAGES_REMOVED || change == PAGES_RELEASED)
		sample_before(stream, bytes);
	record_write_pages(stream, (enum trace_pages_kind)kinds[change],
			   is_mapping ? TRACE_USE_MAPPING : TRACE_USE_HEAP, base, bytes, old_base);
	if (change == PAGES_ADDED)
		count_added(bytes);
	else if (change == PAGES_REMOVED)
		atomic_fetch_sub(&recorder->mapped_bytes, bytes);
	record_stream_end(stream);
}
