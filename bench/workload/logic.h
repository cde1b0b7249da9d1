/* SPDX-License-Identifier: MIT */
/*
 * Logic: sums of products (two-level logic) are made smaller: the complement by recursion, each
 * product expanded against it, the redundant ones left out. A step is a function.
 */
#ifndef ALLOT_WORKLOAD_LOGIC_H
#define ALLOT_WORKLOAD_LOGIC_H

#include "workload.h"

void logic_run(struct run *run);

#endif
