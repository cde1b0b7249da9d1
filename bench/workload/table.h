/* SPDX-License-Identifier: MIT */
/*
 * The table: every workload there is, and finding one by its name.
 */
#ifndef ALLOT_WORKLOAD_TABLE_H
#define ALLOT_WORKLOAD_TABLE_H

#include "workload.h"

/* Workload number `index`, or NULL behind the last. */
const struct workload *table_get(size_t index);

/* The workload of this name, or NULL. */
const struct workload *table_find(const char *name);

/* Write names that are nearest to one that there is not: up to `count`; returns how many. */
size_t table_nearest(const char *name, const char **out_names, size_t count);

#endif
