/* SPDX-License-Identifier: MIT */
/*
 * Large: a few dozen blocks of 64 KiB to 16 MiB, replaced at random, touched on every page. A step
 * is a replacement.
 */
#ifndef ALLOT_WORKLOAD_LARGE_H
#define ALLOT_WORKLOAD_LARGE_H

#include "workload.h"

void large_run(struct run *run);

#endif
