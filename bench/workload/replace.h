/* SPDX-License-Identifier: MIT */
/*
 * Replacement: in a large table of live blocks, most of them small, one at random is freed and
 * another allocated. A step is a replacement. Threads have a table each.
 */
#ifndef ALLOT_WORKLOAD_REPLACE_H
#define ALLOT_WORKLOAD_REPLACE_H

#include "workload.h"

void replace_run(struct run *run);

#endif
