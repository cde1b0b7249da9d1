/* SPDX-License-Identifier: MIT */
/*
 * Workloads: how much work a run is.
 */
#include "workload.h"

#include <stdio.h>
#include <stdlib.h>

size_t run_scaled(const struct run *run, size_t count)
{
	double scaled = (double)count * run->scale;
	return scaled < 1 ? 1 : (size_t)scaled;
}

size_t run_step_count(const struct run *run)
{
	return run_scaled(run, run->workload->step_count);
}

void run_fail(const char *what)
{
	fprintf(stderr, "allot-workload: %s\n", what);
	exit(EXIT_FAILURE);
}
