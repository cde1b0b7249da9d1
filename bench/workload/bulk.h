/* SPDX-License-Identifier: MIT */
/*
 * Bulk: hundreds of thousands of small objects are allocated and linked, walked, and all freed in
 * random order; three times, with other objects. The steps are the objects of a phase.
 */
#ifndef ALLOT_WORKLOAD_BULK_H
#define ALLOT_WORKLOAD_BULK_H

#include "workload.h"

void bulk_run(struct run *run);

#endif
