/* SPDX-License-Identifier: MIT */
/*
 * False sharing: threads write to small objects of their own. Where two of these lie in one cache
 * line, each write takes the line away from the other thread.
 *
 * Active: threads allocate at the same time, and the allocator places their objects side by side. A
 * step is an object. Passive: one thread allocates an object for each, and afterwards they free
 * and allocate; an allocator that gives a thread what it has just freed keeps them side by side.
 * A step is such a round.
 */
#ifndef ALLOT_WORKLOAD_FALSE_SHARING_H
#define ALLOT_WORKLOAD_FALSE_SHARING_H

#include "workload.h"

void false_sharing_active_run(struct run *run);
void false_sharing_passive_run(struct run *run);

#endif
