/* SPDX-License-Identifier: MIT */
/*
 * allot/trace: what a program asked of its heap, event by event, and what the kernel gave it.
 *
 * A trace is written while a program runs (`allot record`, or the option trace:FILE) and read here:
 * as one stream in the order things happened, over all threads. Two forms of file are read alike:
 * the packed one that `allot record` leaves, and the raw one that a process writes by itself.
 * Other people's traces (CSAPP .rep, mtrace, heaptrack) are read as far as they tell.
 *
 * A reader is a value for one thread at a time; any number may read the same file. Memory grows
 * with what is live and with the number of stacks, not with the number of events. Units are bytes
 * and nanoseconds since the recording began unless a name ends otherwise. Nothing here prints.
 */
#ifndef ALLOT_TRACE_H
#define ALLOT_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* ---- events ------------------------------------------------------------------------------- */

enum trace_kind {
	TRACE_ALLOCATE, /* `address` was handed out */
	TRACE_FREE,     /* `address` was given back; its sizes are those it was allocated with */
	TRACE_RESIZE,   /* `old_address` became `address`, which may be the same */
	TRACE_FAIL,     /* a request for `bytes` was refused */
	TRACE_PAGES,    /* the heap's address space changed: `pages` */
	TRACE_SAMPLE,   /* what was resident at this moment: `sample` */
	TRACE_MARK,     /* the program said something: `text` */
};

/* Which function was called. */
enum trace_call {
	TRACE_MALLOC,
	TRACE_CALLOC,
	TRACE_REALLOC,
	TRACE_ALIGNED, /* aligned_alloc, memalign, posix_memalign, valloc, pvalloc */
	TRACE_FREE_CALL,
	TRACE_INHERITED, /* live before the recording began (fork); `bytes` may be rounded up */
};

/* Where a block lies, which says what surrounds it. */
enum trace_place {
	TRACE_IN_SLAB,    /* among others of its size, no tag */
	TRACE_IN_BLOCK,   /* a block of the strategy: `tag_bytes` around it */
	TRACE_IN_MAPPING, /* pages of its own */
	TRACE_IN_UNKNOWN, /* the trace does not say */
};

/* What pages are for. */
enum trace_use {
	TRACE_USE_HEAP,     /* regions that strategies cut up */
	TRACE_USE_MAPPING,  /* blocks with pages of their own */
	TRACE_USE_METADATA, /* tables beside the heap */
	TRACE_USE_RECORDER, /* the recording itself */
	TRACE_USES,
};

enum trace_pages_kind {
	TRACE_PAGES_MAP,     /* [address, address + bytes) may be used from here on */
	TRACE_PAGES_UNMAP,   /* no longer */
	TRACE_PAGES_RELEASE, /* still there, but the content was dropped (madvise) */
	TRACE_PAGES_MOVE,    /* `old_address` became `address` with its content (mremap) */
};

/* A run of resident pages. */
struct trace_run {
	uint64_t address;
	uint64_t bytes;
	enum trace_use use;
};

/* The kernel's figures at one moment, taken by the recorded thread itself between two events. */
struct trace_sample {
	uint64_t resident_bytes;      /* of the process: its RSS */
	uint64_t resident_bytes_peak; /* VmHWM */
	uint64_t minor_faults, major_faults;
	uint64_t swapped_bytes;       /* of the heap's pages */
	/* Resident pages of the heap's address space, by address; the sum is the heap's RSS. */
	const struct trace_run *runs;
	size_t run_count;
	uint64_t heap_resident_bytes[TRACE_USES];
	bool has_runs;                /* false: only the process's figures were to be had */
};

/* What a block was asked for and got. */
struct trace_block {
	uint64_t address;
	uint64_t bytes;        /* requested */
	uint64_t usable_bytes; /* at least that */
	uint64_t time;         /* of the allocation, or of the resize that made it what it is */
	uint32_t stack;        /* 0: none recorded */
	uint32_t thread;
	uint8_t place;         /* enum trace_place */
	uint8_t call;          /* enum trace_call */
	uint8_t align_log2;    /* asked for; 4 is what every block has */
};

struct trace_event {
	uint64_t time;           /* ns since the start, never less than the event before */
	enum trace_kind kind;
	uint32_t thread;         /* from 0 on, in the order they were first seen */
	struct trace_block block; /* ALLOCATE, RESIZE: as it is now; FREE: as it was; FAIL: asked */
	struct trace_block old;  /* RESIZE: as it was before */
	/*
	 * Blocks are numbered densely: a number is used again when its block is gone. A resize
	 * keeps the number. For tables of what is live, without looking addresses up.
	 */
	uint32_t number;
	/* FREE, RESIZE: the block is not known, being older than the recording; sizes are 0. */
	bool is_unknown;
	enum trace_pages_kind pages;
	enum trace_use use;
	uint64_t address, old_address, bytes; /* PAGES */
	const struct trace_sample *sample;    /* valid until the next event */
	const char *text;                     /* MARK: valid until the next event */
};

/* ---- traces ------------------------------------------------------------------------------- */

/* What is known of the recording. Strings are "" when unknown. */
struct trace_info {
	const char *format;     /* "allot", "allot raw", "rep", "mtrace", "heaptrack" */
	const char *command;    /* arguments separated by blanks */
	const char *conf;       /* ALLOT_CONF as it was in force */
	const char *strategy;
	const char *version;    /* of allot */
	const char *host, *kernel;
	uint32_t process;
	uint32_t parent;        /* process it was forked from while recording; 0: none */
	uint64_t parent_time;   /* when, on the parent's clock */
	uint64_t start_unix_ns;
	uint64_t end_time;      /* of the last event */
	uint32_t page_bytes;
	uint32_t depth;         /* frames a stack may have; 0: no stacks were recorded */
	uint64_t sample_bytes;  /* stacks were taken once in so many bytes; 0: always */
	uint64_t event_count;   /* all kinds; UINT64_MAX when only reading tells */
	uint64_t file_bytes;
	uint64_t tag_bytes;     /* of a block of the strategy, in TRACE_IN_BLOCK */
	bool has_front;
	bool has_addresses;     /* false: made up (.rep) */
	bool has_times;
	bool is_complete;       /* the program's end was seen */
	uint64_t lost_events;   /* at least so many could not be written */
	/*
	 * From when on some are missing; the trace ends there, for what follows would be of blocks
	 * whose frees nobody knows of. 0: none are, or nobody knows when.
	 */
	uint64_t lost_time;
	uint64_t repaired;      /* events put in order because they could not have been otherwise */
};

/* A file of code that was loaded. */
struct trace_module {
	const char *path;
	uint64_t begin, end; /* addresses of its segments */
	uint64_t bias;       /* address less the file's own address */
	uint64_t time_begin, time_end; /* UINT64_MAX: to the end */
	unsigned char build_id[32];
	size_t build_id_bytes;
};

/* A frame of stacks: the caller's frame is another one. Frame 0 is the bottom of every stack. */
struct trace_frame {
	uint64_t address; /* where the call returns to */
	uint32_t parent;
};

enum trace_status {
	TRACE_OK,
	TRACE_END,
	TRACE_DAMAGED, /* what was lost is described; reading may go on with trace_next() */
	TRACE_FAILED,  /* out of memory or unreadable: it cannot go on */
	TRACE_WAIT,    /* of a trace that is followed (trace_file.h): nothing more is there yet */
};

struct trace;

/*
 * Open a file by what it holds, not by its name. `path` "-" is not taken: a trace is read more than
 * once. NULL with one line in `message` when nothing of it can be used.
 */
struct trace *trace_open(const char *path, char *message, size_t message_bytes);
void trace_close(struct trace *trace);

/*
 * The next event, in the order things happened. After TRACE_DAMAGED `trace_message()` says what
 * was skipped. An event is valid until the next call.
 */
enum trace_status trace_next(struct trace *trace, struct trace_event *out);
const char *trace_message(const struct trace *trace);

/* Begin again with the first event. */
enum trace_status trace_rewind(struct trace *trace);

/* What is known; counts are final after TRACE_END. Valid while the trace is open. */
const struct trace_info *trace_info_get(const struct trace *trace);

/* Frames and modules; complete once trace_open() returned. A stack is the number of its innermost
 * frame: walk the parents until 0. */
size_t trace_frame_count(const struct trace *trace);
const struct trace_frame *trace_frame_get(const struct trace *trace, uint32_t frame);
size_t trace_module_count(const struct trace *trace);
const struct trace_module *trace_module_get(const struct trace *trace, size_t index);
/* Names of functions that came with the trace (heaptrack), or NULL: "name", "file:line". */
const char *trace_frame_symbol(const struct trace *trace, uint32_t frame);

/* Name of a thread, "" if it has none. */
size_t trace_thread_count(const struct trace *trace);
const char *trace_thread_name(const struct trace *trace, uint32_t thread);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
