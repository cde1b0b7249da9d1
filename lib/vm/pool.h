/* SPDX-License-Identifier: MIT */
/*
 * Pool: the memory a machine's own records live in. Taken from the system in large pieces, lent
 * out in powers of two, given back whole.
 */
#ifndef VM_POOL_H
#define VM_POOL_H

#include <stddef.h>

enum {
	POOL_CLASSES = 32, /* 2^0 to 2^31 bytes */
};

/* What a free record holds. */
struct pool_free {
	struct pool_free *next;
};

/* A piece from the system; what is lent lies behind it. */
struct pool_piece {
	struct pool_piece *next;
	size_t bytes; /* this header included */
};

struct pool {
	struct pool_piece *pieces;
	char *bump;        /* first byte never lent of the newest piece */
	char *bump_end;
	struct pool_free *free[POOL_CLASSES];
};

/* Borrow `bytes` > 0 that read as zero. NULL when the system has none. */
void *pool_take(struct pool *pool, size_t bytes);

/* Give back what pool_take() lent for `bytes`. NULL is ignored. */
void pool_give(struct pool *pool, void *record, size_t bytes);

/* Give everything back to the system; nothing that was lent may be used any more. */
void pool_finish(struct pool *pool);

#endif
