/* SPDX-License-Identifier: MIT */
/*
 * Pairs: a block is allocated, written to and freed at once. A step is a pair.
 */
#ifndef ALLOT_WORKLOAD_PAIR_H
#define ALLOT_WORKLOAD_PAIR_H

#include "workload.h"

void pair_run(struct run *run);

#endif
