/* SPDX-License-Identifier: MIT */
/*
 * Raw traces: what a recorded process writes, in memory it shares with a file.
 *
 * The file is a header of one page and *slots* of 64 KiB. A thread takes a slot and fills it with
 * records, each a few words of 8 bytes; the words are stored with the first one last, and a slot
 * begins as zeros, so whatever is there when the process is killed is whole up to the first word
 * that is 0. Nothing is lost but the record being written.
 *
 * `allot record` reads along: it takes full slots, empties them (zeros) and hands them back, so
 * that a long run needs a few megabytes. Without it (trace:FILE) the file grows and is the trace.
 *
 * State of a slot, and who may change it:
 *
 *   RAW_SLOT_FREE     zeros. Any thread takes it by a compare-and-swap: FREE -> FILLING
 *   RAW_SLOT_FILLING  its thread writes. FILLING -> FULL by that thread, or by who reads once the
 *                     process has ended
 *   RAW_SLOT_FULL     the reader takes it, zeroes it and makes it FREE; without a reader it stays
 *
 * Records of one stream are in the order of its slots' `order`; between streams times tell, and
 * where these are equal or too coarse, that an address cannot be handed out twice. A stream is what
 * one thread writes at a time; when the thread ends, the next new one goes on in its slot.
 *
 * All words are of the machine that wrote them; `raw_header.magic` tells their order.
 */
#ifndef TRACE_RAW_H
#define TRACE_RAW_H

#include <stdatomic.h>
#include <stdint.h>

#define RAW_MAGIC UINT64_C(0x574152544f4c4c41) /* "ALLOTRAW", least significant byte first */

enum {
	RAW_VERSION = 1,
	RAW_HEADER_BYTES = 64 * 1024, /* a multiple of every page size */
	RAW_SLOT_BYTES = 64 * 1024,
	RAW_TEXT_BYTES = 4096,
	/* Times in records are in units of 2^6 ticks of the clock. */
	RAW_TIME_SHIFT = 6,
};

enum raw_slot_state { RAW_SLOT_FREE, RAW_SLOT_FILLING, RAW_SLOT_FULL };

enum raw_lost {
	RAW_LOST_NOTHING,
	RAW_LOST_DISK,  /* no room for another slot */
	RAW_LOST_LIMIT, /* a limit of the process forbids it (RLIMIT_FSIZE, RLIMIT_AS) */
	RAW_LOST_FILE,  /* the file could not be reached again (chroot, closed descriptors) */
	RAW_LOST_READER, /* the reader is gone, or does nothing any more */
};

/* At the start of the file. */
struct raw_header {
	uint64_t magic;
	uint32_t version;
	uint32_t page_bytes;
	uint32_t process;
	uint32_t parent;           /* forked from this recorded process; 0: not forked */
	uint64_t parent_ticks;     /* when: ticks since that one's start_ticks */
	/* The clock: two moments at which ticks and nanoseconds (CLOCK_MONOTONIC) are known. */
	uint64_t start_ticks, start_ns;
	_Atomic uint64_t last_ticks, last_ns; /* the later one; set now and then, and at the end */
	uint64_t start_unix_ns;
	_Atomic uint32_t slot_count; /* the file has that many */
	_Atomic uint32_t thread_count;
	_Atomic uint64_t slot_order; /* the next slot taken gets it */
	_Atomic uint32_t is_ended;   /* the process ended in order, or replaced itself (exec) */
	_Atomic uint32_t lost;       /* enum raw_lost; set: nothing more will come */
	_Atomic uint64_t lost_events;
	uint32_t unused; /* 0; what follows has its place behind it in files of this version */
	/* Of the reader: 0 when there is none. The process stops waiting for one that is gone. */
	_Atomic uint32_t reader_process;
	_Atomic uint32_t slots_wanted; /* futex: a thread waits for a slot */
	uint32_t depth;              /* of stacks; 0: none */
	uint32_t tag_bytes;
	uint64_t sample_bytes;
	uint32_t has_front;
	uint32_t reserved;
	char strategy[32];
	char library_version[32];
	char command[RAW_TEXT_BYTES]; /* arguments, each ended by a 0; a last one may be cut off */
	char conf[RAW_TEXT_BYTES];    /* as in force: "key:value,..." */
	_Atomic uint64_t lost_units; /* of the clock: from when on events are missing, or 0 */
};

/* At the start of a slot; records follow. */
struct raw_slot {
	_Atomic uint32_t state;
	uint32_t stream;  /* slots of one stream continue each other; it is written by one thread
			     at a time, which leaves it to another when it ends */
	uint64_t order;   /* over all slots of the process */
	uint64_t ticks;   /* of the stream's last time: what the first record's counts from */
	uint32_t thread;  /* who writes at first, from 0 on; RAW_BLOB_THREAD changes that */
	uint32_t reserved;
};

/*
 * Records. The first word: bits 0..3 the operation, 4..47 an address / 16, 48..63 the time since
 * the record before in units of 2^6 ticks. What the second word says depends on the operation.
 */
enum raw_operation {
	RAW_NONE,     /* a word of 0: nothing (more) here */
	/* 2 words, or 3 with RAW_HAS_STACK: second = struct of sizes, see below; third = frame. */
	RAW_ALLOCATE,
	/* 1 word */
	RAW_FREE,
	/* 3 words, or 4 with RAW_HAS_STACK: as RAW_ALLOCATE for the new block; third = the old
	 * address */
	RAW_RESIZE,
	/* 2 words: second = bytes asked for, in vain */
	RAW_FAIL,
	/* 2 words: second = the clock's ticks, whole; the time in the first word is 0 */
	RAW_TIME,
	/* 3 words: the next record's sizes, where they do not fit: second = bytes, third =
	 * usable */
	RAW_WIDE,
	/* 2 words, 3 if it is a MOVE: second = bytes | kind << 56 | use << 60; third = the old
	 * address */
	RAW_PAGES,
	/* 2 words: bits 4..33 of the first = frame, 34..63 = its parent (no time); second =
	 * address */
	RAW_FRAME,
	/* 1 word and a payload: bits 4..11 = enum raw_blob, 12..43 = bytes of it; padded to 8 */
	RAW_BLOB,
};

/* The second word of RAW_ALLOCATE and RAW_RESIZE. */
enum {
	RAW_BYTES_BITS = 32,   /* bits 0..31: bytes asked for; all ones: see RAW_WIDE before it */
	RAW_SLACK_SHIFT = 32,  /* bits 32..47: usable bytes less those asked for */
	RAW_PLACE_SHIFT = 48,  /* bits 48..49: enum trace_place */
	RAW_CALL_SHIFT = 50,   /* bits 50..52: enum trace_call */
	RAW_ALIGN_SHIFT = 53,  /* bits 53..58: log2 of the alignment asked for */
	RAW_STACK_SHIFT = 63,  /* bit 63: RAW_HAS_STACK, another word has the frame */
};
#define RAW_BYTES_WIDE UINT32_MAX

enum raw_blob {
	RAW_BLOB_MODULE, /* struct raw_module, then its path, ended by a 0 */
	RAW_BLOB_SAMPLE, /* struct raw_sample, then its runs */
	RAW_BLOB_THREAD, /* struct raw_thread_name: who writes from here on */
	RAW_BLOB_MARK,   /* text, ended by a 0 */
};

struct raw_module {
	uint64_t begin, end, bias;
	uint32_t is_gone;        /* it was unloaded */
	uint32_t build_id_bytes; /* 32 at most */
	unsigned char build_id[32];
};

struct raw_thread_name {
	uint32_t thread; /* from 0 on */
	char name[20];   /* ended by a 0 */
};

/* A long sample is several blobs in a row, all but the last with `is_more`. */
struct raw_sample {
	uint64_t resident_bytes, resident_bytes_peak;
	uint64_t minor_faults, major_faults;
	uint64_t swapped_bytes;
	uint32_t has_runs;
	uint32_t is_more;
	uint64_t run_count;
};

struct raw_run {
	uint64_t address;
	uint64_t bytes_use; /* bytes, a multiple of 16, and enum trace_use in the lowest bits */
};

#endif
