/* SPDX-License-Identifier: MIT */
/*
 * Messages: of two threads one sends requests of many small blocks, the other frees these and
 * answers with a few large ones, which the first frees. A step is a request with its reply.
 */
#ifndef ALLOT_WORKLOAD_MESSAGES_H
#define ALLOT_WORKLOAD_MESSAGES_H

#include "workload.h"

void messages_run(struct run *run);

#endif
