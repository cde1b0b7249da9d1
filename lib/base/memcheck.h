/* SPDX-License-Identifier: MIT */
/*
 * What memcheck must be told to understand a heap it does not replace: which bytes a block has,
 * that it is gone, that fresh heap pages are nobody's, and that the allocator itself may look at
 * all of them. Client requests: a few instructions that do nothing outside valgrind; even those
 * are on slow paths only, behind memcheck_is_running() asked once.
 *
 * Built without valgrind's headers, all of it is empty and memcheck_is_running() is false.
 */
#ifndef BASE_MEMCHECK_H
#define BASE_MEMCHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(ALLOT_HAS_VALGRIND)
#include <valgrind/memcheck.h>
#else
#define RUNNING_ON_VALGRIND 0
#define VALGRIND_GET_VBITS(p, bits, bytes) ((void)(p), (void)(bits), (bytes)*0)
#define VALGRIND_DISABLE_ERROR_REPORTING
#define VALGRIND_ENABLE_ERROR_REPORTING
#define VALGRIND_MALLOCLIKE_BLOCK(p, bytes, redzone, is_zeroed) \
	((void)(p), (void)(bytes), (void)(is_zeroed))
#define VALGRIND_FREELIKE_BLOCK(p, redzone) ((void)(p))
#define VALGRIND_RESIZEINPLACE_BLOCK(p, old_bytes, bytes, redzone) \
	((void)(p), (void)(old_bytes), (void)(bytes))
#define VALGRIND_MAKE_MEM_NOACCESS(p, bytes) ((void)(p), (void)(bytes))
#endif

/* Asked of memcheck only, and answered by it only: other tools of valgrind need to know nothing. */
static inline bool memcheck_is_running(void)
{
	char byte = 0;
	char bits = 0;
	return RUNNING_ON_VALGRIND != 0 && VALGRIND_GET_VBITS(&byte, &bits, 1) != 0;
}

/* Between these two the calling thread may touch any byte of the heap. They nest. */
static inline void memcheck_enter(void)
{
	VALGRIND_DISABLE_ERROR_REPORTING;
}

static inline void memcheck_leave(void)
{
	VALGRIND_ENABLE_ERROR_REPORTING;
}

static inline void memcheck_block_made(void *p, size_t bytes, bool is_zeroed)
{
	VALGRIND_MALLOCLIKE_BLOCK(p, bytes, 0, is_zeroed);
}

static inline void memcheck_block_gone(void *p)
{
	VALGRIND_FREELIKE_BLOCK(p, 0);
}

static inline void memcheck_block_resized(void *p, size_t old_bytes, size_t bytes)
{
	VALGRIND_RESIZEINPLACE_BLOCK(p, old_bytes, bytes, 0);
}

static inline void memcheck_pages_fresh(uintptr_t base, size_t bytes)
{
	VALGRIND_MAKE_MEM_NOACCESS((void *)base, bytes);
}

#endif
