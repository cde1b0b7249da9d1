/* SPDX-License-Identifier: MIT */
/*
 * Mixed: blocks from 16 bytes to 256 KiB, every doubling as likely as any other, in a table all
 * threads share. Some live long, some briefly. A step is a replacement.
 */
#ifndef ALLOT_WORKLOAD_MIXED_H
#define ALLOT_WORKLOAD_MIXED_H

#include "workload.h"

void mixed_run(struct run *run);

#endif
