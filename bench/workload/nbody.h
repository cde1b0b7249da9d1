/* SPDX-License-Identifier: MIT */
/*
 * Bodies: gravity between thousands of bodies, approximated by an octree that is built anew for
 * every step of time (Barnes and Hut). More computing than allocating. A step is a step of time.
 */
#ifndef ALLOT_WORKLOAD_NBODY_H
#define ALLOT_WORKLOAD_NBODY_H

#include "workload.h"

void nbody_run(struct run *run);

#endif
