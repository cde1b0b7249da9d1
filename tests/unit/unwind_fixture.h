/* SPDX-License-Identifier: MIT */
/*
 * For tests of stacks: what is tested, comparing a stack with the C library's backtrace(), and
 * random trees of calls.
 */
#ifndef UNWIND_FIXTURE_H
#define UNWIND_FIXTURE_H

#include <criterion/criterion.h>
#include <execinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "random.h"
#include "trace/unwind.h"
#include "unwind_calls.h"

enum {
	FRAMES_MAX = 2048,
	SEED = 20,
	CHECK_BYTES = 1 << 13, /* check() is not longer than that */
};

static const struct unwind_calls *const ways[] = {
	&unwind_calls_O0, &unwind_calls_O1, &unwind_calls_O2, &unwind_calls_O3,
	&unwind_calls_Os, &unwind_calls_O2_fp, &unwind_calls_O3_fp,
};

/* What is announced is as numbered: dense, parents first. */
static _Atomic uint32_t announced;
static _Atomic bool is_order_wrong;

static void frame_new(uint32_t frame, uint32_t parent, uintptr_t address, void *context)
{
	if (parent >= frame || address == 0 || context != &announced)
		is_order_wrong = true;
	announced++;
}

static inline void *memory(size_t bytes)
{
	void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(base, MAP_FAILED);
	return base;
}

static inline struct unwind *process_make(void)
{
	struct unwind *unwind = memory(sizeof(*unwind));
	unwind_init(unwind, 0, 0, frame_new, &announced);
	return unwind;
}

/* What checks go by. */
struct subject {
	struct unwind *unwind;
	struct unwind_thread *thread;
	unsigned depth;
	unsigned checks;
	unsigned cut; /* of them */
	unsigned interrupted; /* frames */
	unsigned frames_least, frames_most;
	bool is_wrong;
};

static inline struct subject subject_make(unsigned depth)
{
	return (struct subject){
		.unwind = process_make(),
		.thread = memory(sizeof(struct unwind_thread)),
		.depth = depth,
		.frames_least = UINT32_MAX,
	};
}

static inline void wrong(struct subject *subject, const char *what, unsigned frame)
{
	if (!subject->is_wrong)
		fprintf(stderr, "%s, frame %u, check %u\n", what, frame, subject->checks);
	subject->is_wrong = true;
}

/*
 * Compare with backtrace(). The innermost frame is this function in both. A frame that was
 * interrupted has an address one more than there.
 */
static __attribute__((noinline)) int check(void *argument)
{
	static __thread void *expected[FRAMES_MAX];
	struct subject *subject = argument;
	uint32_t frame = unwind_here(subject->unwind, subject->thread, subject->depth);
	unsigned all = (unsigned)backtrace(expected, FRAMES_MAX), first = 0, k = 0;
	/* A sanitizer's own backtrace() is in its answer. */
	while (first < all && (uintptr_t)expected[first] - (uintptr_t)check >= CHECK_BYTES)
		first++;
	unsigned count = all - first;
	subject->checks++;
	for (; frame != 0; k++) {
		const struct frame_node *node = frame_get(&subject->unwind->frames, frame);
		uintptr_t theirs = k < count ? (uintptr_t)expected[first + k] : 0;
		if (k > 0 && node->address != theirs && node->address != theirs + 1)
			wrong(subject, "another address", k);
		subject->interrupted += k > 0 && node->address == theirs + 1;
		frame = node->parent;
	}
	if (k < count)
		subject->cut++;
	/* It may have been cut while it was deeper, not when it is far from that. */
	if (k > count || k > subject->depth ||
	    (k < count && (k < subject->depth / 2 || count < subject->depth / 2)))
		wrong(subject, "another number of frames", k);
	subject->frames_least = k < subject->frames_least ? k : subject->frames_least;
	subject->frames_most = k > subject->frames_most ? k : subject->frames_most;
	return (int)k;
}

static inline void checks_end(const struct subject *subject, unsigned least)
{
	cr_assert_not(subject->is_wrong);
	cr_assert_geq(subject->checks, least);
	cr_assert_not(is_order_wrong);
	cr_assert_eq(announced, subject->unwind->frames.count);
}

_Thread_local size_t unwind_variable_bytes = 100;

/* A tree of random calls; `random` decides what is called and where it is looked at. */
struct tree {
	struct subject *subject;
	struct random_source random;
	int depth, depth_max;
	int calls; /* left */
};

static inline int tree_grow(void *argument)
{
	struct tree *tree = argument;
	size_t branches = random_below(&tree->random, 4);
	if (random_below(&tree->random, 3) == 0)
		check(tree->subject);
	if (tree->depth == tree->depth_max)
		return 0;
	tree->depth++;
	for (size_t i = 0; i < branches && tree->calls > 0; i++) {
		const struct unwind_calls *way = ways[random_below(&tree->random, ARRAY_LEN(ways))];
		tree->calls--;
		/* So that frames of other sizes end at the same place now and then. */
		unwind_variable_bytes = 16 * random_between(&tree->random, 1, 6);
		way->shapes[random_below(&tree->random, UNWIND_SHAPES)](tree_grow, tree);
	}
	tree->depth--;
	return 1;
}

static inline void trees_grow(struct subject *subject, int depth_max, int calls, uint64_t seed)
{
	struct tree tree = {subject, {seed}, 0, depth_max, calls};
	while (tree.calls > 0 && !subject->is_wrong)
		tree_grow(&tree);
	cr_assert_not(subject->is_wrong, "seed %llu", (unsigned long long)seed);
}

#endif
