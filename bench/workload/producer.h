/* SPDX-License-Identifier: MIT */
/*
 * Producers and consumers: of two threads one allocates and the other frees. A step is a batch
 * that goes from one to the other.
 */
#ifndef ALLOT_WORKLOAD_PRODUCER_H
#define ALLOT_WORKLOAD_PRODUCER_H

#include "workload.h"

void producer_run(struct run *run);

#endif
