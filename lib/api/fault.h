/* SPDX-License-Identifier: MIT */
/*
 * Faults in words: one line that says what, the address, the block it belongs to, its size and
 * the strategy.
 */
#ifndef API_FAULT_H
#define API_FAULT_H

#include "front/heap.h"

/* Write the line to standard error. */
void fault_print(const struct heap_fault *fault);

#endif
