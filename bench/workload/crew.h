/* SPDX-License-Identifier: MIT */
/*
 * Crews: the threads of a run.
 *
 * Where one thread is asked for it is the main thread, because allocators take shorter ways while
 * a process has one thread.
 */
#ifndef ALLOT_WORKLOAD_CREW_H
#define ALLOT_WORKLOAD_CREW_H

#include "chance.h"
#include "workload.h"

enum {
	CREW_COUNT_MAX = 64,
};

/* One thread of a crew. Nobody else looks at it before it has ended. */
struct worker {
	struct run *run;
	void *shared;             /* what the workload gave to all of them */
	unsigned int index;       /* among its crew, from 0 */
	struct chance chance;     /* its own, seeded by the index */
	uint64_t checksum;        /* added to the run's: an order of threads must not matter */
	uint64_t operation_count; /* as well; what heap.h counts comes on top */
};

/* Run `work` on `count` threads, at most CREW_COUNT_MAX, and add what they found to the run. */
void crew_run_shared(struct run *run, unsigned int count, void (*work)(struct worker *),
		     void *shared);

/* The same on the run's threads, which share nothing. */
void crew_run(struct run *run, void (*work)(struct worker *));

#endif
