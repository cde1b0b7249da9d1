/* SPDX-License-Identifier: MIT */
/*
 * Contract: what the C names of the malloc family must do, each rule tried on the running heap.
 *
 * First come the rules every allocating function shares, over a table of all of them; then those
 * of one function each. Where standards differ the C library's behaviour is the rule. The C++
 * names have a program of their own (cxx.cc), and so has service under limits (limits.c).
 *
 * Functions the headers don't declare, or that this C library lacks, are looked up when the
 * program is loaded (weak): the library under test has to define every one of them.
 */
#include "claim.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <wchar.h>

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
	ALIGNMENT = 16,        /* of every block, whatever its size */
	SIZE_DENSE_MAX = 4096, /* every size up to here is tried */
	BLOCKS_ALIVE = 64,
	MEBIBYTE = 1024 * 1024,
};

static size_t page_bytes;

/* ---- every allocating function -------------------------------------------------------------- */

/* One way of asking for `bytes` bytes. */
struct allocator {
	const char *name;
	void *(*allocate)(size_t bytes);
	const void *needs;     /* the weak name behind it, or anything not NULL */
	size_t alignment;      /* promised; 0 stands for the page size */
	bool is_zeroed;
	bool returns_error;    /* the posix way: errno stays, and the failure is the result */
};

static int posix_error;

static void *by_malloc(size_t bytes) { return malloc(bytes); }
static void *by_calloc(size_t bytes) { return calloc(1, bytes); }
static void *by_calloc_bytes(size_t bytes) { return calloc(bytes, 1); }
static void *by_realloc(size_t bytes) { return realloc(NULL, bytes); }
static void *by_reallocarray(size_t bytes) { return reallocarray(NULL, bytes, 1); }
static void *by_aligned_alloc(size_t bytes) { return aligned_alloc(128, bytes); }
static void *by_memalign(size_t bytes) { return memalign(64, bytes); }
static void *by_memalign_page(size_t bytes) { return memalign(4096, bytes); }
static void *by_valloc(size_t bytes) { return valloc(bytes); }
static void *by_pvalloc(size_t bytes) { return pvalloc(bytes); }
static void *by_libc_malloc(size_t bytes) { return __libc_malloc(bytes); }
static void *by_libc_calloc(size_t bytes) { return __libc_calloc(bytes, 1); }
static void *by_libc_realloc(size_t bytes) { return __libc_realloc(NULL, bytes); }
static void *by_libc_memalign(size_t bytes) { return __libc_memalign(32, bytes); }
static void *by_libc_valloc(size_t bytes) { return __libc_valloc(bytes); }
static void *by_libc_pvalloc(size_t bytes) { return __libc_pvalloc(bytes); }

static void *by_posix_memalign(size_t bytes)
{
	void *block = NULL;
	posix_error = posix_memalign(&block, 256, bytes);
	return block;
}

static void *by_posix_memalign_private(size_t bytes)
{
	void *block = NULL;
	posix_error = __posix_memalign(&block, sizeof(void *), bytes);
	return block;
}

static struct allocator allocators[20];
static size_t allocator_count;

static void allocator_add(const char *name, void *(*allocate)(size_t), bool is_there,
			  size_t alignment, bool is_zeroed, bool returns_error)
{
	if (!CLAIM(is_there, "%s is not defined", name))
		return;
	allocators[allocator_count++] = (struct allocator){
		.name = name,
		.allocate = allocate,
		.alignment = alignment == 0 ? page_bytes : alignment,
		.is_zeroed = is_zeroed,
		.returns_error = returns_error,
	};
}

static void allocators_list(void)
{
	allocator_add("malloc", by_malloc, true, ALIGNMENT, false, false);
	allocator_add("calloc(1, n)", by_calloc, true, ALIGNMENT, true, false);
	allocator_add("calloc(n, 1)", by_calloc_bytes, true, ALIGNMENT, true, false);
	allocator_add("realloc", by_realloc, true, ALIGNMENT, false, false);
	allocator_add("reallocarray", by_reallocarray, true, ALIGNMENT, false, false);
	allocator_add("aligned_alloc", by_aligned_alloc, true, 128, false, false);
	allocator_add("memalign(64)", by_memalign, true, 64, false, false);
	allocator_add("memalign(4096)", by_memalign_page, true, 4096, false, false);
	allocator_add("posix_memalign", by_posix_memalign, true, 256, false, true);
	allocator_add("valloc", by_valloc, true, 0, false, false);
	allocator_add("pvalloc", by_pvalloc, true, 0, false, false);
	allocator_add("__libc_malloc", by_libc_malloc, __libc_malloc != NULL, ALIGNMENT, false,
		      false);
	allocator_add("__libc_calloc", by_libc_calloc, __libc_calloc != NULL, ALIGNMENT, true,
		      false);
	allocator_add("__libc_realloc", by_libc_realloc, __libc_realloc != NULL, ALIGNMENT,
		      false, false);
	allocator_add("__libc_memalign", by_libc_memalign, __libc_memalign != NULL, 32, false,
		      false);
	allocator_add("__libc_valloc", by_libc_valloc, __libc_valloc != NULL, 0, false, false);
	allocator_add("__libc_pvalloc", by_libc_pvalloc, __libc_pvalloc != NULL, 0, false, false);
	allocator_add("__posix_memalign", by_posix_memalign_private, __posix_memalign != NULL,
		      ALIGNMENT, false, true);
}

static bool is_aligned(const void *block, size_t alignment)
{
	return (uintptr_t)block % alignment == 0;
}

/* Allocate and check all that holds for any successful call. NULL when a claim broke. */
static unsigned char *allocate_checked(const struct allocator *way, size_t bytes)
{
	errno = ERRNO_UNTOUCHED;
	unsigned char *block = way->allocate(bytes);
	int error = errno;
	if (!CLAIM(block != NULL, "%s of %zu bytes failed", way->name, bytes))
		return NULL;
	CLAIM(error == ERRNO_UNTOUCHED, "%s of %zu bytes set errno to %d on success", way->name,
	      bytes, error);
	CLAIM(is_aligned(block, way->alignment),
	      "%s of %zu bytes gave %p, not at a multiple of %zu",
	      way->name, bytes, (void *)block, way->alignment);
	CLAIM(malloc_usable_size(block) >= bytes, "%s of %zu bytes has %zu usable", way->name,
	      bytes, malloc_usable_size(block));
	for (size_t i = 0; way->is_zeroed && i < bytes; i++) {
		if (!CLAIM(block[i] == 0, "%s of %zu bytes: byte %zu is %d", way->name, bytes, i,
			   block[i]))
			break;
	}
	return block;
}

/* errno is the caller's over free(), whatever happens inside. */
static void free_checked(void *block)
{
	errno = ERRNO_UNTOUCHED;
	free(block);
	CLAIM(errno == ERRNO_UNTOUCHED, "free set errno to %d", errno);
}

/* Every usable byte of every block is its owner's: a ring of live blocks keeps its patterns. */
static void sizes_up_to_a_page_serve(const struct allocator *way)
{
	struct {
		unsigned char *block;
		size_t usable_bytes;
	} ring[BLOCKS_ALIVE] = {0};

	for (size_t bytes = 0; bytes <= SIZE_DENSE_MAX + BLOCKS_ALIVE; bytes++) {
		size_t slot = bytes % BLOCKS_ALIVE;
		if (ring[slot].block != NULL) {
			CLAIM(malloc_usable_size(ring[slot].block) == ring[slot].usable_bytes,
			      "%s: usable size changed during a block's life", way->name);
			CLAIM(pattern_holds(ring[slot].block, ring[slot].usable_bytes,
					    (uint32_t)(bytes - BLOCKS_ALIVE)),
			      "%s: a block of %zu bytes was overwritten", way->name,
			      bytes - BLOCKS_ALIVE);
			free_checked(ring[slot].block);
			ring[slot].block = NULL;
		}
		if (bytes > SIZE_DENSE_MAX)
			continue;
		ring[slot].block = allocate_checked(way, bytes);
		if (ring[slot].block == NULL)
			continue;
		ring[slot].usable_bytes = malloc_usable_size(ring[slot].block);
		pattern_fill(ring[slot].block, ring[slot].usable_bytes, (uint32_t)bytes);
	}
}

static void large_sizes_serve(const struct allocator *way)
{
	for (size_t bytes = 2 * SIZE_DENSE_MAX; bytes <= 2 * MEBIBYTE; bytes *= 2) {
		for (int nearby = -1; nearby <= 1; nearby++) {
			size_t wanted = bytes + (size_t)(ptrdiff_t)nearby;
			unsigned char *block = allocate_checked(way, wanted);
			if (block == NULL)
				continue;
			memset(block, 0xa5, wanted);
			free_checked(block);
		}
	}
}

static void zero_bytes_give_blocks_of_their_own(const struct allocator *way)
{
	void *blocks[BLOCKS_ALIVE];
	for (size_t i = 0; i < BLOCKS_ALIVE; i++) {
		blocks[i] = allocate_checked(way, 0);
		for (size_t j = 0; j < i; j++)
			CLAIM(blocks[i] != blocks[j], "%s(0) gave one address twice", way->name);
	}
	for (size_t i = 0; i < BLOCKS_ALIVE; i++)
		free_checked(blocks[i]);
}

static void impossible_sizes_are_refused(const struct allocator *way)
{
	static const size_t sizes[] = {
		(size_t)PTRDIFF_MAX,        (size_t)PTRDIFF_MAX + 1, (size_t)PTRDIFF_MAX + 4096,
		SIZE_MAX / 2 + SIZE_MAX / 4, SIZE_MAX - 8192,        SIZE_MAX - 4096,
		SIZE_MAX - 4095,            SIZE_MAX - 64,           SIZE_MAX - 16,
		SIZE_MAX - 15,              SIZE_MAX - 1,            SIZE_MAX,
	};
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		errno = ERRNO_UNTOUCHED;
		posix_error = 0;
		void *block = way->allocate(sizes[i]);
		int error = errno;
		CLAIM(block == NULL, "%s of %zu bytes gave a block", way->name, sizes[i]);
		if (way->returns_error) {
			CLAIM(posix_error == ENOMEM, "%s of %zu bytes returned %d", way->name,
			      sizes[i], posix_error);
			CLAIM(error == ERRNO_UNTOUCHED, "%s set errno to %d", way->name, error);
		} else {
			CLAIM(error == ENOMEM, "%s of %zu bytes left errno %d", way->name,
			      sizes[i], error);
		}
	}
}

static void freed_memory_is_used_again(const struct allocator *way)
{
	enum { ROUNDS = 20000, BYTES = 3000, GROWTH_BYTES_MAX = 8 * MEBIBYTE };
	struct mallinfo2 before = mallinfo2();
	for (int i = 0; i < ROUNDS; i++) {
		unsigned char *block = way->allocate(BYTES);
		if (block == NULL)
			break;
		if (way->is_zeroed)
			CLAIM(block[0] == 0 && block[BYTES / 2] == 0 && block[BYTES - 1] == 0,
			      "%s gave recycled bytes that are not zero", way->name);
		memset(block, 0xff, BYTES);
		free(block);
	}
	struct mallinfo2 after = mallinfo2();
	CLAIM(after.arena <= before.arena + GROWTH_BYTES_MAX,
	      "%s and free in turn made the heap grow by %zu bytes", way->name,
	      after.arena - before.arena);
}

static void every_allocator_keeps_the_common_rules(void)
{
	for (size_t i = 0; i < allocator_count; i++) {
		sizes_up_to_a_page_serve(&allocators[i]);
		large_sizes_serve(&allocators[i]);
		zero_bytes_give_blocks_of_their_own(&allocators[i]);
		impossible_sizes_are_refused(&allocators[i]);
		freed_memory_is_used_again(&allocators[i]);
	}
}

/* ---- calloc --------------------------------------------------------------------------------- */

static void calloc_refuses_an_overflow(void)
{
	static const size_t pairs[][2] = {
		{SIZE_MAX, 2},
		{2, SIZE_MAX},
		{SIZE_MAX, SIZE_MAX},
		{SIZE_MAX / 2 + 1, 2},
		{(size_t)1 << 32, (size_t)1 << 32},
		{((size_t)1 << 32) + 1, (size_t)1 << 32},
		{SIZE_MAX / 16 + 2, 16},
		{(size_t)PTRDIFF_MAX / 2 + 1, 2},
	};
	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		errno = ERRNO_UNTOUCHED;
		CLAIM(calloc(pairs[i][0], pairs[i][1]) == NULL && errno == ENOMEM,
		      "calloc(%zu, %zu) was not refused with ENOMEM", pairs[i][0], pairs[i][1]);
		if (__libc_calloc == NULL)
			continue;
		errno = ERRNO_UNTOUCHED;
		CLAIM(__libc_calloc(pairs[i][0], pairs[i][1]) == NULL && errno == ENOMEM,
		      "__libc_calloc(%zu, %zu) was not refused", pairs[i][0], pairs[i][1]);
	}
	void *nothing = calloc(0, SIZE_MAX);
	void *none = calloc(SIZE_MAX, 0);
	CLAIM(nothing != NULL && none != NULL && nothing != none,
	      "calloc of no bytes gave no block of its own");
	free_checked(nothing);
	free_checked(none);
}

static void calloc_zeroes_recycled_memory(void)
{
	enum { BLOCKS = 200 };
	static const size_t sizes[] = {1, 24, 100, 1000, 5000, 70000, 300000};
	unsigned char *blocks[BLOCKS];
	for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
		size_t bytes = sizes[s];
		for (int round = 0; round < 3; round++) {
			for (size_t i = 0; i < BLOCKS; i++) {
				blocks[i] = calloc(bytes, 1);
				if (!CLAIM(blocks[i] != NULL, "calloc(%zu, 1) failed", bytes))
					return;
				bool is_zero = blocks[i][0] == 0 &&
					       memcmp(blocks[i], blocks[i] + 1, bytes - 1) == 0;
				CLAIM(is_zero, "calloc of %zu bytes gave old bytes in round %d",
				      bytes, round);
				memset(blocks[i], 0xee, malloc_usable_size(blocks[i]));
			}
			for (size_t i = 0; i < BLOCKS; i++)
				free_checked(blocks[i]);
			if (round == 1)
				malloc_trim(0);
		}
	}
}

/* ---- realloc -------------------------------------------------------------------------------- */

static size_t bytes_in_use(void)
{
	struct mallinfo2 info = mallinfo2();
	return info.uordblks + info.hblkhd;
}

/* Does this kind of release really give the bytes back? */
static void release_gives_back(const char *name, void (*release)(void *block, size_t bytes))
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

static void by_realloc_to_zero(void *block, size_t bytes)
{
	(void)bytes;
	CLAIM(realloc(block, 0) == NULL, "realloc(p, 0) gave a block");
}

static void by_reallocarray_to_zero(void *block, size_t bytes)
{
	CLAIM(reallocarray(block, 0, bytes) == NULL, "reallocarray(p, 0, n) gave a block");
}

static void by_libc_realloc_to_zero(void *block, size_t bytes)
{
	(void)bytes;
	CLAIM(__libc_realloc(block, 0) == NULL, "__libc_realloc(p, 0) gave a block");
}

static void realloc_to_zero_frees(void)
{
	release_gives_back("realloc(p, 0)", by_realloc_to_zero);
	release_gives_back("reallocarray(p, 0, n)", by_reallocarray_to_zero);
	if (__libc_realloc != NULL)
		release_gives_back("__libc_realloc(p, 0)", by_libc_realloc_to_zero);
}

typedef void *resize_function(void *block, size_t bytes);

static void *resize_by_array(void *block, size_t bytes)
{
	return reallocarray(block, bytes, 1);
}

/* Grow and shrink through a random walk of sizes; the common prefix survives each step. */
static void contents_survive(const char *name, resize_function *resize)
{
	enum { STEPS = 3000 };
	uint32_t state = 0x9e3779b9;
	size_t bytes = 1;
	unsigned char *block = malloc(bytes);
	pattern_fill(block, bytes, 1);
	for (int step = 0; step < STEPS; step++) {
		uint32_t dice = random_next(&state);
		size_t wanted = 1 + random_next(&state) % ((size_t)1 << (4 + dice % 17));
		errno = ERRNO_UNTOUCHED;
		unsigned char *moved = resize(block, wanted);
		if (!CLAIM(moved != NULL, "%s from %zu to %zu bytes failed", name, bytes, wanted))
			break;
		CLAIM(errno == ERRNO_UNTOUCHED, "%s set errno to %d on success", name, errno);
		CLAIM(is_aligned(moved, ALIGNMENT), "%s to %zu bytes gave %p", name, wanted,
		      (void *)moved);
		CLAIM(malloc_usable_size(moved) >= wanted, "%s to %zu bytes has %zu usable", name,
		      wanted, malloc_usable_size(moved));
		CLAIM(pattern_holds(moved, bytes < wanted ? bytes : wanted, 1),
		      "%s from %zu to %zu bytes lost contents", name, bytes, wanted);
		block = moved;
		bytes = wanted;
		pattern_fill(block, bytes, 1);
	}
	free_checked(block);
}

static void realloc_keeps_contents(void)
{
	contents_survive("realloc", realloc);
	contents_survive("reallocarray", resize_by_array);
	if (__libc_realloc != NULL)
		contents_survive("__libc_realloc", __libc_realloc);
}

static void failed_realloc_leaves_the_block(void)
{
	static const size_t sizes[] = {1, 100, 5000, 200000, 3 * MEBIBYTE};
	static const size_t impossible[] = {
		SIZE_MAX, SIZE_MAX - 255, (size_t)PTRDIFF_MAX + 1, SIZE_MAX / 2 + SIZE_MAX / 4,
	};
	for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
		unsigned char *block = malloc(sizes[s]);
		pattern_fill(block, sizes[s], 7);
		for (size_t i = 0; i < sizeof impossible / sizeof impossible[0]; i++) {
			errno = ERRNO_UNTOUCHED;
			CLAIM(realloc(block, impossible[i]) == NULL && errno == ENOMEM,
			      "realloc to %zu bytes was not refused with ENOMEM", impossible[i]);
			if (__libc_realloc == NULL)
				continue;
			errno = ERRNO_UNTOUCHED;
			CLAIM(__libc_realloc(block, impossible[i]) == NULL && errno == ENOMEM,
			      "__libc_realloc to %zu bytes was not refused", impossible[i]);
		}
		errno = ERRNO_UNTOUCHED;
		CLAIM(reallocarray(block, SIZE_MAX / 2, 4) == NULL && errno == ENOMEM,
		      "reallocarray overflow was not refused with ENOMEM");
		errno = ERRNO_UNTOUCHED;
		CLAIM(reallocarray(block, ((size_t)1 << 32) + 1, (size_t)1 << 32) == NULL &&
			      errno == ENOMEM,
		      "reallocarray overflow to a small product was not refused");
		CLAIM(pattern_holds(block, sizes[s], 7),
		      "a refused realloc changed a block of %zu bytes", sizes[s]);
		free_checked(block);
	}
	errno = ERRNO_UNTOUCHED;
	CLAIM(reallocarray(NULL, SIZE_MAX, SIZE_MAX) == NULL && errno == ENOMEM,
	      "reallocarray(NULL) overflow was not refused");
}

static void realloc_to_the_usable_size_stays(void)
{
	static const size_t large[] = {
		8191, 65536, 131071, 131072, 131073, 200000, MEBIBYTE, 10 * MEBIBYTE, 33000000,
	};
	enum { LARGE = sizeof large / sizeof large[0] };
	for (size_t i = 0; i <= SIZE_DENSE_MAX + LARGE; i++) {
		size_t bytes = i <= SIZE_DENSE_MAX ? i : large[i - SIZE_DENSE_MAX - 1];
		void *block = malloc(bytes);
		void *moved = realloc(block, malloc_usable_size(block));
		CLAIM(moved == block, "realloc to the usable size moved a block of %zu bytes",
		      bytes);
		free_checked(moved);
	}
}

/* ---- aligned forms -------------------------------------------------------------------------- */

static void check_aligned(const char *name, void *block, size_t alignment, size_t bytes)
{
	if (!CLAIM(block != NULL, "%s(%zu, %zu) failed", name, alignment, bytes))
		return;
	CLAIM(is_aligned(block, alignment) && is_aligned(block, ALIGNMENT), "%s(%zu, %zu) gave %p",
	      name, alignment, bytes, block);
	CLAIM(malloc_usable_size(block) >= bytes, "%s(%zu, %zu) has %zu usable", name, alignment,
	      bytes, malloc_usable_size(block));
	memset(block, 0x5a, bytes);
}

/* Aligned blocks can be resized like any other; only the contents need to survive. */
static void check_resize(const char *name, void *block, size_t bytes)
{
	if (block == NULL)
		return;
	pattern_fill(block, bytes, 3);
	void *moved = realloc(block, bytes * 3 + 100);
	CLAIM(moved != NULL && pattern_holds(moved, bytes, 3), "realloc after %s lost contents",
	      name);
	free_checked(moved);
}

static void alignments_are_kept(void)
{
	static const size_t sizes[] = {0, 1, 8, 100, 4096, 5000, 100000};
	for (size_t shift = 0; shift <= 25; shift++) {
		size_t alignment = (size_t)1 << shift;
		for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
			void *block = aligned_alloc(alignment, sizes[s]);
			check_aligned("aligned_alloc", block, alignment, sizes[s]);
			check_resize("aligned_alloc", block, sizes[s]);
			block = memalign(alignment, sizes[s]);
			check_aligned("memalign", block, alignment, sizes[s]);
			free_checked(block);
			if (alignment < sizeof(void *))
				continue;
			block = NULL;
			errno = ERRNO_UNTOUCHED;
			int error = posix_memalign(&block, alignment, sizes[s]);
			CLAIM(error == 0, "posix_memalign(%zu, %zu) returned %d", alignment,
			      sizes[s], error);
			CLAIM(errno == ERRNO_UNTOUCHED, "posix_memalign set errno to %d", errno);
			check_aligned("posix_memalign", block, alignment, sizes[s]);
			check_resize("posix_memalign", block, sizes[s]);
		}
	}
}

/* Many aligned blocks at once, freed in another order: none may share bytes with its neighbour. */
static void aligned_blocks_do_not_overlap(void)
{
	enum { BLOCKS = 400 };
	static unsigned char *blocks[BLOCKS];
	static size_t sizes[BLOCKS];
	uint32_t state = 12345;
	for (size_t i = 0; i < BLOCKS; i++) {
		size_t alignment = (size_t)16 << (random_next(&state) % 9);
		sizes[i] = 1 + random_next(&state) % 6000;
		blocks[i] = memalign(alignment, sizes[i]);
		check_aligned("memalign", blocks[i], alignment, sizes[i]);
		if (blocks[i] != NULL)
			pattern_fill(blocks[i], sizes[i], (uint32_t)i);
	}
	for (size_t step = 0; step < BLOCKS; step++) {
		size_t i = step * 7 % BLOCKS;
		CLAIM(blocks[i] == NULL || pattern_holds(blocks[i], sizes[i], (uint32_t)i),
		      "an aligned block was overwritten");
		free_checked(blocks[i]);
	}
}

static void aligned_alloc_refuses_a_wrong_alignment(void)
{
	static const size_t wrong[] = {0, 3, 5, 24, 48, 100, 4095, 4097, SIZE_MAX};
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		errno = ERRNO_UNTOUCHED;
		void *block = aligned_alloc(wrong[i], 64);
		CLAIM(block == NULL && errno == EINVAL,
		      "aligned_alloc(%zu, 64) was not refused with EINVAL", wrong[i]);
		if (block != NULL)
			free_checked(block);
	}
	CLAIM(aligned_alloc(SIZE_MAX / 2 + 1, 1) == NULL, "aligned_alloc(2^63, 1) gave a block");
	CLAIM(aligned_alloc(SIZE_MAX / 2 + 1, 4096) == NULL,
	      "aligned_alloc(2^63, 4096) gave a block");
	errno = ERRNO_UNTOUCHED;
	CLAIM(aligned_alloc(64, SIZE_MAX - 63) == NULL && errno == ENOMEM,
	      "aligned_alloc(64, -64) was not refused with ENOMEM");
	/* C17 dropped the demand for a multiple. */
	void *odd = aligned_alloc(64, 65);
	check_aligned("aligned_alloc", odd, 64, 65);
	free_checked(odd);
}

static void check_memalign(const char *name, void *(*function)(size_t, size_t))
{
	static const struct {
		size_t asked;
		size_t given;
	} rounded[] = {{0, 16}, {1, 16}, {3, 16}, {17, 32}, {24, 32}, {48, 64}, {100, 128},
		       {4095, 4096}, {4097, 8192}, {70000, 131072}};
	for (size_t i = 0; i < sizeof rounded / sizeof rounded[0]; i++) {
		void *block = function(rounded[i].asked, 77);
		check_aligned(name, block, rounded[i].given, 77);
		free_checked(block);
	}
	static const struct {
		size_t alignment;
		size_t bytes;
		int error;
	} refused[] = {
		{SIZE_MAX / 2 + 2, 1, EINVAL},
		{SIZE_MAX, 1, EINVAL},
		{SIZE_MAX / 2 + 1, 1, ENOMEM},
		{SIZE_MAX / 4 + 2, 1, ENOMEM},
		{SIZE_MAX / 4 + 2, 100, ENOMEM},
		{SIZE_MAX / 2, 100, ENOMEM},
		{SIZE_MAX / 4 + 1, (size_t)PTRDIFF_MAX / 2 + 1, ENOMEM},
		{(size_t)1 << 62, (size_t)1 << 62, ENOMEM},
		{4096, (size_t)PTRDIFF_MAX - 100, ENOMEM},
		{64, (size_t)PTRDIFF_MAX + 1, ENOMEM},
		{64, SIZE_MAX - 64, ENOMEM},
		{64, SIZE_MAX, ENOMEM},
	};
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		errno = ERRNO_UNTOUCHED;
		void *block = function(refused[i].alignment, refused[i].bytes);
		CLAIM(block == NULL && errno == refused[i].error,
		      "%s(%zu, %zu) gave %p with errno %d, not NULL with %d", name,
		      refused[i].alignment, refused[i].bytes, block, errno, refused[i].error);
	}
}

static void memalign_rounds_the_alignment_up(void)
{
	check_memalign("memalign", memalign);
	if (__libc_memalign != NULL)
		check_memalign("__libc_memalign", __libc_memalign);
}

static void check_posix_memalign(const char *name, int (*function)(void **, size_t, size_t))
{
	static const struct {
		size_t alignment;
		size_t bytes;
		int error;
	} refused[] = {
		{0, 8, EINVAL},          {1, 8, EINVAL},
		{2, 8, EINVAL},          {4, 8, EINVAL},
		{3, 8, EINVAL},          {7, 8, EINVAL},
		{24, 8, EINVAL},         {40, 8, EINVAL},
		{4104, 8, EINVAL},       {SIZE_MAX, 8, EINVAL},
		{SIZE_MAX - 7, 8, EINVAL}, {8, SIZE_MAX, ENOMEM},
		{64, SIZE_MAX - 64, ENOMEM}, {4096, (size_t)PTRDIFF_MAX + 1, ENOMEM},
		{SIZE_MAX / 2 + 1, 8, ENOMEM},
	};
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		void *const marker = &page_bytes;
		void *block = marker;
		errno = ERRNO_UNTOUCHED;
		int error = function(&block, refused[i].alignment, refused[i].bytes);
		CLAIM(error == refused[i].error, "%s(%zu, %zu) returned %d, not %d", name,
		      refused[i].alignment, refused[i].bytes, error, refused[i].error);
		CLAIM(block == marker, "%s wrote to its output on error", name);
		CLAIM(errno == ERRNO_UNTOUCHED, "%s set errno to %d", name, errno);
	}
}

static void posix_memalign_returns_its_errors(void)
{
	check_posix_memalign("posix_memalign", posix_memalign);
	if (__posix_memalign != NULL)
		check_posix_memalign("__posix_memalign", __posix_memalign);
}

static void check_pvalloc(const char *name, void *(*function)(size_t))
{
	for (size_t bytes = 0; bytes <= 3 * page_bytes; bytes += 997) {
		size_t rounded = (bytes + page_bytes - 1) / page_bytes * page_bytes;
		unsigned char *block = function(bytes);
		check_aligned(name, block, page_bytes, rounded);
		free_checked(block);
	}
	size_t impossible[] = {SIZE_MAX, SIZE_MAX - page_bytes + 1, SIZE_MAX - page_bytes,
			       SIZE_MAX - page_bytes + 2, (size_t)PTRDIFF_MAX,
			       (size_t)PTRDIFF_MAX - page_bytes};
	for (size_t i = 0; i < sizeof impossible / sizeof impossible[0]; i++) {
		errno = ERRNO_UNTOUCHED;
		CLAIM(function(impossible[i]) == NULL && errno == ENOMEM,
		      "%s(%zu) was not refused with ENOMEM", name, impossible[i]);
	}
}

static void pvalloc_gives_whole_pages(void)
{
	check_pvalloc("pvalloc", pvalloc);
	if (__libc_pvalloc != NULL)
		check_pvalloc("__libc_pvalloc", __libc_pvalloc);
}

/* ---- free and its relatives ----------------------------------------------------------------- */

static void by_free(void *block, size_t bytes)
{
	(void)bytes;
	free(block);
}

static void by_cfree(void *block, size_t bytes)
{
	(void)bytes;
	cfree(block);
}

static void by_libc_free(void *block, size_t bytes)
{
	(void)bytes;
	__libc_free(block);
}

static void by_free_sized(void *block, size_t bytes)
{
	free_sized(block, bytes);
}

static void by_free_aligned_sized(void *block, size_t bytes)
{
	free_aligned_sized(block, ALIGNMENT, bytes);
}

static void every_kind_of_free_gives_back(void)
{
	const struct {
		const char *name;
		void (*release)(void *block, size_t bytes);
		bool is_there;
	} ways[] = {
		{"free", by_free, true},
		{"cfree", by_cfree, cfree != NULL},
		{"__libc_free", by_libc_free, __libc_free != NULL},
		{"free_sized", by_free_sized, free_sized != NULL},
		{"free_aligned_sized", by_free_aligned_sized, free_aligned_sized != NULL},
	};
	for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
		if (!CLAIM(ways[i].is_there, "%s is not defined", ways[i].name))
			continue;
		errno = ERRNO_UNTOUCHED;
		ways[i].release(NULL, 100);
		CLAIM(errno == ERRNO_UNTOUCHED, "%s(NULL) set errno to %d", ways[i].name, errno);
		release_gives_back(ways[i].name, ways[i].release);
	}
}

static void sized_frees_take_the_latest_size(void)
{
	if (free_sized == NULL || free_aligned_sized == NULL)
		return;
	for (size_t bytes = 1; bytes < 300000; bytes = bytes * 3 + 1) {
		void *block = malloc(100);
		block = realloc(block, bytes);
		errno = ERRNO_UNTOUCHED;
		free_sized(block, bytes);
		free_sized(calloc(bytes, 2), bytes * 2);
		for (size_t alignment = 16; alignment <= 8192; alignment *= 8)
			free_aligned_sized(aligned_alloc(alignment, bytes), alignment, bytes);
		CLAIM(errno == ERRNO_UNTOUCHED, "a sized free set errno to %d", errno);
	}
	free_sized(malloc(0), 0);
	free_aligned_sized(aligned_alloc(64, 0), 64, 0);
}

/* Blocks of one name may be freed and resized by any other: there is one heap. */
static void names_are_interchangeable(void)
{
	for (size_t i = 0; i < allocator_count; i++) {
		for (size_t bytes = 0; bytes < 200000; bytes = bytes * 5 + 3) {
			void *block = allocators[i].allocate(bytes);
			pattern_fill(block, bytes, 5);
			block = __libc_realloc != NULL ? __libc_realloc(block, bytes + 1000)
						       : realloc(block, bytes + 1000);
			CLAIM(block != NULL && pattern_holds(block, bytes, 5),
			      "%s then __libc_realloc lost contents", allocators[i].name);
			if (__libc_free != NULL && bytes % 2 == 0)
				__libc_free(block);
			else
				free(block);
		}
	}
}

/* What libc's own functions allocate comes from the heap that free() knows. */
static void libc_allocates_from_this_heap(void)
{
	char *text = strdup("a line of text that is longer than one small block would be");
	CLAIM(malloc_usable_size(text) >= strlen(text) + 1, "strdup's block is unknown");
	free_checked(text);
	wchar_t *wide = wcsdup(L"wide");
	CLAIM(malloc_usable_size(wide) >= 5 * sizeof(wchar_t), "wcsdup's block is unknown");
	free_checked(wide);
	int length = asprintf(&text, "%0100d", 7);
	CLAIM(length == 100 && malloc_usable_size(text) >= 101, "asprintf's block is unknown");
	free_checked(text);
	text = realpath("/proc/self/exe", NULL);
	CLAIM(text != NULL && malloc_usable_size(text) > strlen(text), "realpath's is unknown");
	free_checked(text);
	text = getcwd(NULL, 0);
	CLAIM(text != NULL && malloc_usable_size(text) > strlen(text), "getcwd's is unknown");
	free_checked(text);

	text = NULL;
	size_t text_bytes = 0;
	FILE *file = fopen("/proc/self/maps", "r");
	ssize_t got = getline(&text, &text_bytes, file);
	CLAIM(got > 0 && malloc_usable_size(text) >= text_bytes, "getline's block is unknown");
	fclose(file);
	free_checked(text);

	char *stream_text = NULL;
	size_t stream_bytes = 0;
	file = open_memstream(&stream_text, &stream_bytes);
	for (int i = 0; i < 10000; i++)
		fprintf(file, "%d\n", i);
	fclose(file);
	CLAIM(stream_bytes == 48890 && malloc_usable_size(stream_text) > stream_bytes,
	      "open_memstream's block is unknown");
	free_checked(stream_text);

	struct dirent **names = NULL;
	int count = scandir("/", &names, NULL, alphasort);
	for (int i = 0; i < count; i++)
		free_checked(names[i]);
	free_checked(names);
}

static long max_map_count(void)
{
	char text[32] = {0};
	int file = open("/proc/sys/vm/max_map_count", O_RDONLY);
	if (file < 0)
		return -1;
	ssize_t got = read(file, text, sizeof text - 1);
	close(file);
	return got <= 0 ? -1 : strtol(text, NULL, 10);
}

/*
 * When the process has all the mappings it may have, a munmap that would cut one in two fails.
 * Neighbours are put around a large block so that the kernel sees one mapping, then the limit is
 * used up with pages of alternating protection.
 */
static void free_keeps_errno_when_unmapping_fails(void)
{
	enum { LARGE = 40 * MEBIBYTE, SMALL_BLOCKS = 20000, MAPS_TRIED_MAX = 1 << 20 };
	static void *small[SMALL_BLOCKS];
	long limit = max_map_count();
	if (limit <= 0 || limit > MAPS_TRIED_MAX)
		return;
	for (size_t i = 0; i < SMALL_BLOCKS; i++)
		small[i] = malloc(2000);
	char *large = malloc(LARGE);
	memset(large, 1, LARGE);
	uintptr_t first = (uintptr_t)large / page_bytes * page_bytes - page_bytes;
	uintptr_t after = (uintptr_t)(large + LARGE + 2 * page_bytes) / page_bytes * page_bytes;
	for (uintptr_t near = first - 4 * page_bytes; near <= after + 4 * page_bytes;
	     near += page_bytes) {
		if (near > first && near < after)
			continue;
		mmap((void *)near, page_bytes, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	}

	size_t reserve_bytes = (size_t)(limit + 2000) * page_bytes;
	char *reserve = mmap(NULL, reserve_bytes, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	size_t offset = 0;
	while (offset < reserve_bytes &&
	       mprotect(reserve + offset, page_bytes, PROT_READ) == 0)
		offset += 2 * page_bytes;
	CLAIM(offset < reserve_bytes, "the limit of mappings was never met");
	/* A protected page costs two mappings; a file mapping uses up the odd one left. */
	int file = open("/proc/self/exe", O_RDONLY);
	while (mmap(NULL, page_bytes, PROT_READ, MAP_PRIVATE, file, 0) != MAP_FAILED)
		;
	close(file);

	free_checked(large);
	for (size_t i = 0; i < SMALL_BLOCKS; i++)
		free_checked(small[(i * 7919) % SMALL_BLOCKS]);
	errno = ERRNO_UNTOUCHED;
	void *block = malloc(64 * MEBIBYTE);
	CLAIM(block != NULL || errno == ENOMEM, "malloc failed with errno %d", errno);
	if (block != NULL)
		free_checked(block);
	for (size_t i = 0; i < 1000; i++)
		small[i] = malloc(500);
	for (size_t i = 0; i < 1000; i++) {
		CLAIM(small[i] != NULL, "memory freed at the limit was not used again");
		free_checked(small[i]);
	}

	munmap(reserve, reserve_bytes);
	for (size_t i = 0; i < 100; i++) {
		block = allocate_checked(&allocators[0], MEBIBYTE);
		if (block != NULL)
			memset(block, 2, MEBIBYTE);
		free_checked(block);
	}
}

/* ---- questions and settings ----------------------------------------------------------------- */

static void usable_size_of_nothing_is_zero(void)
{
	errno = ERRNO_UNTOUCHED;
	CLAIM(malloc_usable_size(NULL) == 0, "malloc_usable_size(NULL) is not 0");
	CLAIM(errno == ERRNO_UNTOUCHED, "malloc_usable_size set errno");
}

static void mallinfo_counts_what_is_allocated(void)
{
	enum { BLOCKS = 10000 };
	static void *blocks[BLOCKS];
	size_t requested = 0;
	struct mallinfo2 before = mallinfo2();
	for (size_t i = 0; i < BLOCKS; i++) {
		size_t bytes = i % 500 + 1;
		blocks[i] = malloc(bytes);
		requested += bytes;
	}
	struct mallinfo2 full = mallinfo2();
	CLAIM(full.uordblks >= before.uordblks + requested,
	      "uordblks grew by %zu for %zu bytes", full.uordblks - before.uordblks, requested);
	CLAIM(full.arena >= full.uordblks, "arena is %zu, less than uordblks %zu", full.arena,
	      full.uordblks);
	struct mallinfo old = mallinfo();
	CLAIM(old.uordblks >= 0 && (size_t)old.uordblks >= full.uordblks / 2,
	      "mallinfo says %d where mallinfo2 says %zu", old.uordblks, full.uordblks);
	for (size_t i = 0; i < BLOCKS; i++)
		free_checked(blocks[i]);
	struct mallinfo2 empty = mallinfo2();
	CLAIM(empty.uordblks < before.uordblks + requested / 4,
	      "uordblks stayed %zu above after freeing %zu bytes",
	      empty.uordblks - before.uordblks, requested);

	void *large = malloc(50 * MEBIBYTE);
	full = mallinfo2();
	size_t growth = full.uordblks + full.hblkhd - empty.uordblks - empty.hblkhd;
	CLAIM(growth >= 50 * MEBIBYTE, "a block of 50 MiB is not counted");
	CLAIM(growth < 60 * MEBIBYTE, "a block of 50 MiB is counted as %zu bytes", growth);
	free_checked(large);
}

/* The old interface has ints: it stays at the largest rather than turning negative. */
static void mallinfo_saturates(void)
{
	size_t bytes = (size_t)INT_MAX + 64 * MEBIBYTE;
	void *block = malloc(bytes);
	if (block == NULL)
		return;
	struct mallinfo2 wide = mallinfo2();
	struct mallinfo narrow = mallinfo();
	const size_t wides[] = {wide.arena, wide.hblkhd, wide.uordblks};
	const int narrows[] = {narrow.arena, narrow.hblkhd, narrow.uordblks};
	static const char *const names[] = {"arena", "hblkhd", "uordblks"};
	for (size_t i = 0; i < 3; i++) {
		if (wides[i] > INT_MAX)
			CLAIM(narrows[i] == INT_MAX, "mallinfo.%s is %d for %zu", names[i],
			      narrows[i], wides[i]);
	}
	free_checked(block);
}

/* Every element that is opened is closed, in order; returns how many there were, or -1. */
static int xml_elements(const char *text)
{
	char open[16][64];
	int depth = 0;
	int elements = 0;
	for (const char *p = strchr(text, '<'); p != NULL; p = strchr(p + 1, '<')) {
		const char *end = strchr(p, '>');
		if (end == NULL)
			return -1;
		if (p[1] == '?' || p[1] == '!')
			continue;
		bool is_close = p[1] == '/';
		const char *name = p + 1 + is_close;
		size_t length = strcspn(name, " \t\n/>");
		if (length == 0 || length > 63)
			return -1;
		if (is_close) {
			if (depth == 0 || strncmp(open[depth - 1], name, length) != 0 ||
			    open[depth - 1][length] != 0)
				return -1;
			depth--;
		} else {
			elements++;
			if (end[-1] == '/')
				continue;
			if (depth == 16)
				return -1;
			memcpy(open[depth], name, length);
			open[depth++][length] = 0;
		}
	}
	return depth == 0 ? elements : -1;
}

static void malloc_info_writes_xml(void)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *file = open_memstream(&text, &bytes);
	errno = ERRNO_UNTOUCHED;
	CLAIM(malloc_info(0, file) == 0, "malloc_info(0) did not return 0");
	fclose(file);
	CLAIM(bytes > 0 && strncmp(text, "<malloc", 7) == 0, "malloc_info does not open <malloc>");
	CLAIM(xml_elements(text) > 0, "malloc_info is not well-formed: %s", text);
	free_checked(text);

	file = open_memstream(&text, &bytes);
	int result = malloc_info(1, file);
	CLAIM(result == EINVAL || (result == -1 && errno == EINVAL),
	      "malloc_info(1) returned %d, not EINVAL", result);
	fclose(file);
	CLAIM(bytes == 0, "malloc_info(1) wrote something");
	free_checked(text);
}

static void malloc_stats_writes_to_stderr(void)
{
	char text[4096];
	int saved = dup(2);
	int ends[2];
	if (pipe(ends) != 0)
		return;
	dup2(ends[1], 2);
	malloc_stats();
	fflush(stderr);
	dup2(saved, 2);
	close(saved);
	close(ends[1]);
	ssize_t got = read(ends[0], text, sizeof text);
	close(ends[0]);
	CLAIM(got > 0, "malloc_stats wrote nothing to stderr");
}

static size_t resident_bytes(void)
{
	char text[128] = {0};
	int file = open("/proc/self/statm", O_RDONLY);
	ssize_t got = read(file, text, sizeof text - 1);
	close(file);
	char *second = got > 0 ? strchr(text, ' ') : NULL;
	return second == NULL ? 0 : strtoul(second, NULL, 10) * page_bytes;
}

static void malloc_trim_gives_memory_back(void)
{
	enum { BLOCKS = 60000, BYTES = 1000 };
	static void *blocks[BLOCKS];
	malloc_trim(0);
	size_t before = resident_bytes();
	for (size_t i = 0; i < BLOCKS; i++) {
		blocks[i] = malloc(BYTES);
		memset(blocks[i], 1, BYTES);
	}
	for (size_t i = 0; i < BLOCKS; i++)
		free_checked(blocks[i]);
	size_t freed = resident_bytes();
	errno = ERRNO_UNTOUCHED;
	int result = malloc_trim(0);
	CLAIM(errno == ERRNO_UNTOUCHED, "malloc_trim set errno to %d", errno);
	size_t trimmed = resident_bytes();
	CLAIM(result == 0 || result == 1, "malloc_trim returned %d", result);
	CLAIM(trimmed < before + BLOCKS * (size_t)BYTES / 4,
	      "after malloc_trim %zu bytes stay resident of %d freed", trimmed - before,
	      BLOCKS * BYTES);
	bool gave = trimmed + MEBIBYTE < freed;
	CLAIM(result == 1 || !gave, "malloc_trim returned 0 and gave back %zu bytes",
	      freed - trimmed);
	CLAIM(result == 0 || trimmed < freed, "malloc_trim returned 1 and gave nothing back");
}

/* Last, because the settings stay. */
static void mallopt_accepts_the_known_parameters(void)
{
	static const struct {
		const char *name;
		int parameter;
		int value;
	} settings[] = {
		{"M_MXFAST", 1, 64},
		{"M_TRIM_THRESHOLD", -1, 256 * 1024},
		{"M_TOP_PAD", -2, 64 * 1024},
		{"M_MMAP_THRESHOLD", -3, 256 * 1024},
		{"M_MMAP_MAX", -4, 65536},
		{"M_CHECK_ACTION", -5, 3},
		{"M_PERTURB", -6, 0},
		{"M_ARENA_TEST", -7, 8},
		{"M_ARENA_MAX", -8, 8},
	};
	for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
		int result = mallopt(settings[i].parameter, settings[i].value);
		CLAIM(result == 1, "mallopt(%s, %d) returned %d", settings[i].name,
		      settings[i].value, result);
		free_checked(malloc(1000));
	}
}

int main(void)
{
	page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	allocators_list();
	every_allocator_keeps_the_common_rules();
	calloc_refuses_an_overflow();
	calloc_zeroes_recycled_memory();
	realloc_to_zero_frees();
	realloc_keeps_contents();
	failed_realloc_leaves_the_block();
	realloc_to_the_usable_size_stays();
	alignments_are_kept();
	aligned_blocks_do_not_overlap();
	aligned_alloc_refuses_a_wrong_alignment();
	memalign_rounds_the_alignment_up();
	posix_memalign_returns_its_errors();
	pvalloc_gives_whole_pages();
	every_kind_of_free_gives_back();
	sized_frees_take_the_latest_size();
	names_are_interchangeable();
	libc_allocates_from_this_heap();
	usable_size_of_nothing_is_zero();
	mallinfo_counts_what_is_allocated();
	mallinfo_saturates();
	malloc_info_writes_xml();
	malloc_stats_writes_to_stderr();
	malloc_trim_gives_memory_back();
	free_keeps_errno_when_unmapping_fails();
	mallopt_accepts_the_known_parameters();
	return claims_end();
}
