/* SPDX-License-Identifier: MIT */
/*
 * The recorder: every call of the malloc family, written down once its result is known, with what
 * the kernel did to the heap's pages in between.
 *
 * A process that is not recorded pays nothing: a recorded one keeps the gate of its threads' fast
 * paths closed, so that every call takes the long way, and that one asks whether it is recorded.
 * The call is then made again under names of its own (names/recorded), which lead to the thread's
 * real heap. record.c writes calls; record_begin.c makes the file and knows what is said once;
 * record_look.c samples what is resident; record_code.c notes what code is loaded.
 *
 * A free is written before it takes effect and an allocation after it did, and a move in between
 * its two halves, so that in the order of their times no address is handed out twice. Only where
 * the kernel moves pages (mremap) can another thread be given the old ones before that is written.
 * What is written while a signal handler or a fork intervenes: trace/raw_write.h.
 */
#ifndef API_RECORD_H
#define API_RECORD_H

#include "allot/trace.h"
#include "api/process.h"
#include "os/resident.h"
#include "trace/raw_write.h"
#include "trace/unwind.h"

/* What a thread, or one after another, writes with. */
struct record_stream {
	struct raw_thread raw;
	_Atomic bool is_taken;
	int64_t bytes_to_stack; /* until a stack is taken again, where not all are */
	uint64_t random;
	int32_t freeing_count; /* frees since the last allocation; less after an early sample */
	struct unwind_thread unwind;
};

enum {
	RECORD_NS_A_MS = 1000000,
	RECORD_MODULES_MAX = 1024,
	RECORD_RUNS_MAX = 512, /* in one piece of a sample */
};

/* Code that is loaded: enough to tell when it is not any more. */
struct record_module {
	uintptr_t begin, end, bias, identity;
};

/* A sample being taken, by one thread at a time: too large for a small stack. */
struct record_look {
	struct record_stream *stream;
	struct os_resident resident;
	struct raw_sample sample;
	size_t swapped_bytes;
	size_t count;
	struct raw_run runs[RECORD_RUNS_MAX];
};

/* All there is, in memory that reads as zeros in the child of a fork. */
struct recorder {
	struct raw_writer writer;
	_Atomic uint64_t sample_due_ticks; /* when residency is to be looked at again */
	_Atomic uint64_t rules_due_ticks;  /* the same of what is known of loaded code */
	_Atomic bool is_looking;           /* some thread is at it */
	uint64_t ticks_a_ms;
	uint64_t interval_ticks;
	/* A sample may be taken before it is due from here on, if it is worth it. */
	_Atomic uint64_t sample_possible_ticks;
	_Atomic size_t mapped_bytes;       /* of the heap, now and at the last sample */
	_Atomic size_t sampled_mapped_bytes;
	struct record_look look;
	size_t module_count;
	struct record_module modules[RECORD_MODULES_MAX];
	_Atomic uint32_t streams_made;
	uint32_t streams_max;
	struct record_stream streams[]; /* streams_max of them */
};

extern struct recorder *recorder;
/* Code and frames that were seen, which the child of a fork goes on with; NULL: no stacks. */
extern struct unwind *record_unwind;

/* ---- record.c ---- */

/* Calls of a recorded process, made and written down, as those of libc they are named after. */
void *record_malloc(size_t bytes);
void *record_calloc(size_t count, size_t bytes);
void *record_realloc(void *block, size_t bytes);
void *record_aligned(size_t align, size_t bytes);
void record_free(void *block);

/* The calling thread ends. */
void record_thread_end(void);
/* The calling thread is the only one of a new process. */
void record_thread_renew(void);

/* A frame of stacks is new: its number is used from here on. */
void record_frame(uint32_t frame, uint32_t parent, uintptr_t address, void *context);

/* A block that was live before the recording began. */
void record_inherited(struct record_stream *stream, const struct block_info *block,
		      bool is_mapping);

/* The stream the calling thread writes to, NULL when there is none to be had or no recorder. */
struct record_stream *record_stream_begin(void);
/* Who has a stream for one event only gives it back. */
void record_stream_end(struct record_stream *stream);

/* The heap tells that a block was copied, and that the old one is about to be freed. */
void record_moved(const void *old, const void *p);

/* Some pages of the heap came, went or were released. */
void record_write_pages(struct record_stream *stream, enum trace_pages_kind kind,
			enum trace_use use, uintptr_t base, size_t bytes, uintptr_t old_base);

/* ---- record_begin.c ---- */

/*
 * Begin to record into the file the options name. False: it cannot be; a line was written then.
 * Also in the child of a fork of a recorded process, whose trace is one of its own.
 */
bool record_begin(void);
/* The child of a fork has a trace of its own from here on. */
void record_fork_child(void);
/* The process ends: the last sample, and the trace is complete. */
void record_end(void);

/* ---- record_code.c ---- */

/* Say who writes to the stream from here on: the calling thread, `number`. */
void record_name(struct record_stream *stream, uint32_t number);
/* Note what code holds an address, unless that is known. Takes no lock: see os/module.h. */
void record_module_of(struct record_stream *stream, uintptr_t address);

/* ---- record_look.c ---- */

/* One thread looks around at a time, at code or at pages; others need not wait for it. */
bool record_look_begin(void);
void record_look_finish(void);
/* The heap tells of its pages: see pages/owners.h. */
void record_pages(enum pages_change change, bool is_mapping, uintptr_t base, size_t bytes,
		  uintptr_t old_base);
/* Note all pages that the heap has, where none were noted yet. */
void record_memory(struct record_stream *stream);
/* Note what is resident. */
void record_sample(struct record_stream *stream);
/* The same before it is due. False: that was done lately. */
bool record_sample_early(struct record_stream *stream);

/* The functions of libc under names of their own, for record.c. */
void *recorded_malloc(size_t bytes);
void *recorded_calloc(size_t count, size_t bytes);
void *recorded_realloc(void *block, size_t bytes);
void *recorded_memalign(size_t align, size_t bytes);
void recorded_free(void *block);

#endif
