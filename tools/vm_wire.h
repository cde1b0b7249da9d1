/* SPDX-License-Identifier: MIT */
/*
 * What `allot vm diff` and its helper process say to each other: one request, one answer.
 *
 * The helper and the children it forks each have a channel, a socket at a descriptor of its own;
 * all are open from the start, as are the files of the script.
 */
#ifndef ALLOT_TOOLS_VM_WIRE_H
#define ALLOT_TOOLS_VM_WIRE_H

#include <stdint.h>

enum {
	WIRE_CHANNEL_FIRST = 100, /* descriptor of the channel of process 0 */
	WIRE_FILE_FIRST = 120,    /* of the first file */
	WIRE_ZERO = 140,          /* /dev/zero, for kernel-w */
	WIRE_SINK = 141,          /* memory, for kernel-r */
	WIRE_RANGES_MAX = 16,
	WIRE_PATH_BYTES = 160,
	WIRE_ARGUMENT_BYTES_MAX = 16 << 12,
};

enum wire_kind {
	WIRE_NOTHING,  /* answers, and no more: what that costs must be nothing */
	WIRE_CALL,     /* a system call: number, arguments[0..5] */
	WIRE_TOUCH,    /* address, count, stride, bytes, enum wire_access; order */
	WIRE_PREFAULT, /* ranges[]: the helper's own memory */
	WIRE_FORK,     /* process of the child */
	WIRE_EXIT,
	WIRE_EXEC,     /* path; number: bytes of one argument more; answers when it fails */
};

enum wire_access {
	WIRE_LOAD,
	WIRE_STORE,
	WIRE_FETCH,
};

/* The helper's own memory: all of it is touched before anything is counted. */
struct wire_range {
	uint64_t start, end;
	uint64_t is_writable;
};

/* In which order pages are touched. Both sides go by wire_page(). */
struct wire_order {
	uint64_t pages;        /* that there are */
	uint64_t seed;
	uint64_t is_random, is_backward;
};

/* The page that is touched as the `index`-th; `state` begins as the seed (splitmix64). */
static inline uint64_t wire_page(const struct wire_order *order, uint64_t index, uint64_t *state)
{
	if (order->is_backward)
		return order->pages - 1 - index;
	if (!order->is_random)
		return index;
	uint64_t value = *state += 0x9E3779B97F4A7C15u;
	value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9u;
	value = (value ^ value >> 27) * 0x94D049BB133111EBu;
	return (value ^ value >> 31) % order->pages;
}

struct wire_request {
	uint64_t kind;
	uint64_t number;
	uint64_t arguments[6];
	struct wire_order order;
	struct wire_range ranges[WIRE_RANGES_MAX];
	char path[WIRE_PATH_BYTES];
};

struct wire_answer {
	int64_t result;  /* of the call; of a touch: pages that were had; of a fork: its pid */
	int32_t signal;  /* that ended the touch, or 0 */
	int32_t code;    /* its si_code */
	uint64_t address;
};

#endif
