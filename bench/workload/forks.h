/* SPDX-License-Identifier: MIT */
/*
 * Forks: a process with a heap forks children, one after the other, which free and allocate in
 * their copy of it, and exit. A step is a child.
 */
#ifndef ALLOT_WORKLOAD_FORKS_H
#define ALLOT_WORKLOAD_FORKS_H

#include "workload.h"

void forks_run(struct run *run);

#endif
