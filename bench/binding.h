/* SPDX-License-Identifier: MIT */
/*
 * Google Benchmark for C: register functions, run them, report.
 *
 * Google Benchmark decides how often a function's loop runs so that the time is long enough to
 * trust, and prints the rows; this header is the whole of it that a benchmark written in C needs.
 *
 *	static void copy_run(struct state *state, void *user)
 *	{
 *		struct copy *copy = user;
 *		while (state_keep_running(state))
 *			memcpy(copy->to, copy->from, (size_t)state_argument(state, 0));
 *		state_set_items(state, state_iterations(state));
 *	}
 *
 *	int main(int argc, char **argv)
 *	{
 *		struct bench *bench = bench_register("copy", copy_run, &copy);
 *		bench_add_argument(bench, 4096);
 *		return bench_main(argc, argv, NULL);
 *	}
 *
 * A benchmark's function is called several times for one row, with growing numbers of iterations,
 * and only the last call is reported: what must not be repeated belongs in setup, or is kept
 * between calls behind `user`. The time runs from the first state_keep_running() to the one that
 * returns false; what stands before and after the loop is free.
 *
 * Strings handed in are copied. `user` stays the caller's and must outlive bench_main().
 * Registration is for one thread, before bench_main(). A C++ exception in the library ends
 * the program.
 */
#ifndef ALLOT_BENCH_BINDING_H
#define ALLOT_BENCH_BINDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- registering -------------------------------------------------------------------------- */

/* A registered benchmark: one row for each argument list and number of threads. Owned by us. */
struct bench;

/*
 * One thread's run of a benchmark's function; a value on the stack of the library, valid until
 * the function returns. The fields are the library's.
 */
struct state {
	uint64_t left_count; /* iterations this thread has still to do; 0 before the first */
	void *run;           /* benchmark::State */
};

/* What is measured. Runs on each of the benchmark's threads at once, with the same `user`. */
typedef void bench_function(struct state *state, void *user);

/* How a benchmark's time is taken. */
enum bench_clock {
	BENCH_CLOCK_CPU,     /* processor time of the first thread (the default) */
	BENCH_CLOCK_PROCESS, /* processor time of all threads */
	BENCH_CLOCK_REAL,    /* the clock on the wall: what threads that wait need */
	BENCH_CLOCK_MANUAL,  /* what state_set_iteration_time() says */
};

/* The unit of the time column. */
enum bench_unit {
	BENCH_UNIT_NS,
	BENCH_UNIT_US,
	BENCH_UNIT_MS,
	BENCH_UNIT_S,
};

/* Register `function` under `name`, which may hold slashes. Names need not differ. Never NULL. */
struct bench *bench_register(const char *name, bench_function *function, void *user);

/* Add a row whose function finds `value` as argument 0. */
void bench_add_argument(struct bench *bench, int64_t value);

/* Add a row with `count` arguments. Every row of one benchmark must have as many. */
void bench_add_arguments(struct bench *bench, const int64_t *values, size_t count);

/* Add rows from `first` to `last`, each `factor` times the one before; both ends are included. */
void bench_add_range(struct bench *bench, int64_t first, int64_t last, int factor);

/* Name the arguments in the row's name: "live:1000" for "live". `count` as in the rows. */
void bench_name_arguments(struct bench *bench, const char *const *names,
			      size_t count);

/* Run every row with `count` threads as well. Without a call there is one thread. */
void bench_add_threads(struct bench *bench, int count);

/* Choose how time is taken. */
void bench_set_clock(struct bench *bench, enum bench_clock clock);

/* Choose the unit of the time column. */
void bench_set_unit(struct bench *bench, enum bench_unit unit);

/* Run exactly `count` iterations instead of as many as time needs. Excludes a minimal time. */
void bench_set_iterations(struct bench *bench, int64_t count);

/* Run for at least `seconds`, whatever --benchmark_min_time says. */
void bench_set_min_time(struct bench *bench, double seconds);

/* Report each row `count` times, with mean, median and deviation. */
void bench_set_repetitions(struct bench *bench, int count);

/*
 * Call `setup` before and `teardown` after each call of the function, once for all its threads:
 * no thread enters the function before `setup` has returned, and `teardown` comes when the last
 * has left. Neither is timed. Either may be NULL. Both get the benchmark's `user` and may ask the
 * state for arguments and the number of threads, nothing else.
 */
void bench_set_fixture(struct bench *bench,
			   void (*setup)(const struct state *state, void *user),
			   void (*teardown)(const struct state *state, void *user));

/*
 * Put "key: value" into the context printed above the table, and into the JSON. Any time before
 * bench_main().
 */
void bench_add_context(const char *key, const char *value);

/*
 * Run what --benchmark_filter selects and print the table; the library takes its own options
 * (--benchmark_...) out of `argv`. `help` is called for --help, may be NULL. Returns the program's
 * exit status: 0, 1 when an option is unknown. A row that state_skip() ended is printed as
 * "not run: why", and is an error in the JSON.
 */
int bench_main(int argc, char **argv, void (*help)(void));

/* ---- inside a run ------------------------------------------------------------------------- */

/* The slow half of state_keep_running(): starts the clock, or stops it. */
bool state_turn(struct state *state);

/*
 * The loop's condition: true once an iteration, then false. Loop until it is false, unless
 * state_skip() was called. A countdown in line (fast path); C++ is entered twice in a run.
 */
static inline bool state_keep_running(struct state *state)
{
	if (__builtin_expect(state->left_count == 0, 0))
		return state_turn(state);
	state->left_count--;
	return true;
}

/*
 * Stop and restart the clock inside the loop, of this thread. A pair costs about a microsecond,
 * and a little of that is counted: not for iterations of nanoseconds.
 */
void state_pause(struct state *state);
void state_resume(struct state *state);

/* Argument number `index` of this row. `index` must be below the row's number of arguments. */
int64_t state_argument(const struct state *state, size_t index);

/* Iterations of this thread's run: final once the loop has begun, 0 before. */
int64_t state_iterations(const struct state *state);

/* Which thread this is, from 0, and how many there are. */
int state_thread_index(const struct state *state);
int state_thread_count(const struct state *state);

/* How many items (bytes) this thread's run went through: gives items (bytes) a second. After
 * the loop. Threads add up. */
void state_set_items(struct state *state, int64_t count);
void state_set_bytes(struct state *state, int64_t bytes);

/* What an iteration took, with BENCH_CLOCK_MANUAL. Once in each iteration. */
void state_set_iteration_time(struct state *state, double seconds);

/* How threads' counters of one name are put together, and what is printed. */
enum state_counter {
	STATE_COUNTER_SUM,     /* the sum over threads */
	STATE_COUNTER_MEAN,    /* the mean over threads */
	STATE_COUNTER_RATE,    /* the sum, by the time in seconds */
	STATE_COUNTER_PER_RUN, /* the sum, by the number of iterations */
};

/* Add a column `name`. After the loop. */
void state_set_counter(struct state *state, const char *name, double value,
		       enum state_counter kind);

/* Text at the end of the row. The last thread to call wins. */
void state_set_label(struct state *state, const char *text);

/*
 * Say that this row cannot be measured, and why. Call it before the loop and return, or in the
 * loop and leave it. With several threads every one must do so.
 */
void state_skip(struct state *state, const char *why);

/* Keep the compiler from proving that nobody uses `pointer` or what it points to. */
static inline void state_use(const void *pointer)
{
	__asm__ volatile("" : : "g"(pointer) : "memory");
}

#ifdef __cplusplus
}
#endif

#endif
