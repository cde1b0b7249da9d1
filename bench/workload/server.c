/* SPDX-License-Identifier: MIT */
/*
 * Server: threads stand in a ring, each with an inbox of connections.
 *
 * A thread opens connections of its share up to a limit, and then takes the oldest from its inbox;
 * it serves a connection and hands it on, or closes it after its last hop. What happens to a
 * connection depends on its number alone, whoever serves it.
 */
#include "server.h"

#include "crew.h"
#include "item.h"
#include "sizes.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
	OBJECT_COUNT_MIN = 4,  /* objects of a connection */
	OBJECT_COUNT_MAX = 24,
	HOP_COUNT = 4,         /* threads that serve a connection */
	REQUEST_COUNT = 12,    /* objects replaced by each of them */
	OPEN_COUNT_MAX = 2500, /* connections open at a time that the same thread has opened */
};

struct connection {
	struct connection *next; /* in an inbox */
	struct inbox *opener;    /* of the thread that opened it */
	struct chance chance;
	unsigned int hop_count;  /* so far */
	size_t object_count;
	struct item objects[];
};

/* What a thread waits for. All but the lock itself is guarded by it. */
struct inbox {
	pthread_mutex_t lock;
	pthread_cond_t is_changed;
	struct connection *first; /* the oldest that waits for this thread */
	struct connection **end;  /* where the next one is linked */
	size_t left_count;        /* connections this thread has yet to open */
	size_t open_count;        /* connections it has opened that are not closed */
};

struct ring {
	struct inbox inboxes[CREW_COUNT_MAX];
	atomic_size_t left_count; /* connections not closed, or not opened yet */
};

static struct connection *connection_open(uint64_t number, struct inbox *opener)
{
	struct chance chance = chance_of(number);
	size_t object_count =
		OBJECT_COUNT_MIN + chance_below(&chance, OBJECT_COUNT_MAX - OBJECT_COUNT_MIN + 1);
	struct connection *connection =
		heap_take(sizeof(*connection) + object_count * sizeof(struct item));
	connection->opener = opener;
	connection->hop_count = 0;
	connection->object_count = object_count;
	for (size_t i = 0; i < object_count; i++)
		connection->objects[i] = item_take(size_small(&chance), number);
	connection->chance = chance;
	return connection;
}

static uint64_t connection_serve(struct connection *connection)
{
	uint64_t sum = 0;
	struct chance *chance = &connection->chance;
	for (size_t i = 0; i < REQUEST_COUNT; i++) {
		size_t object = chance_below(chance, connection->object_count);
		sum += item_give(&connection->objects[object]);
		connection->objects[object] = item_take(size_small(chance), i);
	}
	connection->hop_count++;
	return sum;
}

static uint64_t connection_close(struct connection *connection)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < connection->object_count; i++)
		sum += item_give(&connection->objects[i]);
	heap_give(connection);
	return sum;
}

static void inbox_init(struct inbox *inbox, size_t left_count)
{
	pthread_mutex_init(&inbox->lock, NULL);
	pthread_cond_init(&inbox->is_changed, NULL);
	inbox->first = NULL;
	inbox->end = &inbox->first;
	inbox->left_count = left_count;
	inbox->open_count = 0;
}

static void inbox_finish(struct inbox *inbox)
{
	pthread_mutex_destroy(&inbox->lock);
	pthread_cond_destroy(&inbox->is_changed);
}

static void inbox_put(struct inbox *inbox, struct connection *connection)
{
	connection->next = NULL;
	pthread_mutex_lock(&inbox->lock);
	*inbox->end = connection;
	inbox->end = &connection->next;
	pthread_cond_signal(&inbox->is_changed);
	pthread_mutex_unlock(&inbox->lock);
}

/* A connection that this thread opened was closed: it may open another. */
static void inbox_closed(struct inbox *inbox)
{
	pthread_mutex_lock(&inbox->lock);
	inbox->open_count--;
	pthread_cond_signal(&inbox->is_changed);
	pthread_mutex_unlock(&inbox->lock);
}

/* What a thread is to do next. */
enum task {
	TASK_OPEN,
	TASK_SERVE,
	TASK_END,
	TASK_WAIT,
};

/* The task, with the connection to serve. Called with the lock held. */
static enum task inbox_task(struct inbox *inbox, struct ring *ring,
			    struct connection **out_connection)
{
	if (inbox->left_count > 0 && inbox->open_count < OPEN_COUNT_MAX) {
		inbox->left_count--;
		inbox->open_count++;
		return TASK_OPEN;
	}
	if (inbox->first == NULL)
		return atomic_load(&ring->left_count) == 0 ? TASK_END : TASK_WAIT;
	*out_connection = inbox->first;
	inbox->first = inbox->first->next;
	if (inbox->first == NULL)
		inbox->end = &inbox->first;
	return TASK_SERVE;
}

/* Wait until there is something to do, and take it on; never TASK_WAIT. */
static enum task inbox_take(struct inbox *inbox, struct ring *ring,
			    struct connection **out_connection)
{
	enum task task;
	pthread_mutex_lock(&inbox->lock);
	while ((task = inbox_task(inbox, ring, out_connection)) == TASK_WAIT)
		pthread_cond_wait(&inbox->is_changed, &inbox->lock);
	pthread_mutex_unlock(&inbox->lock);
	return task;
}

/* A connection was closed; the last one sends home the threads that wait for more. */
static void ring_closed(struct ring *ring, unsigned int thread_count)
{
	if (atomic_fetch_sub(&ring->left_count, 1) > 1)
		return;
	for (unsigned int i = 0; i < thread_count; i++) {
		pthread_mutex_lock(&ring->inboxes[i].lock);
		pthread_cond_signal(&ring->inboxes[i].is_changed);
		pthread_mutex_unlock(&ring->inboxes[i].lock);
	}
}

static void server_work(struct worker *worker)
{
	struct ring *ring = worker->shared;
	unsigned int thread_count = worker->run->thread_count;
	struct inbox *inbox = &ring->inboxes[worker->index];
	struct inbox *next_inbox = &ring->inboxes[(worker->index + 1) % thread_count];
	struct connection *connection = NULL;
	uint64_t number = worker->index;
	enum task task;
	while ((task = inbox_take(inbox, ring, &connection)) != TASK_END) {
		if (task == TASK_OPEN) {
			connection = connection_open(number, inbox);
			number += CREW_COUNT_MAX;
		}
		worker->checksum += connection_serve(connection);
		if (connection->hop_count < HOP_COUNT) {
			inbox_put(next_inbox, connection);
			continue;
		}
		inbox_closed(connection->opener);
		worker->checksum += connection_close(connection);
		ring_closed(ring, thread_count);
	}
}

void server_run(struct run *run)
{
	static struct ring ring;
	size_t step_count = run_step_count(run);
	atomic_store(&ring.left_count, step_count * run->thread_count);
	for (unsigned int i = 0; i < run->thread_count; i++)
		inbox_init(&ring.inboxes[i], step_count);
	crew_run_shared(run, run->thread_count, server_work, &ring);
	for (unsigned int i = 0; i < run->thread_count; i++)
		inbox_finish(&ring.inboxes[i]);
}
