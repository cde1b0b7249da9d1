/* SPDX-License-Identifier: MIT */
/*
 * Allocate: what every function of the malloc family that makes a block must do.
 *
 * A table of all of them is put through the same rules; then come those of calloc alone, and the
 * rule that there is one heap for all names and for libc's own functions. Where standards differ
 * the C library's behaviour is the rule. Resizing and aligned forms are in resize.c, freeing and
 * questions in release.c, the C++ names in cxx.cc, service under limits in limits.c.
 */
#include "family.h"

#include <dirent.h>
#include <wchar.h>

enum {
	SIZE_DENSE_MAX = 4096, /* every size up to here is tried */
	BLOCKS_ALIVE = 64,
};

/* ---- every allocating function -------------------------------------------------------------- */

/* One way of asking for `bytes` bytes. */
struct allocator {
	const char *name;
	void *(*allocate)(size_t bytes);
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
		.alignment = alignment == 0 ? page_bytes() : alignment,
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

/* ---- one heap for all ----------------------------------------------------------------------- */

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

int main(void)
{
	allocators_list();
	every_allocator_keeps_the_common_rules();
	calloc_refuses_an_overflow();
	calloc_zeroes_recycled_memory();
	names_are_interchangeable();
	libc_allocates_from_this_heap();
	return claims_end();
}
