/* SPDX-License-Identifier: MIT */
/*
 * glibc's second names for the family, which some tools call directly. Shared library only.
 */
#include <malloc.h>
#include <stdlib.h>

#include "names.h"

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *block, size_t bytes);
void __libc_free(void *block);
void *__libc_memalign(size_t alignment, size_t bytes);
void *__libc_valloc(size_t bytes);
void *__libc_pvalloc(size_t bytes);
int __posix_memalign(void **out_block, size_t alignment, size_t bytes);

API_EXPORT void *__libc_malloc(size_t bytes)
{
	return malloc(bytes);
}

API_EXPORT void *__libc_calloc(size_t count, size_t bytes)
{
	return calloc(count, bytes);
}

API_EXPORT void *__libc_realloc(void *block, size_t bytes)
{
	return realloc(block, bytes);
}

API_EXPORT void __libc_free(void *block)
{
	free(block);
}

API_EXPORT void *__libc_memalign(size_t alignment, size_t bytes)
{
	return memalign(alignment, bytes);
}

API_EXPORT void *__libc_valloc(size_t bytes)
{
	return valloc(bytes);
}

API_EXPORT void *__libc_pvalloc(size_t bytes)
{
	return pvalloc(bytes);
}

API_EXPORT int __posix_memalign(void **out_block, size_t alignment, size_t bytes)
{
	return posix_memalign(out_block, alignment, bytes);
}
