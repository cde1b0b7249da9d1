/* SPDX-License-Identifier: MIT */
/*
 * Subject: the allocator under test behind one face, a heap of ours or the C library's own.
 *
 * The C library answers as the heap would: a resize to 0 bytes keeps a block, for instance, where
 * realloc() would free it. Functions answer as those of allot/allot.h do.
 */
#ifndef SUPPORT_SUBJECT_H
#define SUPPORT_SUBJECT_H

#include <stddef.h>

#include "allot/allot.h"

struct subject {
	struct allot_heap *heap; /* NULL: the C library */
};

void *subject_allocate(struct subject subject, size_t bytes);
void *subject_allocate_zeroed(struct subject subject, size_t count, size_t bytes);
void *subject_allocate_aligned(struct subject subject, size_t alignment, size_t bytes);
void *subject_resize(struct subject subject, void *block, size_t bytes);
void subject_free(struct subject subject, void *block);
size_t subject_usable_bytes(struct subject subject, void *block);
void subject_trim(struct subject subject, size_t keep_bytes);

#endif
