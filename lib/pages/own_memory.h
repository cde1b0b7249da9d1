/* SPDX-License-Identifier: MIT */
/*
 * Memory for the library's own structures, kept apart from what programs write to.
 */
#ifndef PAGES_OWN_MEMORY_H
#define PAGES_OWN_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* `bytes` of zeroed memory, rounded up to pages, or NULL. */
void *own_memory_create(size_t bytes);
/* Give it back; `bytes` as at creation. */
void own_memory_destroy(void *memory, size_t bytes);

/*
 * A table that grows in place, in address space reserved for the largest it can be. What it has not
 * grown to is neither charged nor, in a process whose memory is locked, resident.
 */
struct own_table {
	void *base; /* NULL: there is none */
	size_t bytes;
	size_t bytes_max;
};

/* Reserve a table, empty at first. False: no address space. */
bool own_table_init(struct own_table *table, size_t bytes_max);
/* The same, but that it reads as zeros where it is not there yet, which is not charged either. */
bool own_table_init_readable(struct own_table *table, size_t bytes_max);
/*
 * Have `bytes` of a readable table from `offset` on, zeroed; both are rounded to pages outwards,
 * and what comes to lie on these must not be there yet. Not for tables that grow. False: it is as
 * it was.
 */
bool own_table_commit(struct own_table *table, size_t offset, size_t bytes);
/* Have `bytes` of it at least, zeroed where they are new. False: it is as it was. */
bool own_table_grow(struct own_table *table, size_t bytes);
void own_table_finish(struct own_table *table);

#endif
