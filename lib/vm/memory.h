/* SPDX-License-Identifier: MIT */
/*
 * Memory of a machine, from the system: what the pool, the frames and the check are made of, and
 * the one place where the model calls the kernel it runs on.
 */
#ifndef VM_MEMORY_H
#define VM_MEMORY_H

#include <stddef.h>

/* `bytes` of zeros, resident as they are touched, or NULL. */
void *memory_take(size_t bytes);
void memory_give(void *memory, size_t bytes);

#endif
