/* SPDX-License-Identifier: MIT */
/*
 * Arrays: vectors to which values are appended, and whose room doubles when it is full, up to tens
 * of MiB; several grow in turn. A step is the life of a set of vectors.
 */
#ifndef ALLOT_WORKLOAD_ARRAYS_H
#define ALLOT_WORKLOAD_ARRAYS_H

#include "workload.h"

void arrays_run(struct run *run);

#endif
