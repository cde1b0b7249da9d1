/* SPDX-License-Identifier: MIT */
/*
 * Short threads: many of them, a few at a time, each with a small heap of its own that it leaves
 * empty. A step is a thread.
 */
#ifndef ALLOT_WORKLOAD_SHORT_THREADS_H
#define ALLOT_WORKLOAD_SHORT_THREADS_H

#include "workload.h"

void short_threads_run(struct run *run);

#endif
