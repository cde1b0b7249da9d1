/* SPDX-License-Identifier: MIT */
/*
 * Replay, the form of it: what `allot replay` and its helpers say to each other.
 *
 * A helper reads a head and then records on standard input, and writes an outcome and then its
 * samples to standard output. Both ends are of one build, so all is as it lies in memory.
 *
 * A record is two words. Blocks have the numbers the trace gives them, which are dense, so that a
 * table of pointers is all a helper needs. What does not fit into a record stands in one before it:
 * a helper remembers that for the next record only.
 */
#ifndef ALLOT_TOOLS_REPLAY_FORM_H
#define ALLOT_TOOLS_REPLAY_FORM_H

#include <stddef.h>
#include <stdint.h>

#include "replay_lab.h"

#define REPLAY_MAGIC UINT64_C(0x59414c504552) /* "REPLAY", least significant byte first */

enum {
	REPLAY_VERSION = 2,
	REPLAY_OPERATION_BITS = 4,
	REPLAY_CONF_BYTES = 1024,
	REPLAY_NAME_BYTES = 64,
	REPLAY_MESSAGE_BYTES = 256,
	REPLAY_REASONS_MAX = 32,
	REPLAY_SPACES = 3,
	/* From there on a block lies on more pages than one: see REPLAY_PAYLOAD_RECORDED. */
	REPLAY_LARGE_BYTES = 4097,
	/* Records between two looks at the clock: a write into the pipe, which holds one. */
	REPLAY_BATCH_RECORDS = 128 * 1024,
};
#define REPLAY_NUMBER_MAX (UINT32_MAX >> REPLAY_OPERATION_BITS)

enum replay_operation {
	REPLAY_FREE,
	REPLAY_MALLOC,
	REPLAY_CALLOC,
	REPLAY_REALLOC,    /* of what the number has, or of nothing */
	REPLAY_ALIGNED,    /* after REPLAY_ALIGN */
	REPLAY_ALIGN,      /* bytes: of the next record's block, a power of two */
	REPLAY_WIDE,       /* bytes: the upper half of the next record's */
	REPLAY_TOUCH,      /* the block has been written to by now, up to `bytes` */
	REPLAY_FROM,       /* bytes: from where on, for the next TOUCH; else from its start */
	REPLAY_SAMPLE,     /* look at what is resident */
	REPLAY_CLOCK,      /* bytes: milliseconds of the recording so far, modulo 2^32 */
	REPLAY_THREAD,     /* number: of the thread that makes the calls from here on */
	REPLAY_THREAD_END, /* number: of one that makes no more */
	REPLAY_OPERATIONS,
};

struct replay_record {
	uint32_t what;  /* number << REPLAY_OPERATION_BITS | enum replay_operation */
	uint32_t bytes; /* requested; 0 for FREE, SAMPLE and THREAD */
};

static inline struct replay_record replay_record_make(enum replay_operation operation,
						      uint32_t number, uint32_t bytes)
{
	return (struct replay_record){number << REPLAY_OPERATION_BITS | operation, bytes};
}

/* The same with any number of bytes: one record or two. Returns how many. */
static inline size_t replay_record_split(struct replay_record out[2],
					 enum replay_operation operation, uint32_t number,
					 uint64_t bytes)
{
	size_t count = 0;

	if (bytes > UINT32_MAX)
		out[count++] = replay_record_make(REPLAY_WIDE, number, (uint32_t)(bytes >> 32));
	out[count++] = replay_record_make(operation, number, (uint32_t)bytes);
	return count;
}

static inline enum replay_operation replay_record_operation(struct replay_record record)
{
	return record.what & ((1 << REPLAY_OPERATION_BITS) - 1);
}

static inline uint32_t replay_record_number(struct replay_record record)
{
	return record.what >> REPLAY_OPERATION_BITS;
}

/* What of its blocks the program is taken to write to. */
enum replay_payload {
	REPLAY_PAYLOAD_NONE,
	REPLAY_PAYLOAD_FIRST,    /* the first byte of each */
	REPLAY_PAYLOAD_ALL,      /* a byte in each page that a block lies in, the last included */
	REPLAY_PAYLOAD_RECORDED, /* as REPLAY_TOUCH says; blocks below REPLAY_LARGE_BYTES whole */
	REPLAY_PAYLOADS,
};

struct replay_head {
	uint64_t magic;
	uint32_t version;
	uint32_t payload;
	uint32_t thread_count; /* 1: the calls are made by the main thread, and are timed */
	uint32_t is_empty;     /* make no calls: what the loop itself takes */
	uint32_t is_verified;  /* model: compare with the kernel at every sample */
	uint32_t has_lab;      /* model: analyse the accesses */
	uint64_t slot_count;   /* numbers are below that */
	uint64_t sample_count;
	char conf[REPLAY_CONF_BYTES]; /* model: of the heap */
	char tlb[REPLAY_NAME_BYTES];  /* model: a preset */
};

/* Of what the model has several at once. Memory has the first only, with the payload asked for. */
enum replay_space {
	REPLAY_SPACE_NONE,   /* model: nothing written to by the program, the lower bound */
	REPLAY_SPACE_ALL,    /* model: every page of every block, the upper bound */
	REPLAY_SPACE_CHOSEN, /* model: by the payload asked for */
};

struct replay_sample {
	uint64_t live_bytes;                     /* requested, of blocks there are */
	uint64_t resident_bytes[REPLAY_SPACES];  /* of the heap, what the helper needs left out */
	uint64_t mapped_bytes;                   /* private and writable, likewise */
};

struct replay_outcome {
	uint64_t magic;
	uint64_t operations;     /* calls made */
	uint64_t refused;        /* of them, by the allocator */
	uint64_t loop_cpu_ns;    /* of the loop with its calls, or 0: not timed */
	uint64_t loop_wall_ns;
	uint64_t resident_bytes_peak; /* memory: by the kernel's own high-water mark */
	uint64_t minor_faults[REPLAY_SPACES], major_faults;
	uint64_t usable_bytes_peak, live_bytes_peak; /* at the last sample of the most live bytes */
	uint64_t sample_count;
	/* Model. */
	uint64_t resident_bytes_peaks[REPLAY_SPACES];
	uint64_t metadata_bytes; /* of the heap's tables, resident at the end */
	uint64_t page_bytes;
	uint64_t by_reason[REPLAY_SPACES][REPLAY_REASONS_MAX];
	uint64_t tlb_accesses, tlb_walks;
	uint64_t pinned_bytes_peak;                /* free, on pages with live blocks, then */
	uint64_t resident_bytes_then;              /* in the space of the chosen payload */
	uint64_t pages_compared, pages_different;  /* with mincore(2), payload none */
	uint64_t kernel_faults;                    /* of the heap's pages, when verified */
	struct replay_lab lab;                     /* when asked for */
	char message[REPLAY_MESSAGE_BYTES];        /* what went wrong; empty when nothing did */
};

#endif
