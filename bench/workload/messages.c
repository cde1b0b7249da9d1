/* SPDX-License-Identifier: MIT */
/*
 * Messages: each thread allocates sizes it never frees and frees sizes it never allocates, so that
 * neither can use again what it has freed.
 */
#include "messages.h"

#include "crew.h"
#include "item.h"
#include "queue.h"
#include "sizes.h"

enum {
	REQUEST_COUNT = 150,    /* blocks of a request, small */
	REPLY_COUNT = 5,        /* blocks of a reply ... */
	REPLY_FIRST_LOG2 = 10,  /* ... of 1 KiB ... */
	REPLY_LAST_LOG2 = 15,   /* ... to 32 KiB */
	ENVELOPE_COUNT = 32,    /* between two threads */
};

/* Goes back and forth: there with a request, back with the reply. */
struct envelope {
	struct item request[REQUEST_COUNT];
	struct item reply[REPLY_COUNT];
};

/* Between two threads. */
struct lane {
	struct queue requests;
	struct queue replies;
	struct envelope envelopes[ENVELOPE_COUNT];
};

static uint64_t items_give(struct item *items, size_t count)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < count; i++)
		sum += item_give(&items[i]);
	return sum;
}

static void request(struct worker *worker, struct lane *lane, uint64_t seed)
{
	struct envelope *envelope = queue_pop(&lane->replies);
	worker->checksum += items_give(envelope->reply, REPLY_COUNT);
	for (size_t i = 0; i < REQUEST_COUNT; i++)
		envelope->request[i] = item_take(size_small(&worker->chance), seed);
	queue_push(&lane->requests, envelope);
}

static void reply(struct worker *worker, struct lane *lane, uint64_t seed)
{
	struct envelope *envelope = queue_pop(&lane->requests);
	worker->checksum += items_give(envelope->request, REQUEST_COUNT);
	for (size_t i = 0; i < REPLY_COUNT; i++) {
		size_t bytes =
			size_log_uniform(&worker->chance, REPLY_FIRST_LOG2, REPLY_LAST_LOG2);
		envelope->reply[i] = item_take(bytes, seed);
	}
	queue_push(&lane->replies, envelope);
}

static void messages_work(struct worker *worker)
{
	struct lane *lane = (struct lane *)worker->shared + worker->index / 2;
	size_t step_count = run_step_count(worker->run);
	for (size_t step = 0; step < step_count; step++) {
		if (worker->index % 2 == 0)
			request(worker, lane, step);
		else
			reply(worker, lane, step);
	}
}

static void lane_init(struct lane *lane)
{
	queue_init(&lane->requests);
	queue_init(&lane->replies);
	for (size_t i = 0; i < ENVELOPE_COUNT; i++)
		queue_push(&lane->replies, &lane->envelopes[i]);
}

/* Free the replies that nobody waits for any more; returns their sum. */
static uint64_t lane_finish(struct lane *lane)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < ENVELOPE_COUNT; i++)
		sum += items_give(lane->envelopes[i].reply, REPLY_COUNT);
	queue_finish(&lane->requests);
	queue_finish(&lane->replies);
	return sum;
}

void messages_run(struct run *run)
{
	static struct lane lanes[CREW_COUNT_MAX / 2];
	for (size_t i = 0; i < run->thread_count / 2; i++)
		lane_init(&lanes[i]);
	crew_run_shared(run, run->thread_count, messages_work, lanes);
	for (size_t i = 0; i < run->thread_count / 2; i++)
		run->checksum += lane_finish(&lanes[i]);
}
