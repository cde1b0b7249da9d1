/* SPDX-License-Identifier: MIT */
/*
 * Bulk: a list, a search tree, and records of many sizes. Whether a phase can use the memory of the
 * one before, of other sizes, shows in the peak.
 */
#include "bulk.h"

#include "crew.h"
#include "heap.h"

#include <string.h>

enum {
	RECORD_BYTES_MIN = 64,
	RECORD_BYTES_MAX = 160,
};

struct link {
	struct link *next;
	uint64_t value;
	uint64_t padding;
};

struct node {
	struct node *left, *right;
	uint64_t key;
	uint64_t values[3];
};

struct record {
	size_t bytes; /* in all */
	unsigned char rest[];
};

/* Free all objects in random order. */
static void objects_give(void **objects, size_t count, struct chance *chance)
{
	for (size_t left = count; left > 0; left--) {
		size_t chosen = chance_below(chance, left);
		heap_give(objects[chosen]);
		objects[chosen] = objects[left - 1];
	}
}

/* A list, walked from its head. */
static uint64_t links_run(void **objects, size_t count, struct chance *chance)
{
	struct link *first = NULL;
	uint64_t sum = 0;
	for (size_t i = 0; i < count; i++) {
		struct link *link = heap_take(sizeof(*link));
		*link = (struct link){first, chance_next(chance), i};
		objects[i] = first = link;
	}
	for (const struct link *link = first; link != NULL; link = link->next)
		sum = sum * 31 + (link->value ^ link->padding);
	objects_give(objects, count, chance);
	return sum;
}

/* A tree as random keys make it, of which as many keys are looked up as there are nodes. */
static uint64_t nodes_run(void **objects, size_t count, struct chance *chance)
{
	struct node *root = NULL;
	uint64_t sum = 0;
	for (size_t i = 0; i < count; i++) {
		struct node *node = heap_take(sizeof(*node));
		struct node **place = &root;
		*node = (struct node){.key = chance_next(chance), .values = {i, i, i}};
		while (*place != NULL) {
			sum++;
			place = node->key < (*place)->key ? &(*place)->left : &(*place)->right;
		}
		objects[i] = *place = node;
	}
	for (size_t i = 0; i < count; i++)
		sum += ((const struct node *)objects[i])->values[1] * (i + 1);
	objects_give(objects, count, chance);
	return sum;
}

static uint64_t records_run(void **objects, size_t count, struct chance *chance)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < count; i++) {
		size_t bytes = RECORD_BYTES_MIN +
			       chance_below(chance, RECORD_BYTES_MAX - RECORD_BYTES_MIN + 1);
		struct record *record = heap_take(bytes);
		record->bytes = bytes;
		memset(record->rest, (int)(i & 0xff), bytes - sizeof(*record));
		objects[i] = record;
	}
	for (size_t i = 0; i < count; i++) {
		const struct record *record = objects[i];
		sum = sum * 31 + record->bytes + record->rest[RECORD_BYTES_MIN / 2];
	}
	objects_give(objects, count, chance);
	return sum;
}

static void bulk_work(struct worker *worker)
{
	size_t count = run_step_count(worker->run);
	void **objects = heap_take(count * sizeof(*objects));
	worker->checksum += links_run(objects, count, &worker->chance);
	worker->checksum += nodes_run(objects, count, &worker->chance);
	worker->checksum += records_run(objects, count, &worker->chance);
	heap_give(objects);
}

void bulk_run(struct run *run)
{
	crew_run(run, bulk_work);
}
