/* SPDX-License-Identifier: MIT */
/*
 * Zeroed: calloc of mixed sizes, most of them small. A step is a batch.
 */
#ifndef ALLOT_WORKLOAD_ZEROED_H
#define ALLOT_WORKLOAD_ZEROED_H

#include "workload.h"

void zeroed_run(struct run *run);

#endif
