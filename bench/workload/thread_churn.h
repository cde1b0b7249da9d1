/* SPDX-License-Identifier: MIT */
/*
 * Churn of threads: one short thread after the other. Each allocates blocks, frees most of them and
 * leaves the others to the main thread. A step is a thread.
 */
#ifndef ALLOT_WORKLOAD_THREAD_CHURN_H
#define ALLOT_WORKLOAD_THREAD_CHURN_H

#include "workload.h"

void thread_churn_run(struct run *run);

#endif
