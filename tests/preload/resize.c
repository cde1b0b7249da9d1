/* SPDX-License-Identifier: MIT */
/*
 * Resize: realloc and reallocarray, and the aligned forms with their rules about alignments.
 *
 * Where standards differ the C library's behaviour is the rule: realloc(p, 0) frees, memalign
 * rounds its alignment up, aligned_alloc refuses one that is no power of two.
 */
#include "family.h"

/* ---- realloc -------------------------------------------------------------------------------- */

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
	enum { DENSE = 4096 };
	static const size_t large[] = {
		8191, 65536, 131071, 131072, 131073, 200000, MEBIBYTE, 10 * MEBIBYTE, 33000000,
	};
	enum { LARGE = sizeof large / sizeof large[0] };
	for (size_t i = 0; i <= DENSE + LARGE; i++) {
		size_t bytes = i <= DENSE ? i : large[i - DENSE - 1];
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
		static char marked;
		void *const marker = &marked;
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
	for (size_t bytes = 0; bytes <= 3 * page_bytes(); bytes += 997) {
		size_t rounded = (bytes + page_bytes() - 1) / page_bytes() * page_bytes();
		unsigned char *block = function(bytes);
		check_aligned(name, block, page_bytes(), rounded);
		free_checked(block);
	}
	size_t impossible[] = {SIZE_MAX, SIZE_MAX - page_bytes() + 1, SIZE_MAX - page_bytes(),
			       SIZE_MAX - page_bytes() + 2, (size_t)PTRDIFF_MAX,
			       (size_t)PTRDIFF_MAX - page_bytes()};
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

int main(void)
{
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
	return claims_end();
}
