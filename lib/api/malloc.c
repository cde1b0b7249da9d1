/* SPDX-License-Identifier: MIT */
/*
 * The malloc family of C11, C23, POSIX and glibc. Compiled with the C library's names for the
 * shared library, with the prefix allot_ for the static one, and once more for the recorder, which
 * makes the calls of a recorded process again under those names (names.h).
 *
 * Where standards differ these do as glibc does, so that a program behaves as it did: alignment
 * of 16 for every size; sizes above PTRDIFF_MAX fail with ENOMEM; a request of 0 bytes gets a
 * block; realloc(p, 0) frees; errno is changed by failure only.
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "allot/allot.h"
#include "api/process.h"
#include "api/record.h"
#include "base/message.h"
#include "names.h"
#include "os/map.h"

/* C23 and BSD names that the C library's headers may not have. */
void *API(aligned_alloc)(size_t alignment, size_t bytes);
void API(cfree)(void *block);
void API(free_sized)(void *block, size_t bytes);
void API(free_aligned_sized)(void *block, size_t alignment, size_t bytes);

/*
 * Is the gate closed though there is a front end? Who has no arena knows nothing of the heap yet,
 * not even whether there is one.
 */
ALLOT_INLINE bool must_take_long_way(const struct gate *gate)
{
	return gate->small_bytes_end == 0 &&
	       (CALLER.arena == NULL || process.heap.front.is_on);
}

/*
 * What the fast path has not: an object of a slab that has to be made ready, or a block of the
 * strategy if that can be had at once. NULL: the long way.
 */
ALLOT_INLINE void *try_direct(size_t bytes)
{
	const struct gate *gate = &CALLER.small->open;
	if (likely(bytes < gate->small_bytes_end))
		return thread_heap_allocate(&CALLER, bytes);
	if (must_take_long_way(gate))
		return NULL;
	void *p = heap_try_allocate(CALLER.arena, bytes);
	if (likely(p != NULL) && process.heap.front.is_on) {
		block_cache_clear(p);
		if (gate_has_medium(gate, bytes))
			thread_heap_missed(&CALLER, bytes);
	}
	return p;
}

static ALLOT_OUTLINE void *allocate_block(size_t bytes)
{
	if (IS_RECORDED())
		return record_malloc(bytes);
	void *p = try_direct(bytes);
	return likely(p != NULL) ? p : process_allocate(bytes, ALIGN_BYTES, false);
}

/*
 * Apart from malloc(), so that its fast path needs no stack frame. Where the gate is open nothing
 * is recorded.
 */
static ALLOT_OUTLINE void *allocate_direct(size_t bytes)
{
	if (unlikely(bytes >= CALLER.small->open.small_bytes_end))
		return allocate_block(bytes);
	void *p = thread_heap_allocate(&CALLER, bytes);
	return likely(p != NULL) ? p : process_allocate(bytes, ALIGN_BYTES, false);
}

/* What is large is likely to be zero already, which the long way knows. */
static ALLOT_OUTLINE void *allocate_direct_zeroed(size_t bytes)
{
	if (IS_RECORDED())
		return record_calloc(1, bytes);
	void *p = bytes < CACHE_BYTES_END ? try_direct(bytes) : NULL;
	return likely(p != NULL) ? memset(p, 0, bytes) :
				   process_allocate(bytes, ALIGN_BYTES, true);
}

/* A block, or nothing. */
static ALLOT_OUTLINE void free_block(void *block)
{
	enum cache_result result = CACHE_REFUSED;
	const struct gate *gate = &CALLER.small->open;
	if (block == NULL)
		return;
	if (likely(gate->small_bytes_end != 0))
		result = thread_heap_cache(&CALLER, block);
	else if (must_take_long_way(gate))
		result = CACHE_UNSURE;
	if (likely(result == CACHE_TOOK) ||
	    (result == CACHE_REFUSED && heap_try_free(CALLER.arena, block)))
		return;
	process_free(block, "free");
}

/* What is no live object of a slab, or may be recorded. */
static ALLOT_OUTLINE void free_rest(void *block)
{
	if (IS_RECORDED()) {
		record_free(block);
		return;
	}
	if (likely(CALLER.small->open.small_bytes_end != 0)) {
		struct slab *slab = front_slab(&process.heap.front, block);
		if (slab != NULL) {
			thread_heap_free(&CALLER, &process.heap, slab, block, "free");
			return;
		}
	}
	free_block(block);
}

/*
 * What the fast path has not. An object that was another thread's, or nobody's, comes this way: it
 * needs no stack frame. Where the gate is open nothing is recorded.
 */
static ALLOT_OUTLINE void free_direct(void *block)
{
	if (!thread_heap_try_free_other(&CALLER, block))
		free_rest(block);
}

API_EXPORT void *API(malloc)(size_t bytes)
{
	struct thread_heap *own = CALLER.small;
	void *p;
	/* Each way returns by itself, what it returns being where that must be. */
	if (likely(bytes < own->open.small_bytes_end)) {
		p = thread_heap_take_small(&CALLER, own, bytes);
		if (likely(p != NULL))
			return computed_once(p);
	} else {
		p = thread_heap_take_cached(&CALLER, own, bytes);
		if (likely(p != NULL))
			return p;
	}
	return allocate_direct(bytes);
}

API_EXPORT void API(free)(void *block)
{
	if (unlikely(!thread_heap_try_free(&CALLER, block)))
		free_direct(block);
}

API_EXPORT void *API(calloc)(size_t count, size_t bytes)
{
	size_t total;
	if (unlikely(!size_multiply(count, bytes, &total))) {
		errno = ENOMEM;
		return NULL;
	}
	void *p = thread_heap_try_allocate(&CALLER, total);
	return likely(p != NULL) ? memset(p, 0, total) : allocate_direct_zeroed(total);
}

/* realloc(p, 0), as configured. */
static void *resize_to_zero(void *block)
{
	switch (process.options.realloc_zero) {
	case REALLOC_ZERO_ALLOCATE:
		return process_resize(block, 0);
	case REALLOC_ZERO_ABORT:
		message_string("realloc to 0 bytes (realloc_zero:abort)");
		message_abort();
	default:
		process_free(block, "realloc");
		return NULL;
	}
}

/* What the fast path has not. */
static ALLOT_OUTLINE void *resize_direct(void *block, size_t bytes)
{
	if (IS_RECORDED())
		return record_realloc(block, bytes);
	if (bytes == 0 && block != NULL)
		return resize_to_zero(block);
	return process_resize(block, bytes);
}

API_EXPORT void *API(realloc)(void *block, size_t bytes)
{
	if (likely(bytes != 0 && thread_heap_fits(&CALLER, block, bytes)))
		return block;
	return resize_direct(block, bytes);
}

API_EXPORT void *API(reallocarray)(void *block, size_t count, size_t bytes)
{
	size_t total;
	if (unlikely(!size_multiply(count, bytes, &total))) {
		errno = ENOMEM;
		return NULL;
	}
	return API(realloc)(block, total);
}

API_EXPORT void API(cfree)(void *block)
{
	API(free)(block);
}

/* The sizes are hints the caller may get wrong; the heap knows better. */
API_EXPORT void API(free_sized)(void *block, size_t bytes)
{
	(void)bytes;
	API(free)(block);
}

API_EXPORT void API(free_aligned_sized)(void *block, size_t alignment, size_t bytes)
{
	(void)alignment, (void)bytes;
	API(free)(block);
}

/* `alignment` is a power of two. */
static void *allocate_aligned(size_t alignment, size_t bytes)
{
	if (alignment <= ALIGN_BYTES)
		return API(malloc)(bytes);
	if (bytes > PTRDIFF_MAX - alignment) {
		errno = ENOMEM;
		return NULL;
	}
	void *p;
	size_t wanted = small_bytes_aligned(bytes, alignment);
	if (wanted <= SMALL_BYTES_MAX) {
		p = thread_heap_try_allocate(&CALLER, wanted);
	} else {
		bytes = thread_heap_fill_align(&CALLER, bytes, alignment);
		p = thread_heap_take_aligned(&CALLER, bytes, alignment);
	}
	if (likely(p != NULL))
		return p;
	return IS_RECORDED() ? record_aligned(alignment, bytes) :
			       process_allocate(bytes, alignment, false);
}

API_EXPORT void *API(aligned_alloc)(size_t alignment, size_t bytes)
{
	if (!is_pow2(alignment) || alignment > PTRDIFF_MAX) {
		errno = EINVAL;
		return NULL;
	}
	return allocate_aligned(alignment, bytes);
}

/* As glibc's code, not its manual: the alignment is rounded up to a power of two. */
API_EXPORT void *API(memalign)(size_t alignment, size_t bytes)
{
	if (alignment > SIZE_MAX / 2 + 1) {
		errno = EINVAL;
		return NULL;
	}
	if (alignment > PTRDIFF_MAX) {
		errno = ENOMEM;
		return NULL;
	}
	return allocate_aligned((size_t)1 << log2_ceil(size_max(alignment, 1)), bytes);
}

API_EXPORT int API(posix_memalign)(void **out_block, size_t alignment, size_t bytes)
{
	int saved_errno = errno;
	if (!is_pow2(alignment) || alignment % sizeof(void *) != 0)
		return EINVAL;
	void *p = alignment > PTRDIFF_MAX ? NULL : allocate_aligned(alignment, bytes);
	errno = saved_errno;
	if (p == NULL)
		return ENOMEM;
	*out_block = p;
	return 0;
}

API_EXPORT void *API(valloc)(size_t bytes)
{
	return allocate_aligned(os_page_bytes(), bytes);
}

API_EXPORT void *API(pvalloc)(size_t bytes)
{
	size_t page_bytes = os_page_bytes();
	if (bytes > PTRDIFF_MAX - page_bytes) {
		errno = ENOMEM;
		return NULL;
	}
	return allocate_aligned(page_bytes, align_up(bytes, page_bytes));
}

API_EXPORT size_t API(malloc_usable_size)(void *block)
{
	if (block == NULL || !process_prepare())
		return 0;
	if (likely(heap_owns(&process.heap, block)))
		return heap_usable_bytes(&process.heap, block);
	if (process.is_dormant || foreign_is_libc_block(block))
		return process.next.usable_size(block);
	return 0;
}
