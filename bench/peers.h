/* SPDX-License-Identifier: MIT */
/*
 * Allocators side by side: what a benchmark is run on.
 *
 * An allocator makes heaps, and a heap allocates. Three kinds look the same from here:
 *
 *   - allot heaps: a strategy with its policies through allot_heap_create(), no front end, every
 *     heap its own. The only kind that knows its ledger.
 *   - allot: the process heap of the library linked in, front end and all, as ALLOT_CONF has it.
 *   - libraries: the C library's malloc, jemalloc, or any other. Their state is the process's:
 *     a heap "created" from one is only a name for it, and starts as earlier users left it.
 *
 * A library is loaded beside the C library, and only its functions are called; everything else in
 * the process stays with the C library. An allocator that cannot be had is still listed, with the
 * reason in `missing`, so that a table can say so.
 */
#ifndef ALLOT_BENCH_PEERS_H
#define ALLOT_BENCH_PEERS_H

#include <allot/allot.h>

#include <stdbool.h>
#include <stddef.h>

enum {
	ALLOCATOR_NAME_BYTES = 96,
	ALLOCATOR_TEXT_BYTES = 192,
	ALLOCATOR_COUNT_MAX = 128, /* strategies times policies, and peers */
};

/* The functions of a library that was loaded. */
struct allocator_library {
	void *(*allocate)(size_t bytes);
	void (*free)(void *block);
	void *(*resize)(void *block, size_t bytes);
};

/* An allocator. A value: copies are as good, and it owns nothing. */
struct allocator {
	char name[ALLOCATOR_NAME_BYTES];    /* as it stands in a row's name: letters, digits, - . */
	char conf[ALLOCATOR_TEXT_BYTES];    /* for allot_heap_create(); empty for the others */
	char missing[ALLOCATOR_TEXT_BYTES]; /* why it cannot be used; empty when it can */
	bool is_private;                    /* a heap of it is nobody else's */
	bool is_default;                    /* no policy differs from its default */
	struct allocator_library library;

	/* A new heap, or NULL with one line in `message`. Ended by destroy(). */
	void *(*create)(const struct allocator *self, char *message, size_t message_bytes);

	/* End a heap. Of an allocator that is not private, every block must be freed before. */
	void (*destroy)(void *heap);

	/* As malloc, free and realloc, on a heap. */
	void *(*allocate)(void *heap, size_t bytes);
	void (*free)(void *heap, void *block);
	void *(*resize)(void *heap, void *block, size_t bytes);

	/* The heap's ledger, or NULL when the allocator keeps none. Walks the heap. */
	void (*statistics)(void *heap, struct allot_statistics *out);
};

/* Allocators in the order of a table's rows. A value of the caller's. */
struct allocator_list {
	struct allocator all[ALLOCATOR_COUNT_MAX];
	size_t count;
};

/*
 * Append every strategy with each combination of its fits, orders and coalescings. A name is the
 * strategy and its policies joined with dots: "explicit.first.lifo.immediate". False when the
 * list is full.
 */
bool allocator_list_add_strategies(struct allocator_list *list);

/* Append allot's process heap, "allot". False when the list is full. */
bool allocator_list_add_process(struct allocator_list *list);

/*
 * Append the C library's malloc, "glibc", which is missing when something else has taken malloc's
 * place in this process. False when the list is full.
 */
bool allocator_list_add_libc(struct allocator_list *list);

/*
 * Append the library `path` as `name`; a path without a slash is looked for as the linker does.
 * Missing, with the reason, when it cannot be loaded, has no malloc of its own, or would take
 * malloc's place. False when the list is full.
 */
bool allocator_list_add_library(struct allocator_list *list, const char *name, const char *path);

/*
 * Make room for libraries that keep their thread's state where only libraries loaded at the start
 * may: the room must be asked for before the program starts, so this starts it once more with
 * the same `argv`. Call it first in main. Returns when there is room, or no way to make it.
 */
void allocator_room_make(char **argv);

#endif
