/* SPDX-License-Identifier: MIT */
/*
 * Shadow: what a heap must be like, kept beside it and compared.
 *
 * Every operation goes through shadow_apply(), which knows what the contract says about it:
 *   - a block is aligned, overlaps no other, and all of its usable bytes can be written and keep
 *     what was written until it is freed;
 *   - usable is at least what was asked for and stays what it is;
 *   - a resize keeps the first min(old usable, new) bytes, zeroed blocks read as zero;
 *   - errno is left alone by success and by free, and is ENOMEM after a refusal;
 *   - nothing that can be had is refused; where the heap's memory is bounded, not while there is
 *     room for it between live blocks; a resize to less is never refused;
 *   - what cannot be had is refused, and the old block of a resize is as it was.
 *
 * The first thing that is not so stops it: false, with a line in shadow->message.
 *
 * The shadow's own memory is mapped once and never comes from a heap or the program break.
 */
#ifndef SUPPORT_SHADOW_H
#define SUPPORT_SHADOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "interval.h"
#include "operation.h"
#include "subject.h"

/* A slot; empty when payload is NULL. */
struct shadow_block {
	struct interval interval; /* its usable bytes; first, so that it leads here */
	unsigned char *payload;
	size_t requested_bytes;
	size_t usable_bytes;
	size_t alignment;
	uint64_t seed;            /* of its content */
};

/* What the last operation answered, the same for every allocator that is right. */
struct answer {
	bool is_null;
	int error;       /* errno afterwards, 0 when it was left alone */
	uint64_t digest; /* of the content that survived a resize, or was to be zero */
};

enum { SHADOW_MESSAGE_BYTES = 512 };

struct shadow {
	struct subject subject;
	bool may_refuse;          /* bounded memory: NULL is right at any time */
	struct shadow_block *slots;
	size_t slot_count;
	struct interval *intervals;
	size_t live_count;
	size_t live_bytes;        /* asked for */
	size_t live_usable_bytes;
	uint64_t operations;      /* done so far; seeds contents */
	struct answer answer;
	char message[SHADOW_MESSAGE_BYTES];
};

/* False when there is no memory for the slots. */
bool shadow_init(struct shadow *shadow, struct subject subject, size_t slot_count);
void shadow_finish(struct shadow *shadow);

/* Carry out one operation and judge it. */
bool shadow_apply(struct shadow *shadow, const struct operation *operation);

/* Verify the content of one block, the first `bytes_max` bytes of it. True for an empty slot. */
bool shadow_verify_block(struct shadow *shadow, size_t slot, size_t bytes_max);

/* allot_heap_check(). */
bool shadow_check(struct shadow *shadow);

/*
 * Compare the walk and the statistics with the shadow: the same live blocks of the same sizes,
 * and mapped = requested + rounding + tags + free + metadata with nothing clipped.
 *
 * Where memory is bounded, a mapping of its own that could not be made smaller remembers the size
 * it had: there it may say more than was asked for.
 */
bool shadow_compare(struct shadow *shadow);

/* Free every block. */
bool shadow_empty(struct shadow *shadow);

/* For stream_next(). */
size_t shadow_slot_bytes(const void *shadow, size_t slot);

#endif
