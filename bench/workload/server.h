/* SPDX-License-Identifier: MIT */
/*
 * Server: connections, each a set of objects of random sizes, go from thread to thread; each serves
 * some requests, and the last frees what others have allocated. A step is a connection.
 */
#ifndef ALLOT_WORKLOAD_SERVER_H
#define ALLOT_WORKLOAD_SERVER_H

#include "workload.h"

void server_run(struct run *run);

#endif
