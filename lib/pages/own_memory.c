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

void *own_memory_create_sparse(size_t bytes)
{
	return os_map_sparse(align_up(bytes, os_page_bytes()));
}

void own_memory_destroy(void *memory, size_t bytes)
{
	os_unmap((uintptr_t)memory, align_up(bytes, os_page_bytes()));
}
