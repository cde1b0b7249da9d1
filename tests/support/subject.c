/* SPDX-License-Identifier: MIT */
/*
 * One face for our heaps and the C library's. See subject.h.
 */
#include "subject.h"

#include <malloc.h>
#include <stdlib.h>

void *subject_allocate(struct subject subject, size_t bytes)
{
	return subject.heap != NULL ? allot_heap_allocate(subject.heap, bytes) : malloc(bytes);
}

void *subject_allocate_zeroed(struct subject subject, size_t count, size_t bytes)
{
	return subject.heap != NULL ? allot_heap_allocate_zeroed(subject.heap, count, bytes) :
				      calloc(count, bytes);
}

void *subject_allocate_aligned(struct subject subject, size_t alignment, size_t bytes)
{
	return subject.heap != NULL ? allot_heap_allocate_aligned(subject.heap, alignment, bytes) :
				      memalign(alignment, bytes);
}

void *subject_resize(struct subject subject, void *block, size_t bytes)
{
	if (subject.heap != NULL)
		return allot_heap_resize(subject.heap, block, bytes);
	return realloc(block, bytes == 0 ? 1 : bytes);
}

void subject_free(struct subject subject, void *block)
{
	if (subject.heap != NULL)
		allot_heap_free(subject.heap, block);
	else
		free(block);
}

size_t subject_usable_bytes(struct subject subject, void *block)
{
	return subject.heap != NULL ? allot_heap_usable_bytes(subject.heap, block) :
				      malloc_usable_size(block);
}

void subject_trim(struct subject subject, size_t keep_bytes)
{
	if (subject.heap != NULL)
		allot_heap_trim(subject.heap, keep_bytes);
	else
		malloc_trim(keep_bytes);
}
