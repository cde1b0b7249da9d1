/* SPDX-License-Identifier: MIT */
/*
 * Packed traces, version 1: what `allot record` leaves.
 *
 * The file. A head, then chunks, one after another, then the index, which is a chunk, and an end.
 * Numbers are unsigned and begin with their least significant byte. A file that was cut off is read
 * up to there, by its chunks' heads; one that is whole is opened by its index. Chunks of kinds that
 * are not known, and columns, are passed over.
 *
 *   struct packed_head
 *   struct packed_chunk, `stored_bytes` of content          as often as there is something to say
 *   struct packed_chunk (PACKED_INDEX), struct packed_entry...
 *   struct packed_end
 *
 * Content of chunks. Info, state, frames, modules and threads are fields: a number that says which,
 * the length, the bytes; numbers are varints (7 bits a byte, least significant first, the highest
 * bit: more follows). They are small and not compressed, but for frames.
 *
 *   INFO     fields of enum packed_info, once, first
 *   STATE    fields of enum packed_state: the clock and what was lost so far; the last one counts.
 *            The first, behind INFO, has nothing but room: where a write fails for want of space,
 *            it is written in its place
 *   FRAMES   zstd of: for each frame its number less the last one's, its parent and its address,
 *   each
 *            less that of the frame before, as a zigzag varint
 *   MODULE   fields of enum packed_module, of one module that came or went
 *   THREAD   fields of enum packed_thread: a thread's name
 *   EVENTS   how many columns (32 bits), struct packed_column of each, their bytes, each column
 *   zstd
 *            by itself, or as it is where that is no longer
 *
 * Events. A chunk has a run of the events of one stream (what one thread writes at a time). Each is
 * a symbol, in column SYMBOLS; what the model (trace/model.h) did not guess stands in the others,
 * in the order of the events:
 *
 *   symbol                   what                       beside it
 *   PACKED_ALLOCATE | hits   an allocation              REQUEST, SHAPE unless HIT_REQUEST;
 *                                                       RESULT unless HIT_RESULT; STACK unless
 *                                                       HIT_STACK; ADDRESS if the guess is NEITHER
 *   PACKED_RESIZE | hits     a resize                   the same; the block it was: a symbol of a
 *                                                       free in OLD_SYMBOLS, and what that needs
 *   PACKED_FREE_RECENT + n   the block allocated n before the last one
 *   PACKED_FREE_NEAR + n     n - PACKED_NEAR behind the last one freed, in the order of allocations
 *   PACKED_FREE_FAR          a block of this chunk      FAR: its place less that of the last freed
 *   PACKED_FREE_OLD          a block of before          OLD: its address less the last such
 *   PACKED_FREE_STRIDE       a block of before, as far from the last one as that from the one
 *   before PACKED_OTHER + kind      a failure, pages, a sample, a mark: all of it in OTHER
 *   PACKED_THREAD            a thread goes on writing   OTHER: its number
 *
 * Times are in units of 2^6 ticks. TIMES says how many events have the time of the one before, and
 * how much later the next one is, by turns.
 */
#ifndef TRACE_PACKED_H
#define TRACE_PACKED_H

#include <stdint.h>

#define PACKED_MAGIC UINT64_C(0x0a1a4543524c4c41)     /* "ALLRCE" and what text modes destroy */
#define PACKED_END_MAGIC UINT64_C(0x646e65454c4c4f41) /* "AOLLEend" */
#define PACKED_CHUNK_MAGIC UINT32_C(0x4b484341)       /* "ACHK" */

enum {
	PACKED_VERSION = 1,
	PACKED_EVENTS_MAX = 1 << 16,        /* of a chunk */
	PACKED_CONTENT_BYTES_MAX = 1 << 27, /* of a chunk, plain or stored; no writer comes near */
	PACKED_TIME_SHIFT = 6,
};

/* At the start of the file. */
struct packed_head {
	uint64_t magic;
	uint32_t version;
	uint32_t head_bytes; /* of this: later versions may have more */
};

enum packed_kind {
	PACKED_INFO = 1,
	PACKED_STATE,
	PACKED_FRAMES,
	PACKED_MODULE,
	PACKED_THREADS,
	PACKED_EVENTS,
	PACKED_INDEX,
};

/* Before each chunk. */
struct packed_chunk {
	uint32_t magic;
	uint16_t kind;
	uint16_t reserved;
	uint32_t stored_bytes;
	uint32_t event_count;
	uint32_t stream, thread;      /* the thread of the first event */
	uint64_t first_time, last_time;
	uint32_t content_sum;         /* packed_sum() of what follows */
	uint32_t head_sum;            /* and of all before this */
};

/* One for each chunk but the index. */
struct packed_entry {
	uint64_t offset;
	struct packed_chunk chunk;
};

/* At the end of the file. */
struct packed_end {
	uint64_t index_offset;
	uint64_t magic;
};

enum packed_info {
	PACKED_INFO_PROCESS = 1,
	PACKED_INFO_PARENT,
	PACKED_INFO_PARENT_UNITS,
	PACKED_INFO_START_TICKS,
	PACKED_INFO_START_NS,
	PACKED_INFO_START_UNIX_NS,
	PACKED_INFO_PAGE_BYTES,
	PACKED_INFO_DEPTH,
	PACKED_INFO_SAMPLE_BYTES,
	PACKED_INFO_TAG_BYTES,
	PACKED_INFO_HAS_FRONT,
	PACKED_INFO_STRATEGY,
	PACKED_INFO_VERSION,
	PACKED_INFO_COMMAND, /* arguments with blanks between */
	PACKED_INFO_CONF,
	PACKED_INFO_HOST,
	PACKED_INFO_KERNEL,
};

enum packed_state {
	PACKED_STATE_LAST_TICKS = 1,
	PACKED_STATE_LAST_NS,
	PACKED_STATE_IS_ENDED,
	PACKED_STATE_LOST_EVENTS,
	PACKED_STATE_LOST_UNITS, /* from when on events are missing; 0: they are not */
};

enum packed_module {
	PACKED_MODULE_PATH = 1,
	PACKED_MODULE_BEGIN,
	PACKED_MODULE_END,
	PACKED_MODULE_BIAS,
	PACKED_MODULE_TIME,
	PACKED_MODULE_IS_GONE,
	PACKED_MODULE_BUILD_ID,
};

enum packed_thread_field {
	PACKED_THREAD_NUMBER = 1,
	PACKED_THREAD_NAME,
};

enum packed_columns {
	PACKED_SYMBOLS,
	PACKED_TIMES,
	PACKED_REQUEST, /* bytes */
	PACKED_SHAPE,   /* call | align_log2 << 3 */
	PACKED_RESULT,  /* slack << 2 | place */
	PACKED_STACK,   /* less the last one that was not guessed, zigzag */
	PACKED_ADDRESS, /* by 16, less that of the last block of these usable bytes, zigzag */
	PACKED_FAR,
	PACKED_OLD,     /* by 16 */
	PACKED_OLD_SYMBOLS,
	PACKED_OTHER_COLUMN,
	PACKED_COLUMNS,
};

/* Of each column that is not empty. */
struct packed_column {
	uint32_t column;       /* enum packed_columns */
	uint32_t plain_bytes;
	uint32_t stored_bytes; /* equal to plain_bytes: as it is */
};

enum packed_symbol {
	PACKED_ALLOCATE = 0,
	PACKED_RESIZE = 64,
	PACKED_GUESS_MASK = 3, /* enum model_guess */
	PACKED_HIT_REQUEST = 4,
	PACKED_HIT_RESULT = 8,
	PACKED_HIT_STACK = 16,
	PACKED_FREE_RECENT = 128,
	PACKED_RECENT = 32,
	PACKED_FREE_NEAR = PACKED_FREE_RECENT + PACKED_RECENT,
	PACKED_NEAR = 16, /* to either side */
	PACKED_FREE_FAR = PACKED_FREE_NEAR + 2 * PACKED_NEAR,
	PACKED_FREE_OLD,
	PACKED_FREE_STRIDE,
	PACKED_THREAD = 240,
	PACKED_OTHER, /* plus enum trace_kind */
};

#endif
