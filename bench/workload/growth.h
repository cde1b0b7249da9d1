/* SPDX-License-Identifier: MIT */
/*
 * Growth: arrays that grow in turn by realloc, record by record, in each other's way. A step is
 * the life of a set of arrays.
 */
#ifndef ALLOT_WORKLOAD_GROWTH_H
#define ALLOT_WORKLOAD_GROWTH_H

#include "workload.h"

void growth_run(struct run *run);

#endif
