/* SPDX-License-Identifier: MIT */
/*
 * What a stack costs, in ns, beyond the calls themselves: functions that call each other some
 * levels deep, of which the innermost four are chosen at random for each pair of stacks, so that
 * hardly anything can be foreseen. Beside it the C library's backtrace() on the same stacks. Not a
 * test: `meson test --benchmark`.
 */
#include <execinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "random.h"
#include "trace/unwind.h"
#include "unwind_calls.h"

enum { STACKS = 200000, STACKS_SLOW = 10000, RUNS = 5, CHANGING = 4 };

_Thread_local size_t unwind_variable_bytes = 64;

struct bench {
	struct unwind *unwind;
	struct unwind_thread *thread;
	const struct unwind_calls *way;
	struct random_source random;
	int level;  /* of the changing part */
	int stacks; /* left */
	enum bench_subject { NOTHING, OURS, BACKTRACE } subject;
	uint32_t sum; /* so that nothing is left out */
};

/* Go some levels down by random ways and take stacks there. */
static int descend(void *argument)
{
	struct bench *bench = argument;
	enum { SHAPES = 2 };
	static const int shapes[SHAPES] = {0, 6};
	if (bench->level == CHANGING) {
		void *frames[UNWIND_DEPTH_MAX];
		bench->stacks--;
		if (bench->subject == OURS)
			bench->sum += unwind_here(bench->unwind, bench->thread, UNWIND_DEPTH_MAX);
		else if (bench->subject == BACKTRACE)
			bench->sum += (uint32_t)backtrace(frames, UNWIND_DEPTH_MAX);
		return 1;
	}
	bench->level++;
	for (int i = 0; i < 2; i++)
		bench->way->shapes[shapes[random_next(&bench->random) >> 63]](descend, bench);
	bench->level--;
	return 1;
}

static int base(void *argument)
{
	struct bench *bench = argument;
	while (bench->stacks > 0)
		descend(bench);
	return 1;
}

static double run_ns(struct bench bench, enum bench_subject subject, int depth, int stacks)
{
	struct timespec begin, end;
	bench.subject = subject;
	bench.stacks = stacks;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	bench.way->recurse(depth, base, &bench);
	clock_gettime(CLOCK_MONOTONIC, &end);
	return ((double)(end.tv_sec - begin.tv_sec) * 1e9 + (double)(end.tv_nsec - begin.tv_nsec)) /
	       stacks;
}

/* The least of some runs, for others disturb. */
static double stacks_ns(struct bench bench, enum bench_subject subject, int depth)
{
	int stacks = subject == BACKTRACE ? STACKS_SLOW : STACKS;
	double least = run_ns(bench, subject, depth, stacks);
	for (int i = 1; i < RUNS; i++) {
		double ns = run_ns(bench, subject, depth, stacks);
		least = ns < least ? ns : least;
	}
	return least;
}

int main(void)
{
	static const struct unwind_calls *const ways[] = {&unwind_calls_O2, &unwind_calls_O2_fp};
	enum { READABLE = PROT_READ | PROT_WRITE, PRIVATE = MAP_PRIVATE | MAP_ANONYMOUS };
	struct unwind *unwind = mmap(NULL, sizeof(*unwind), READABLE, PRIVATE, -1, 0);
	struct unwind_thread *thread = mmap(NULL, sizeof(*thread), READABLE, PRIVATE, -1, 0);
	if (unwind == MAP_FAILED || thread == MAP_FAILED)
		return EXIT_FAILURE;
	unwind_init(unwind, 0, 0, NULL, NULL);
	printf("%-20s %8s %14s %14s\n", "functions", "levels", "ns a stack", "backtrace()");
	for (size_t way = 0; way < ARRAY_LEN(ways); way++) {
		for (int depth = 8; depth <= 128; depth *= 2) {
			struct bench bench = {unwind, thread, ways[way], {1}, 0, 0, NOTHING, 0};
			double nothing = stacks_ns(bench, NOTHING, depth);
			printf("%-20s %8d %14.1f %14.1f\n", ways[way]->name, depth,
			       stacks_ns(bench, OURS, depth) - nothing,
			       stacks_ns(bench, BACKTRACE, depth) - nothing);
		}
	}
	return EXIT_SUCCESS;
}
