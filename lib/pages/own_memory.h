/* SPDX-License-Identifier: MIT */
/*
 * Memory for the library's own structures, kept apart from what programs write to.
 */
#ifndef PAGES_OWN_MEMORY_H
#define PAGES_OWN_MEMORY_H

#include <stddef.h>

/* `bytes` of zeroed memory, rounded up to pages, or NULL. */
void *own_memory_create(size_t bytes);
/* Give it back; `bytes` as at creation. */
/* The same for a table of which little is ever touched. */
void *own_memory_create_sparse(size_t bytes);

void own_memory_destroy(void *memory, size_t bytes);

#endif
