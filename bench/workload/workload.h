/* SPDX-License-Identifier: MIT */
/*
 * Workloads: what one is, and what a run of it is asked for and found.
 *
 * The amount of work depends on the scale and the number of threads alone, never on a clock or on
 * addresses, so that allocators differ in time and memory only. The checksum is made of what was
 * written into blocks and read back: an allocator that damages a block gives another one.
 */
#ifndef ALLOT_WORKLOAD_WORKLOAD_H
#define ALLOT_WORKLOAD_WORKLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What kind of workload: calls by themselves, or a program that computes something. */
enum family {
	FAMILY_MICRO,
	FAMILY_OWN,
};

struct run;

/* A workload as the table has it. */
struct workload {
	const char *name;
	enum family family;
	unsigned int thread_count; /* by default */
	unsigned int thread_step;  /* others must be multiples of this; 0: there are none */
	size_t bytes;              /* of a block, where the name has it; else 0 */
	size_t step_count;         /* at scale 1, what one step is being the workload's affair */
	void (*run)(struct run *run);
	const char *description;
};

/* Times of single calls. */
struct latency {
	bool is_measured;
	uint64_t p50_ns;   /* the median */
	uint64_t p99_ns;
	uint64_t p9999_ns; /* one call in ten thousand takes longer */
	uint64_t max_ns;
};

/* One run: what is asked for, and below what was found. */
struct run {
	const struct workload *workload;
	double scale;
	unsigned int thread_count;
	bool is_floor; /* take the floor instead of malloc */

	uint64_t checksum;
	uint64_t operation_count; /* calls of the malloc family */
	struct latency latency;
};

/* `count` times the scale, at least 1. */
size_t run_scaled(const struct run *run, size_t count);

/* The workload's steps, by the scale. */
size_t run_step_count(const struct run *run);

/* End the process: `what` cannot be had. For what a benchmark cannot go on without. */
_Noreturn void run_fail(const char *what);

#endif
