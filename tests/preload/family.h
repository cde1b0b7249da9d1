/* SPDX-License-Identifier: MIT */
/*
 * Family: the names of the malloc family that no header declares, and what the programs that try
 * the contract (allocate.c, resize.c, release.c) share.
 *
 * Functions this C library may lack are weak: the library under test has to define every one of
 * them, and a program says so of each that is missing.
 */
#ifndef TESTS_PRELOAD_FAMILY_H
#define TESTS_PRELOAD_FAMILY_H

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "claim.h"

#define WEAK __attribute__((weak))

extern void cfree(void *block) WEAK;
extern void free_sized(void *block, size_t bytes) WEAK;
extern void free_aligned_sized(void *block, size_t alignment, size_t bytes) WEAK;
extern void *__libc_malloc(size_t bytes) WEAK;
extern void *__libc_calloc(size_t count, size_t bytes) WEAK;
extern void *__libc_realloc(void *block, size_t bytes) WEAK;
extern void __libc_free(void *block) WEAK;
extern void *__libc_memalign(size_t alignment, size_t bytes) WEAK;
extern void *__libc_valloc(size_t bytes) WEAK;
extern void *__libc_pvalloc(size_t bytes) WEAK;
extern int __posix_memalign(void **out_block, size_t alignment, size_t bytes) WEAK;

enum {
	ALIGNMENT = 16, /* of every block, whatever its size */
	MEBIBYTE = 1024 * 1024,
};

static inline size_t page_bytes(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static inline bool is_aligned(const void *block, size_t alignment)
{
	return (uintptr_t)block % alignment == 0;
}

/* errno is the caller's over free(), whatever happens inside. */
__attribute__((unused)) static void free_checked(void *block)
{
	errno = ERRNO_UNTOUCHED;
	free(block);
	CLAIM(errno == ERRNO_UNTOUCHED, "free set errno to %d", errno);
}

__attribute__((unused)) static size_t bytes_in_use(void)
{
	struct mallinfo2 info = mallinfo2();
	return info.uordblks + info.hblkhd;
}

/* Does this kind of release really give the bytes back? */
__attribute__((unused)) static void
release_gives_back(const char *name, void (*release)(void *block, size_t bytes))
{
	enum { BLOCKS = 4000, BYTES = 1000 };
	static void *blocks[BLOCKS];
	size_t before = bytes_in_use();
	for (size_t i = 0; i < BLOCKS; i++)
		blocks[i] = malloc(BYTES);
	for (size_t i = 0; i < BLOCKS; i++) {
		errno = ERRNO_UNTOUCHED;
		release(blocks[i], BYTES);
		CLAIM(errno == ERRNO_UNTOUCHED, "%s set errno to %d", name, errno);
	}
	size_t after = bytes_in_use();
	CLAIM(after < before + BLOCKS * BYTES / 4, "%s kept %zu of %d bytes in use", name,
	      after - before, BLOCKS * BYTES);
}

#endif
