/* SPDX-License-Identifier: MIT */
/*
 * Slots of a shared file: taking, filling, handing over. See raw_write.h.
 */
#include "trace/raw_write.h"

#include <string.h>

#include "base/bits.h"
#include "os/map.h"
#include "os/process.h"

enum {
	SLOTS_A_STEP = 16, /* that the file grows by */
	WAIT_NS = 20 * 1000 * 1000,
	WAITS_MAX = 150, /* for a reader that does nothing: three seconds */
	START_TRIES = 10,
	CLOCKS_APART_TICKS = 1 << 14, /* some microseconds */
};

static uint64_t slot_offset(uint32_t index)
{
	return RAW_HEADER_BYTES + (uint64_t)index * RAW_SLOT_BYTES;
}

/* ---- beginning and end ---- */

/* Both clocks at one moment. False: the thread lost the processor between them. */
static bool clocks_read(uint64_t *ticks, uint64_t *ns)
{
	*ticks = os_ticks();
	*ns = os_clock_ns();
	return os_ticks() - *ticks < CLOCKS_APART_TICKS;
}

enum os_creation raw_begin(struct raw_writer *writer, const char *path, size_t page_bytes)
{
	enum os_creation created = os_file_create(&writer->file, path);
	if (created != OS_CREATED)
		return created;
	struct raw_header *header = NULL;
	if (os_file_reserve(&writer->file, 0, RAW_HEADER_BYTES) == OS_ROOM_MADE)
		header = os_file_map(&writer->file, 0, RAW_HEADER_BYTES);
	if (header == NULL) {
		os_file_discard(&writer->file);
		return OS_CREATION_FAILED;
	}
	header->version = RAW_VERSION;
	header->page_bytes = (uint32_t)page_bytes;
	bool is_read = false;
	for (int i = 0; i < START_TRIES && !is_read; i++)
		is_read = clocks_read(&header->start_ticks, &header->start_ns);
	header->last_ticks = header->start_ticks;
	header->last_ns = header->start_ns;
	__atomic_store_n(&header->magic, RAW_MAGIC, __ATOMIC_RELEASE);
	writer->header = header;
	return OS_CREATED;
}

void raw_note_time(struct raw_writer *writer)
{
	struct raw_header *header = writer->header;
	uint64_t ticks, ns;
	if (!clocks_read(&ticks, &ns) || atomic_exchange(&writer->is_noting, true))
		return;
	if (ticks > atomic_load_explicit(&header->last_ticks, memory_order_relaxed)) {
		atomic_store_explicit(&header->last_ticks, ticks, memory_order_relaxed);
		atomic_store_explicit(&header->last_ns, ns, memory_order_relaxed);
	}
	atomic_store(&writer->is_noting, false);
}

void raw_end(struct raw_writer *writer)
{
	struct raw_header *header = writer->header;
	if (header == NULL)
		return;
	raw_note_time(writer);
	/* Other threads go on, and so do destructors after this one. */
	lock_take(&writer->lock, thread_self(), false);
	if (atomic_load(&header->reader_process) == 0 && os_file_reach(&writer->file)) {
		writer->reserved_slots = atomic_load(&header->slot_count);
		os_file_truncate(&writer->file, slot_offset(writer->reserved_slots));
	}
	lock_give(&writer->lock, false);
	atomic_store(&header->is_ended, 1);
}

/* Nothing more will be written, and this is why. */
static void writer_stop(struct raw_writer *writer, enum raw_lost why)
{
	uint32_t nothing = RAW_LOST_NOTHING;
	atomic_compare_exchange_strong(&writer->header->lost, &nothing, (uint32_t)why);
}

/* ---- slots ---- */

/* Room in the file for a slot and some more, or for that one alone. */
static enum os_room slot_reserve(struct raw_writer *writer, uint32_t index)
{
	if (index < writer->reserved_slots)
		return OS_ROOM_MADE;
	/* Most processes are small. */
	uint32_t count = index < SLOTS_A_STEP ? 1 : SLOTS_A_STEP;
	enum os_room room = os_file_reserve(&writer->file, slot_offset(index),
					    (size_t)count * RAW_SLOT_BYTES);
	if (room != OS_ROOM_MADE && count > 1) {
		count = 1;
		room = os_file_reserve(&writer->file, slot_offset(index), RAW_SLOT_BYTES);
	}
	writer->reserved_slots = index + count;
	return room;
}

/* Where a slot may be kept; RAW_SLOTS_KEPT_MAX: nowhere. The lock is held. */
static uint32_t place_find(struct raw_writer *writer)
{
	uint32_t place = 0;
	while (place < RAW_SLOTS_KEPT_MAX && atomic_load(&writer->slots[place]) != NULL)
		place++;
	return place;
}

/*
 * One more slot of the file, taken; the lock is held. NULL: there is no room, which ends the
 * recording, unless a reader is about to empty others.
 */
static struct raw_slot *slot_add(struct raw_writer *writer, bool is_read, uint32_t *out_place)
{
	struct raw_header *header = writer->header;
	uint32_t index = atomic_load(&header->slot_count);
	if (index >= RAW_SLOTS_MAX || !os_file_reach(&writer->file)) {
		writer_stop(writer, RAW_LOST_FILE);
		return NULL;
	}
	enum os_room room = slot_reserve(writer, index);
	struct raw_slot *slot = NULL;
	if (room == OS_ROOM_MADE)
		slot = os_file_map(&writer->file, slot_offset(index), RAW_SLOT_BYTES);
	if (slot == NULL) {
		if (!is_read || atomic_load(&writer->kept_count) == 0)
			writer_stop(writer, room == OS_ROOM_NONE ? RAW_LOST_DISK : RAW_LOST_LIMIT);
		return NULL;
	}
	atomic_store(&slot->state, RAW_SLOT_FILLING);
	*out_place = place_find(writer);
	if (*out_place < RAW_SLOTS_KEPT_MAX) {
		atomic_store(&writer->slots[*out_place], slot);
		atomic_fetch_add(&writer->kept_count, 1);
	}
	atomic_store(&header->slot_count, index + 1);
	return slot;
}

/* A slot that the reader has emptied, or NULL. The first first, so that the others stay cold. */
static struct raw_slot *slot_reuse(struct raw_writer *writer, uint32_t *out_place)
{
	uint32_t kept = atomic_load(&writer->kept_count);
	for (uint32_t i = 0; i < RAW_SLOTS_KEPT_MAX && kept > 0; i++) {
		struct raw_slot *slot = atomic_load(&writer->slots[i]);
		uint32_t expected = RAW_SLOT_FREE;
		if (slot == NULL)
			continue;
		kept--;
		if (atomic_load(&slot->state) == RAW_SLOT_FREE &&
		    atomic_compare_exchange_strong(&slot->state, &expected, RAW_SLOT_FILLING)) {
			*out_place = i;
			return slot;
		}
	}
	return NULL;
}

static bool reader_is_there(const struct raw_header *header)
{
	uint32_t reader = atomic_load(&header->reader_process);
	return reader != 0 && os_process_exists((int)reader);
}

/* May there be more slots for the reader to empty? */
static bool may_add(struct raw_writer *writer, bool is_read)
{
	return !is_read || atomic_load(&writer->kept_count) <
				   RAW_SLOTS_READ + atomic_load(&writer->stream_count);
}

static struct raw_slot *slot_take(struct raw_writer *writer, uint32_t *out_place)
{
	struct raw_header *header = writer->header;
	uint32_t seen = atomic_load(&header->slots_wanted);
	unsigned waits = 0;
	while (atomic_load(&header->lost) == RAW_LOST_NOTHING) {
		bool is_read = atomic_load(&header->reader_process) != 0;
		struct raw_slot *slot = slot_reuse(writer, out_place);
		if (slot == NULL && may_add(writer, is_read)) {
			lock_take(&writer->lock, thread_self(), false);
			slot = slot_add(writer, is_read, out_place);
			lock_give(&writer->lock, false);
		}
		if (slot != NULL)
			return slot;
		if (!is_read)
			continue;
		os_shared_wait(&header->slots_wanted, seen, WAIT_NS);
		/* One that is stopped, or ended and not waited for, is there and does nothing. */
		uint32_t now = atomic_load(&header->slots_wanted);
		waits = now == seen ? waits + 1 : 0;
		seen = now;
		if (waits > WAITS_MAX || !reader_is_there(header))
			writer_stop(writer, RAW_LOST_READER);
	}
	return NULL;
}

/* Hand a slot over. Who has no reader needs it no more. */
static void slot_finish(struct raw_writer *writer, struct raw_slot *slot, uint32_t place)
{
	bool is_kept = atomic_load(&writer->header->reader_process) != 0 &&
		       place < RAW_SLOTS_KEPT_MAX;
	if (!is_kept && place < RAW_SLOTS_KEPT_MAX) {
		atomic_store(&writer->slots[place], NULL);
		atomic_fetch_sub(&writer->kept_count, 1);
	}
	atomic_store_explicit(&slot->state, RAW_SLOT_FULL, memory_order_release);
	if (!is_kept)
		os_unmap((uintptr_t)slot, RAW_SLOT_BYTES);
}

static struct raw_slot *slot_begin(struct raw_thread *thread, uint32_t *out_place)
{
	struct raw_writer *writer = thread->writer;
	struct raw_slot *slot = slot_take(writer, out_place);
	if (slot == NULL)
		return NULL;
	slot->stream = thread->stream;
	slot->thread = thread->number;
	slot->order = atomic_fetch_add(&writer->header->slot_order, 1);
	/* Not of this moment: the record that it is taken for was given its time before. */
	slot->ticks = thread->last != 0 ? thread->last << RAW_TIME_SHIFT : os_ticks();
	return slot;
}

/* ---- threads ---- */

void raw_thread_begin(struct raw_thread *thread, struct raw_writer *writer, uint32_t stream)
{
	*thread = (struct raw_thread){.writer = writer, .stream = stream};
	atomic_fetch_add(&writer->stream_count, 1);
}

void raw_thread_name(struct raw_thread *thread, uint32_t number, const char *name)
{
	struct raw_thread_name blob = {.thread = number};
	size_t length = strnlen(name, sizeof(blob.name) - 1);
	memcpy(blob.name, name, length);
	thread->number = number;
	raw_blob(thread, RAW_BLOB_THREAD, &blob, sizeof(blob), NULL, 0);
}

void raw_lose(struct raw_header *header, uint64_t units)
{
	uint64_t first = atomic_load(&header->lost_units);

	atomic_fetch_add(&header->lost_events, 1);
	while ((first == 0 || units < first) &&
	       !atomic_compare_exchange_weak(&header->lost_units, &first, units))
		;
}

/* The record has its time already. */
static char *lose(struct raw_thread *thread)
{
	if (thread->writer != NULL)
		raw_lose(thread->writer->header,
			 thread->last != 0 ? thread->last : os_ticks() >> RAW_TIME_SHIFT);
	return NULL;
}

/* Another slot for the thread, which no handler interrupts. */
static bool slot_change(struct raw_thread *thread)
{
	thread->end = NULL;
	if (thread->slot != NULL)
		slot_finish(thread->writer, thread->slot, thread->place);
	thread->slot = slot_begin(thread, &thread->place);
	if (thread->slot == NULL)
		return false;
	raw_note_time(thread->writer);
	thread->last = thread->slot->ticks >> RAW_TIME_SHIFT;
	thread->cursor = (char *)(thread->slot + 1);
	thread->end = (char *)thread->slot + RAW_SLOT_BYTES;
	return true;
}

char *raw_claim_slow(struct raw_thread *thread, size_t bytes)
{
	if (thread->writer == NULL)
		return NULL;
	if (atomic_load_explicit(&thread->writer->header->lost, memory_order_relaxed) !=
	    RAW_LOST_NOTHING)
		return lose(thread);
	uint64_t blocked = os_signals_block();
	/* A handler may have changed the slot before signals were blocked. */
	char *at = raw_advance(thread, (intptr_t)bytes);
	if (at + bytes > thread->end)
		at = slot_change(thread) ? raw_advance(thread, (intptr_t)bytes) : NULL;
	os_signals_restore(blocked);
	return at != NULL ? at : lose(thread);
}

/* ---- records ---- */

void raw_write_time(struct raw_thread *thread, uint64_t now)
{
	uint64_t unused;
	char *at = raw_claim(thread, 2 * sizeof(uint64_t), &unused);
	if (at == NULL)
		return;
	raw_put(at, 1, now << RAW_TIME_SHIFT);
	raw_publish(at, RAW_TIME);
}

void raw_write_wide(struct raw_thread *thread, uint64_t bytes, uint64_t usable_bytes)
{
	uint64_t unused;
	char *at = raw_claim(thread, 3 * sizeof(uint64_t), &unused);
	if (at == NULL)
		return;
	raw_put(at, 1, bytes);
	raw_put(at, 2, usable_bytes);
	raw_publish(at, RAW_WIDE);
}

void raw_blob(struct raw_thread *thread, enum raw_blob kind, const void *first, size_t first_bytes,
	      const void *second, size_t second_bytes)
{
	enum { KIND_SHIFT = 4, BYTES_SHIFT = 12 };
	uint64_t unused;
	size_t bytes = first_bytes + second_bytes;
	char *at = raw_claim(thread, sizeof(uint64_t) + align_up(bytes, sizeof(uint64_t)), &unused);
	if (at == NULL)
		return;
	memcpy(at + sizeof(uint64_t), first, first_bytes);
	if (second_bytes > 0)
		memcpy(at + sizeof(uint64_t) + first_bytes, second, second_bytes);
	raw_publish(at, RAW_BLOB | (uint64_t)kind << KIND_SHIFT | (uint64_t)bytes << BYTES_SHIFT);
}
