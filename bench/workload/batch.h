/* SPDX-License-Identifier: MIT */
/*
 * Batches: two hundred blocks are allocated, then freed in the order of allocation (fifo), in
 * reverse (lifo) or in random order. A step is a batch. Where the workload names no size, the
 * sizes are mixed.
 */
#ifndef ALLOT_WORKLOAD_BATCH_H
#define ALLOT_WORKLOAD_BATCH_H

#include "workload.h"

void batch_fifo_run(struct run *run);
void batch_lifo_run(struct run *run);
void batch_random_run(struct run *run);

#endif
