/* SPDX-License-Identifier: MIT */
/*
 * Operations on a heap as values, and where they come from: a stream of random ones.
 *
 * Blocks are named by slots, not addresses, so that the same operations can be done on heaps that
 * place blocks differently. An operation on an empty slot allocates, on a full one frees or
 * resizes; whoever carries them out keeps the slots (shadow.h).
 */
#ifndef SUPPORT_OPERATION_H
#define SUPPORT_OPERATION_H

#include <stdbool.h>
#include <stddef.h>

#include "random.h"

enum operation_kind {
	OPERATION_ALLOCATE, /* bytes */
	OPERATION_ZEROED,   /* count x bytes */
	OPERATION_ALIGNED,  /* bytes at alignment */
	OPERATION_RESIZE,   /* to bytes */
	OPERATION_FREE,
	OPERATION_TRIM,     /* to bytes kept */
	OPERATION_BREAK,    /* the program moves the break up by bytes, for good */
	OPERATION_KINDS,
};

struct operation {
	enum operation_kind kind;
	size_t slot;
	size_t bytes;
	size_t count;
	size_t alignment;
};

/* "resize slot 17 to 4096 bytes", for messages. Returns `buffer`. */
const char *operation_describe(const struct operation *operation, char *buffer,
			       size_t buffer_bytes);

/* How large a heap a stream makes. */
struct operation_limits {
	size_t slot_count;
	size_t live_bytes_max;  /* asked for, over all slots; passed by one block at most */
	size_t block_bytes_max; /* no larger request but impossible ones */
	bool moves_break;       /* with OPERATION_BREAK */
};

/* Limits for heaps of at most 256 KiB live, which can be checked after each operation. */
extern const struct operation_limits limits_small;
/* For heaps of some 10 MiB live. */
extern const struct operation_limits limits_big;

/*
 * A stream: phases of some thousand operations, each with its own amount of live memory, so that
 * a heap grows, is punched with holes, and shrinks again.
 */
struct operation_stream {
	struct random_source random;
	struct operation_limits limits;
	size_t phase_operations; /* left in this phase */
	size_t phase_live_bytes; /* what it tends to */
};

void stream_init(struct operation_stream *stream, const struct operation_limits *limits,
		 uint64_t seed);

/*
 * The next operation. `slot_bytes` says what a slot holds: the bytes asked for, SIZE_MAX when it
 * is empty; `live_bytes` is the sum.
 */
void stream_next(struct operation_stream *stream,
		 size_t (*slot_bytes)(const void *slots, size_t slot), const void *slots,
		 size_t live_bytes, struct operation *out);

/* Can no heap have this much (more than PTRDIFF_MAX)? Tells overflow of count x bytes. */
bool operation_is_impossible(const struct operation *operation);

#endif
