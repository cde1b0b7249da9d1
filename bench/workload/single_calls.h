/* SPDX-License-Identifier: MIT */
/*
 * Single calls: how long each malloc and each free takes, in a heap of some 50 MiB of mixed sizes.
 * A step is the replacement of a block.
 */
#ifndef ALLOT_WORKLOAD_SINGLE_CALLS_H
#define ALLOT_WORKLOAD_SINGLE_CALLS_H

#include "workload.h"

void single_calls_run(struct run *run);

#endif
