/* SPDX-License-Identifier: MIT */
/*
 * The library's own structures. See own_memory.h.
 */
#include "pages/own_memory.h"

#include "base/bits.h"
#include "os/map.h"

void *own_memory_create(size_t bytes)
{
	return os_map(align_up(bytes, os_page_bytes()));
}

void own_memory_destroy(void *memory, size_t bytes)
{
	os_unmap((uintptr_t)memory, align_up(bytes, os_page_bytes()));
}

enum { TABLE_STEP_BYTES = 64 << 10 };

bool own_table_init(struct own_table *table, size_t bytes_max)
{
	bytes_max = align_up(bytes_max, TABLE_STEP_BYTES);
	*table = (struct own_table){os_reserve_aligned(bytes_max, os_page_bytes()), 0, bytes_max};
	return table->base != NULL;
}

bool own_table_init_readable(struct own_table *table, size_t bytes_max)
{
	bytes_max = align_up(bytes_max, TABLE_STEP_BYTES);
	*table = (struct own_table){os_reserve_readable(bytes_max), 0, bytes_max};
	return table->base != NULL;
}

bool own_table_commit(struct own_table *table, size_t offset, size_t bytes)
{
	size_t page_bytes = os_page_bytes();
	size_t begin = align_down(offset, page_bytes);
	size_t end = align_up(offset + bytes, page_bytes);
	return os_commit_readable((uintptr_t)table->base + begin,
				  size_min(end, table->bytes_max) - begin);
}

bool own_table_grow(struct own_table *table, size_t bytes)
{
	bytes = align_up(bytes, TABLE_STEP_BYTES);
	if (bytes <= table->bytes)
		return true;
	if (bytes > table->bytes_max ||
	    !os_commit((uintptr_t)table->base + table->bytes, bytes - table->bytes))
		return false;
	table->bytes = bytes;
	return true;
}

void own_table_finish(struct own_table *table)
{
	if (table->base != NULL)
		os_unmap((uintptr_t)table->base, table->bytes_max);
	*table = (struct own_table){0};
}
