/* SPDX-License-Identifier: MIT */
/*
 * Stress: threads allocate sizes by a power law, keep some blocks and exchange others through an
 * array they share; they end, leaving blocks to those that come after them. A step is such a
 * generation of threads.
 */
#ifndef ALLOT_WORKLOAD_STRESS_H
#define ALLOT_WORKLOAD_STRESS_H

#include "workload.h"

void stress_run(struct run *run);

#endif
