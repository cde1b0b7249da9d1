/* SPDX-License-Identifier: MIT */
/*
 * Queues: a ring under a lock.
 */
#include "queue.h"

void queue_init(struct queue *queue)
{
	pthread_mutex_init(&queue->lock, NULL);
	pthread_cond_init(&queue->is_filled, NULL);
	pthread_cond_init(&queue->has_room, NULL);
	queue->first = 0;
	queue->count = 0;
}

void queue_finish(struct queue *queue)
{
	pthread_mutex_destroy(&queue->lock);
	pthread_cond_destroy(&queue->is_filled);
	pthread_cond_destroy(&queue->has_room);
}

void queue_push(struct queue *queue, void *entry)
{
	pthread_mutex_lock(&queue->lock);
	while (queue->count == QUEUE_COUNT_MAX)
		pthread_cond_wait(&queue->has_room, &queue->lock);
	queue->entries[(queue->first + queue->count++) % QUEUE_COUNT_MAX] = entry;
	pthread_cond_signal(&queue->is_filled);
	pthread_mutex_unlock(&queue->lock);
}

void *queue_pop(struct queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	while (queue->count == 0)
		pthread_cond_wait(&queue->is_filled, &queue->lock);
	void *entry = queue->entries[queue->first];
	queue->first = (queue->first + 1) % QUEUE_COUNT_MAX;
	queue->count--;
	pthread_cond_signal(&queue->has_room);
	pthread_mutex_unlock(&queue->lock);
	return entry;
}
