/* SPDX-License-Identifier: MIT */
/*
 * Text: what an interpreter does to strings: documents are built by appending words, split, counted
 * in a hash table that grows, and joined again. A step is a document.
 */
#ifndef ALLOT_WORKLOAD_TEXT_H
#define ALLOT_WORKLOAD_TEXT_H

#include "workload.h"

void text_run(struct run *run);

#endif
