/* SPDX-License-Identifier: MIT */
/*
 * Queues: pointers from threads to threads, first in, first out, a bounded number at a time.
 */
#ifndef ALLOT_WORKLOAD_QUEUE_H
#define ALLOT_WORKLOAD_QUEUE_H

#include <pthread.h>
#include <stddef.h>

enum {
	QUEUE_COUNT_MAX = 64, /* entries in a queue */
};

/* All but the lock itself is guarded by it. */
struct queue {
	pthread_mutex_t lock;
	pthread_cond_t is_filled; /* there is an entry where there was none */
	pthread_cond_t has_room;  /* there is room where there was none */
	void *entries[QUEUE_COUNT_MAX];
	size_t first; /* index of the oldest entry */
	size_t count;
};

void queue_init(struct queue *queue);
void queue_finish(struct queue *queue);

/* Put an entry at the end. Waits while there is no room. */
void queue_push(struct queue *queue, void *entry);

/* Take the oldest entry. Waits while there is none. */
void *queue_pop(struct queue *queue);

#endif
