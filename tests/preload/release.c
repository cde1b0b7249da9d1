/* SPDX-License-Identifier: MIT */
/*
 * Release: the functions that free, whatever the system says to it, and those that only ask or set.
 */
#include "family.h"
#include "resident.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>

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
	size_t page = page_bytes();
	long limit = max_map_count();
	if (limit <= 0 || limit > MAPS_TRIED_MAX)
		return;
	for (size_t i = 0; i < SMALL_BLOCKS; i++)
		small[i] = malloc(2000);
	char *large = malloc(LARGE);
	memset(large, 1, LARGE);
	uintptr_t first = (uintptr_t)large / page * page - page;
	uintptr_t after = (uintptr_t)(large + LARGE + 2 * page) / page * page;
	for (uintptr_t near = first - 4 * page; near <= after + 4 * page;
	     near += page) {
		if (near > first && near < after)
			continue;
		mmap((void *)near, page, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	}

	size_t reserve_bytes = (size_t)(limit + 2000) * page;
	char *reserve = mmap(NULL, reserve_bytes, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	size_t offset = 0;
	while (offset < reserve_bytes &&
	       mprotect(reserve + offset, page, PROT_READ) == 0)
		offset += 2 * page;
	CLAIM(offset < reserve_bytes, "the limit of mappings was never met");
	/* A protected page costs two mappings; a file mapping uses up the odd one left. */
	int file = open("/proc/self/exe", O_RDONLY);
	while (mmap(NULL, page, PROT_READ, MAP_PRIVATE, file, 0) != MAP_FAILED)
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
		block = malloc(MEBIBYTE);
		CLAIM(block != NULL, "refused although mappings are there again");
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
	every_kind_of_free_gives_back();
	sized_frees_take_the_latest_size();
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
