/* SPDX-License-Identifier: MIT */
/*
 * Aligned: posix_memalign of alignments from 32 to 4096 bytes. A step is a batch.
 */
#ifndef ALLOT_WORKLOAD_ALIGNED_H
#define ALLOT_WORKLOAD_ALIGNED_H

#include "workload.h"

void aligned_run(struct run *run);

#endif
