/* SPDX-License-Identifier: MIT */
/*
 * Names of the malloc family as the recorder calls it: by the heap the thread really has.
 */
#ifndef NAMES_H
#define NAMES_H

#define API(name) recorded_##name
#define API_EXPORT
#define CALLER thread_recorded
#define IS_RECORDED() false

#include <stddef.h>

/* Beyond those in record.h, for the compiler only. */
void *recorded_reallocarray(void *block, size_t count, size_t bytes);
void *recorded_aligned_alloc(size_t alignment, size_t bytes);
int recorded_posix_memalign(void **out_block, size_t alignment, size_t bytes);
void *recorded_valloc(size_t bytes);
void *recorded_pvalloc(size_t bytes);
size_t recorded_malloc_usable_size(void *block);

#endif
