/* SPDX-License-Identifier: MIT */
/*
 * Floor: spans, and lists left by threads.
 *
 * A list that a thread hands over is kept whole: its first block's second word is the first block
 * of the next list of that class.
 */
#include "floor.h"

#include "workload.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

enum {
	SPAN_BYTES = 1 << FLOOR_SPAN_LOG2,
};

/* A free block at the head of a list. */
struct head {
	void *next;        /* block of this list */
	struct head *list; /* the next one */
};

_Thread_local struct floor_bin floor_bins[FLOOR_CLASS_COUNT];
unsigned char floor_classes[FLOOR_SPAN_COUNT];
unsigned char *floor_start;

static atomic_size_t span_count; /* taken from the mapping */
static pthread_mutex_t left_lock = PTHREAD_MUTEX_INITIALIZER;
static struct head *left_lists[FLOOR_CLASS_COUNT]; /* guarded by left_lock */

void floor_init(void)
{
	size_t mapping_bytes = (size_t)FLOOR_SPAN_COUNT << FLOOR_SPAN_LOG2;
	void *mapping = mmap(NULL, mapping_bytes + SPAN_BYTES, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (mapping == MAP_FAILED)
		run_fail("no address space for the floor");
	uintptr_t start = ((uintptr_t)mapping + SPAN_BYTES - 1) & ~(uintptr_t)(SPAN_BYTES - 1);
	floor_start = (unsigned char *)start;
}

/* The inverse of floor_class(): the largest block of a class. */
static size_t class_bytes(size_t class)
{
	const size_t fine_count = FLOOR_FINE_BYTES / FLOOR_GRAIN_BYTES;
	if (class <= fine_count)
		return class * FLOOR_GRAIN_BYTES;
	size_t above = class - fine_count - 1;
	return (above % 4 + 5) << (FLOOR_FINE_LOG2 - 2 + above / 4);
}

/* Give the bin a new span, of at least one block. */
static void bin_grow(struct floor_bin *bin, size_t class)
{
	size_t count = (class_bytes(class) + SPAN_BYTES - 1) / SPAN_BYTES;
	size_t first = atomic_fetch_add(&span_count, count);
	if (first + count > FLOOR_SPAN_COUNT)
		run_fail("no memory on the floor");
	floor_classes[first] = (unsigned char)class;
	bin->next = floor_start + (first << FLOOR_SPAN_LOG2);
	bin->end = bin->next + (count << FLOOR_SPAN_LOG2);
}

/* A list of the class that was handed over, or NULL. */
static void *left_take(size_t class)
{
	pthread_mutex_lock(&left_lock);
	struct head *head = left_lists[class];
	if (head != NULL)
		left_lists[class] = head->list;
	pthread_mutex_unlock(&left_lock);
	return head;
}

void *floor_refill(size_t class)
{
	assert(class < FLOOR_CLASS_COUNT);
	struct floor_bin *bin = &floor_bins[class];
	void *block = left_take(class);
	if (block != NULL) {
		bin->first = *(void **)block;
		return block;
	}
	size_t bytes = class_bytes(class);
	if ((size_t)(bin->end - bin->next) < bytes)
		bin_grow(bin, class);
	block = bin->next;
	bin->next += bytes;
	return block;
}

void floor_hand_over(void)
{
	pthread_mutex_lock(&left_lock);
	for (size_t class = 0; class < FLOOR_CLASS_COUNT; class++) {
		struct head *head = floor_bins[class].first;
		if (head == NULL)
			continue;
		head->list = left_lists[class];
		left_lists[class] = head;
		floor_bins[class].first = NULL;
	}
	pthread_mutex_unlock(&left_lock);
}

void *floor_resize(void *block, size_t bytes)
{
	size_t class = floor_class_of(block);
	if (bytes <= class_bytes(class))
		return block;
	void *moved = floor_take(bytes);
	memcpy(moved, block, class_bytes(class));
	floor_give(block);
	return moved;
}
