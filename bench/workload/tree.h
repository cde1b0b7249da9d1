/* SPDX-License-Identifier: MIT */
/*
 * Tree: a search tree with strings as keys, into which strings are put and out of which others are
 * taken, while their lengths drift up and down again. A step is one in and one out.
 */
#ifndef ALLOT_WORKLOAD_TREE_H
#define ALLOT_WORKLOAD_TREE_H

#include "workload.h"

void tree_run(struct run *run);

#endif
