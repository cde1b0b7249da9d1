/* SPDX-License-Identifier: MIT */
/*
 * Replay on memory: makes the calls of a trace, on whatever malloc it was started with.
 *
 * `allot replay` starts this program with LD_PRELOAD naming an allocator, so that each is measured
 * in its real form. All memory of its own comes from mmap, is resident before the first call, and
 * lies in the baseline that is taken off every figure; it asks malloc for nothing but what the
 * trace says. Time is taken of the loop over records alone, the reading of them left out.
 *
 * Threads are in replay_baton.c. The form of input and output is in replay_form.h.
 */
#include "replay_helper.h"
#include "replay_memory.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	/* How far ahead slots are fetched: their misses are ours, not the allocator's. */
	PREFETCH_RECORDS = 12,
	FIGURES_BYTES = 4096,
	STATM_DATA_FIELD = 5,
};

/* ---- what the kernel says ---- */

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	replay_clock_real(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Field `index` of a line of numbers. */
static uint64_t field_get(const char *text, unsigned index)
{
	uint64_t value = 0;

	while (index-- > 0)
		text += strcspn(text, " ") + 1;
	for (; *text >= '0' && *text <= '9'; text++)
		value = value * 10 + (uint64_t)(*text - '0');
	return value;
}

/* Resident bytes of this process, and the private writable ones of its address space. */
static void figures_read(const struct replayer *r, uint64_t *out_resident, uint64_t *out_mapped)
{
	char text[FIGURES_BYTES];
	ssize_t length = pread(r->statm, text, sizeof(text) - 1, 0);

	text[length > 0 ? length : 0] = '\0';
	*out_resident = field_get(text, 1) * r->page_bytes;
	*out_mapped = field_get(text, STATM_DATA_FIELD) * r->page_bytes;
}

/* VmHWM in bytes, 0 when the kernel does not say. */
static uint64_t resident_peak_read(void)
{
	char text[FIGURES_BYTES];
	int file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	ssize_t length = file >= 0 ? read(file, text, sizeof(text) - 1) : 0;
	const char *line;

	if (file >= 0)
		close(file);
	text[length > 0 ? length : 0] = '\0';
	line = strstr(text, "VmHWM:");
	if (line == NULL)
		return 0;
	line += strcspn(line, "0123456789\n");
	return field_get(line, 0) * 1024;
}

static uint64_t difference(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

/* ---- samples ---- */

/* Bytes that may be used of all blocks there are: what rounding costs, tags left out. */
static uint64_t usable_bytes(const struct replayer *r)
{
	uint64_t bytes = 0;

	for (uint64_t i = 0; i < r->head.slot_count; i++)
		if (r->slots[i].block != NULL)
			bytes += malloc_usable_size(r->slots[i].block);
	return bytes;
}

static void sample_take(struct replayer *r)
{
	uint64_t resident, mapped;

	if (r->sample_count == r->head.sample_count)
		return;
	figures_read(r, &resident, &mapped);
	struct replay_sample *sample = &r->samples[r->sample_count++];
	sample->live_bytes = r->live_bytes;
	sample->resident_bytes[0] = difference(resident, r->resident_before);
	sample->mapped_bytes = difference(mapped, r->mapped_before);
	/* The one record with bytes is where the trace has most live. */
	if (r->is_peak) {
		r->outcome.usable_bytes_peak = r->head.is_empty ? 0 : usable_bytes(r);
		r->outcome.live_bytes_peak = r->live_bytes;
	}
}

/* ---- the loop ---- */

static inline void touch(volatile char *block, size_t bytes, size_t page_bytes)
{
	if (bytes == 0)
		return;
	for (size_t at = 0; at < bytes;
	     at = (((uintptr_t)block + at) | (page_bytes - 1)) + 1 - (uintptr_t)block)
		block[at] = 1;
}

static inline void payload_write(const struct replayer *r, struct slot *slot)
{
	switch ((enum replay_payload)r->head.payload) {
	case REPLAY_PAYLOAD_NONE:
		return;
	case REPLAY_PAYLOAD_FIRST:
		touch(slot->block, slot->bytes > 0, r->page_bytes);
		return;
	case REPLAY_PAYLOAD_RECORDED:
		if (slot->bytes >= REPLAY_LARGE_BYTES)
			return;
		break;
	default:
		break;
	}
	touch(slot->block, slot->bytes, r->page_bytes);
}

/* Enter what a call returned. The trace's program had the block, so a refusal is worth a count. */
static inline void block_enter(struct replayer *r, struct slot *slot, void *block, size_t bytes)
{
	r->outcome.operations++;
	if (__builtin_expect(block == NULL, 0)) {
		r->outcome.refused++;
		return;
	}
	r->live_bytes += bytes - slot->bytes;
	*slot = (struct slot){block, bytes};
	payload_write(r, slot);
}

static inline void block_free(struct replayer *r, struct slot *slot)
{
	r->outcome.operations++;
	r->live_bytes -= slot->bytes;
	free(slot->block);
	*slot = (struct slot){NULL, 0};
}

static void *aligned_allocate(size_t align, size_t bytes)
{
	void *block = NULL;

	return posix_memalign(&block, align, bytes) == 0 ? block : NULL;
}

static void loop_stop(struct replayer *r)
{
	r->outcome.loop_cpu_ns += clock_ns(CLOCK_PROCESS_CPUTIME_ID) - r->cpu_start_ns;
	r->outcome.loop_wall_ns += clock_ns(CLOCK_MONOTONIC) - r->wall_start_ns;
}

static void loop_start(struct replayer *r)
{
	r->wall_start_ns = clock_ns(CLOCK_MONOTONIC);
	r->cpu_start_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

/* Records that are seldom. True: another thread's turn, so leave the loop. */
static bool record_seldom(struct replayer *r, struct replay_record record)
{
	uint32_t number = replay_record_number(record);

	switch (replay_record_operation(record)) {
	case REPLAY_TOUCH:
		if (r->head.payload == REPLAY_PAYLOAD_RECORDED) {
			struct slot *slot = &r->slots[number];
			size_t end = r->upper | record.bytes;
			end = end < slot->bytes ? end : slot->bytes;
			if (end > r->touch_from)
				touch((char *)slot->block + r->touch_from, end - r->touch_from,
				      r->page_bytes);
		}
		r->touch_from = 0;
		break;
	case REPLAY_FROM:
		r->touch_from = r->upper | record.bytes;
		break;
	case REPLAY_SAMPLE:
		loop_stop(r);
		r->is_peak = record.bytes != 0;
		sample_take(r);
		loop_start(r);
		break;
	case REPLAY_CLOCK:
		replay_clock_set(record.bytes);
		break;
	case REPLAY_THREAD:
		r->turn_next = number;
		return true;
	case REPLAY_THREAD_END:
		r->thread_ended = number;
		return true;
	default:
		break;
	}
	return false;
}

bool replay_batch(struct replayer *r)
{
	const struct replay_record *record = r->at, *end = r->end;
	bool is_turn = false;

	for (; record < end && !is_turn; record++) {
		struct slot *slot = &r->slots[replay_record_number(*record)];
		size_t bytes = r->upper | record->bytes;

		__builtin_prefetch(&r->slots[replay_record_number(record[PREFETCH_RECORDS])], 1);
		switch (replay_record_operation(*record)) {
		case REPLAY_FREE:
			block_free(r, slot);
			break;
		case REPLAY_MALLOC:
			block_enter(r, slot, malloc(bytes), bytes);
			break;
		case REPLAY_CALLOC:
			block_enter(r, slot, calloc(1, bytes), bytes);
			break;
		case REPLAY_REALLOC:
			block_enter(r, slot, realloc(slot->block, bytes), bytes);
			break;
		case REPLAY_ALIGNED:
			block_enter(r, slot, aligned_allocate(r->align, bytes), bytes);
			break;
		case REPLAY_ALIGN:
			r->align = bytes;
			continue;
		case REPLAY_WIDE:
			r->upper = (uint64_t)record->bytes << 32;
			continue;
		default:
			is_turn = record_seldom(r, *record);
			break;
		}
		r->upper = 0;
	}
	r->at = record;
	return !is_turn;
}

/* The same without the calls: what is left is ours. */
static void empty_batch(struct replayer *r)
{
	for (const struct replay_record *record = r->at; record < r->end; record++) {
		struct slot *slot = &r->slots[replay_record_number(*record)];
		size_t bytes = r->upper | record->bytes;

		__builtin_prefetch(&r->slots[replay_record_number(record[PREFETCH_RECORDS])], 1);
		switch (replay_record_operation(*record)) {
		case REPLAY_FREE:
			r->outcome.operations++;
			r->live_bytes -= slot->bytes;
			*slot = (struct slot){NULL, 0};
			break;
		case REPLAY_MALLOC:
		case REPLAY_CALLOC:
		case REPLAY_REALLOC:
		case REPLAY_ALIGNED:
			r->outcome.operations++;
			r->live_bytes += bytes - slot->bytes;
			*slot = (struct slot){slot, bytes};
			break;
		case REPLAY_SAMPLE:
			record_seldom(r, *record);
			break;
		default:
			break;
		}
		r->upper = replay_record_operation(*record) == REPLAY_WIDE
				   ? (uint64_t)record->bytes << 32
				   : 0;
	}
	r->at = r->end;
}

/* ---- input and output ---- */

bool replay_refill(struct replayer *r)
{
	size_t length = helper_read(r->batch, REPLAY_BATCH_RECORDS * sizeof(*r->batch));

	r->at = r->batch;
	r->end = r->batch + length / sizeof(*r->batch);
	return r->at < r->end;
}

/*
 * What the allocator has beside its heap is in the baseline: its code, which would count as soon as
 * it runs, and its data, as the recorder's figures and the model's leave them out. An allocator
 * whose data is large keeps the tables of its heap there: that counts.
 */
static void file_populate(const struct helper_mapping *mapping, void *context)
{
	enum { DATA_BYTES_MAX = 1 << 20 };
	uintptr_t *data_end = context; /* of the file before: its zeros follow */
	bool is_data = mapping->is_writable && mapping->is_private;
	bool is_zeros = mapping->begin == *data_end && !mapping->is_named;
	size_t bytes = mapping->end - mapping->begin;

	if (mapping->is_file && !mapping->is_writable)
		madvise((void *)mapping->begin, bytes, MADV_POPULATE_READ);
	if (is_data && (mapping->is_file || is_zeros) && bytes <= DATA_BYTES_MAX)
		madvise((void *)mapping->begin, bytes, MADV_POPULATE_WRITE);
	*data_end = mapping->is_file && is_data ? mapping->end : 0;
}

static void baseline_take(struct replayer *r)
{
	uintptr_t data_end = 0;
	int file;

	helper_mappings_visit(file_populate, &data_end);
	/* Begin the high-water mark again. */
	file = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
	if (file < 0 || write(file, "5", 1) != 1)
		r->has_peak = false;
	if (file >= 0)
		close(file);
	figures_read(r, &r->resident_before, &r->mapped_before);
}

static void records_replay(struct replayer *r)
{
	while (replay_refill(r)) {
		loop_start(r);
		if (r->head.is_empty)
			empty_batch(r);
		else
			while (!replay_batch(r))
				;
		loop_stop(r);
	}
}

/* Of a library to be preloaded that is not there, or has no malloc, nothing was measured. */
static void allocator_check(struct replay_outcome *outcome)
{
	const char *preloaded = getenv("LD_PRELOAD");
	Dl_info ours, libc;

	if (preloaded == NULL || dladdr((void *)malloc, &ours) == 0 ||
	    dladdr((void *)getppid, &libc) == 0 || ours.dli_fbase != libc.dli_fbase)
		return;
	snprintf(outcome->message, sizeof(outcome->message),
		 "the library cannot be preloaded, or has no malloc");
}

int main(void)
{
	static struct replayer r = { .has_peak = true };
	struct rusage before, after;

	if (helper_read(&r.head, sizeof(r.head)) != sizeof(r.head) ||
	    r.head.magic != REPLAY_MAGIC || r.head.version != REPLAY_VERSION)
		return HELPER_STATUS_FAILED;
	r.page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	r.statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	r.slots = helper_memory(r.head.slot_count * sizeof(*r.slots));
	r.samples = helper_memory(r.head.sample_count * sizeof(*r.samples));
	/* Prefetching looks behind the end. */
	r.batch = helper_memory((REPLAY_BATCH_RECORDS + PREFETCH_RECORDS) * sizeof(*r.batch));
	r.outcome.magic = REPLAY_MAGIC;
	baseline_take(&r);
	getrusage(RUSAGE_SELF, &before);
	if (r.head.thread_count > 1)
		baton_replay(&r);
	else
		records_replay(&r);
	getrusage(RUSAGE_SELF, &after);
	r.own_later_faults += (uint64_t)before.ru_minflt;
	r.outcome.minor_faults[0] = difference((uint64_t)after.ru_minflt, r.own_later_faults);
	r.outcome.major_faults = (uint64_t)(after.ru_majflt - before.ru_majflt);
	if (r.has_peak)
		r.outcome.resident_bytes_peak =
			difference(resident_peak_read(), r.resident_before - r.own_later_bytes +
								 r.own_later_bytes_peak);
	if (r.head.thread_count > 1)
		r.outcome.loop_cpu_ns = r.outcome.loop_wall_ns = 0;
	r.outcome.sample_count = r.sample_count;
	allocator_check(&r.outcome);
	/* No destructors: blocks that are live stay so. */
	_exit(helper_write(&r.outcome, sizeof(r.outcome)) &&
			      helper_write(r.samples, r.sample_count * sizeof(*r.samples))
		      ? 0
		      : HELPER_STATUS_FAILED);
}
