/* SPDX-License-Identifier: MIT */
/*
 * Pointers that are not ours.
 *
 * A library loaded with RTLD_DEEPBIND, or another namespace, calls the C library's malloc though
 * ours is preloaded; its pointers reach our free when the program frees them. Such a pointer is
 * recognised by where it lies and handed to the C library, which checks it again in its own way.
 * Everything else (stack, static data, other mappings) is a fault of the program.
 *
 * Where glibc's blocks lie (malloc/malloc.c, arena.c): the main heap in the program break; other
 * arenas in ranges aligned to 64 MiB that begin with a pointer to their arena; large blocks in
 * mappings of their own, with the distance to the mapping's start and the size before them.
 */
#include <errno.h>

#include "api/process.h"
#include "os/brk.h"
#include "os/map.h"

enum {
	LIBC_IS_MAPPED = 2,     /* IS_MMAPPED in a chunk's size word */
	LIBC_IS_NON_MAIN = 4,   /* NON_MAIN_ARENA */
	LIBC_FLAGS = 7,
	LIBC_HEAP_BYTES = 64 << 20, /* HEAP_MAX_SIZE */
	LIBC_CHUNK_BYTES_MIN = 32,
};

/* The two words before a glibc block: what the block before left, and the size with flags. */
static bool libc_chunk(uintptr_t address, size_t *out_previous, size_t *out_size)
{
	const size_t *words = (const size_t *)address - 2;
	if (!is_aligned(address, ALIGN_BYTES) || address < (uintptr_t)os_page_bytes() ||
	    !os_is_readable(words) || !os_is_readable(words + 1))
		return false;
	*out_previous = words[0];
	*out_size = words[1];
	return (*out_size & ~(size_t)LIBC_FLAGS) >= LIBC_CHUNK_BYTES_MIN;
}

static bool is_libc_mapping(uintptr_t address, size_t previous, size_t size)
{
	size_t page_bytes = os_page_bytes();
	uintptr_t chunk = address - 2 * sizeof(size_t);
	return (size & LIBC_FLAGS) == LIBC_IS_MAPPED && previous < chunk &&
	       is_aligned(chunk - previous, page_bytes) &&
	       is_aligned(previous + (size & ~(size_t)LIBC_FLAGS), page_bytes);
}

static bool is_libc_arena(uintptr_t address, size_t size)
{
	const uintptr_t *heap = (const uintptr_t *)align_down(address, LIBC_HEAP_BYTES);
	return (size & LIBC_IS_NON_MAIN) && os_is_readable(heap) && *heap != 0 &&
	       is_aligned(*heap, sizeof(*heap)) && os_is_readable((const void *)*heap);
}

bool foreign_is_libc_block(const void *p)
{
	uintptr_t address = (uintptr_t)p;
	size_t previous, size;
	if (process.next.free == NULL || !libc_chunk(address, &previous, &size))
		return false;
	if (address >= process.break_at_start && address < os_break())
		return true;
	return is_libc_mapping(address, previous, size) || is_libc_arena(address, size);
}

ALLOT_COLD void foreign_free(void *p, const char *call)
{
	int saved_errno = errno;
	if (process.is_dormant || foreign_is_libc_block(p))
		process.next.free(p);
	else /* says whose it is not */
		heap_free_slow(&process.heap, &thread_caller, p, call);
	errno = saved_errno;
}
