/* SPDX-License-Identifier: MIT */
/*
 * Writing raw traces (raw.h): threads that fill slots of a shared file with records.
 *
 * The fast path takes room by moving the thread's cursor, by one instruction, so that a signal
 * handler that interrupts a thread in the middle of a record writes its own behind it. No lock, no
 * system call, until the slot is full; while a thread changes
 * slots, signals are blocked.
 *
 * Everything here lies in memory that is zeros in the child of a fork (os/file.h): a child finds
 * threads without a slot and a writer without a file, and can harm the parent's no more.
 *
 * What records mean, and when they are written, is api/record.c's business.
 */
#ifndef TRACE_RAW_WRITE_H
#define TRACE_RAW_WRITE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/lock.h"
#include "os/file.h"
#include "os/thread.h"
#include "os/ticks.h"
#include "trace/raw.h"

enum {
	RAW_SLOTS_MAX = 1 << 20,   /* 64 GiB of trace without a reader */
	RAW_SLOTS_KEPT_MAX = 4096, /* that can be written again once a reader emptied them */
	RAW_SLOTS_READ = 256,      /* with a reader, so many more than there are streams */
	RAW_BLOB_BYTES_MAX = 16384,
	/* While a thread is alone it looks at the clock once in so many bytes of records. */
	RAW_STAMP_BYTES = 256,
};

struct raw_writer {
	struct raw_header *header; /* NULL: nothing is written */
	struct os_file file;
	struct lock lock;          /* of the file's growth */
	uint32_t reserved_slots;   /* that the file has room for */
	_Atomic uint32_t stream_count;
	_Atomic bool is_noting;    /* some thread notes the time */
	_Atomic uint32_t kept_count; /* of the slots that are mapped: */
	void *_Atomic slots[RAW_SLOTS_KEPT_MAX];
};

/* A stream of records, which one thread writes at a time. */
struct raw_thread {
	char *cursor;              /* where its next record goes */
	char *end;                 /* of its slot; NULL: it has none */
	uint64_t last;             /* of the last record with a time, in units */
	struct raw_writer *writer; /* NULL: none, or it was a thread before a fork */
	struct raw_slot *slot;
	uint32_t stream;
	uint32_t number;           /* of the thread */
	uint32_t place;            /* of its slot among those mapped */
};

/*
 * Begin a file at `path`, absolute, which must not exist. What the header says of the program is
 * the caller's to fill in.
 */
enum os_creation raw_begin(struct raw_writer *writer, const char *path, size_t page_bytes);
/* The process ends, and nothing more is written. */
void raw_end(struct raw_writer *writer);

/* A new stream. */
void raw_thread_begin(struct raw_thread *thread, struct raw_writer *writer, uint32_t stream);
/* Thread `number` writes from here on; `name` may be "". */
void raw_thread_name(struct raw_thread *thread, uint32_t number, const char *name);

/* Note the time by both clocks. */
void raw_note_time(struct raw_writer *writer);

/* An event of this time, in units, cannot be written. */
void raw_lose(struct raw_header *header, uint64_t units);

/* Room for `bytes` in a new slot, or NULL: the record is lost, and counted. */
char *raw_claim_slow(struct raw_thread *thread, size_t bytes);

/* A blob in two pieces, RAW_BLOB_BYTES_MAX together. */
void raw_blob(struct raw_thread *thread, enum raw_blob kind, const void *first, size_t first_bytes,
	      const void *second, size_t second_bytes);

/* Sizes of the next record, where they do not fit into it. */
void raw_write_wide(struct raw_thread *thread, uint64_t bytes, uint64_t usable_bytes);

/* Add to the cursor in one instruction, which a handler can only come before or behind. */
ALLOT_INLINE char *raw_advance(struct raw_thread *thread, intptr_t bytes)
{
#if defined(__x86_64__)
	__asm__ volatile("xaddq %0, %1" : "+r"(bytes), "+m"(thread->cursor) : : "memory");
	return (char *)bytes;
#else
	return __atomic_fetch_add(&thread->cursor, bytes, __ATOMIC_RELAXED);
#endif
}

/* Room for a record, or NULL. In a new slot, time begins again: *elapsed is 0 then. */
ALLOT_INLINE char *raw_claim(struct raw_thread *thread, size_t bytes, uint64_t *elapsed)
{
	char *at = raw_advance(thread, (intptr_t)bytes);
	if (likely(at + bytes <= thread->end))
		return at;
	*elapsed = 0;
	return raw_claim_slow(thread, bytes);
}

/* The first word goes last: until then there is nothing. */
ALLOT_INLINE void raw_publish(char *at, uint64_t first)
{
	__atomic_store_n((uint64_t *)(void *)at, first, __ATOMIC_RELEASE);
}

static inline void raw_put(char *at, unsigned word, uint64_t value)
{
	((uint64_t *)(void *)at)[word] = value;
}

/* The time has gone on by more than a record can say. */
void raw_write_time(struct raw_thread *thread, uint64_t now);

/* The same up to `moment`, in units, which may be a while ago. */
static inline uint64_t raw_elapsed_until(struct raw_thread *thread, uint64_t moment)
{
	if (moment <= thread->last)
		return 0;
	uint64_t elapsed = moment - thread->last;
	thread->last = moment;
	if (likely(elapsed <= UINT16_MAX))
		return elapsed;
	raw_write_time(thread, moment);
	return 0;
}

/*
 * How long since the thread's last record with a time, in units. While it is alone it is told now
 * and then only: its own order needs no times.
 */
ALLOT_INLINE uint64_t raw_elapsed(struct raw_thread *thread)
{
	if (thread_is_alone() && ((uintptr_t)thread->cursor & (RAW_STAMP_BYTES - 1)) >= 16)
		return 0;
	uint64_t now = os_ticks() >> RAW_TIME_SHIFT;
	uint64_t elapsed = now - thread->last;
	thread->last = now;
	if (likely(elapsed <= UINT16_MAX))
		return elapsed;
	raw_write_time(thread, now);
	return 0;
}

/* What is written next happens now, also where times are told now and then only. */
static inline void raw_stamp(struct raw_thread *thread)
{
	thread->last = os_ticks() >> RAW_TIME_SHIFT;
	raw_write_time(thread, thread->last);
}

static inline uint64_t raw_first(enum raw_operation operation, uintptr_t address, uint64_t elapsed)
{
	return (uint64_t)operation | address >> 4 << 4 | elapsed << 48;
}

#endif
