/* SPDX-License-Identifier: MIT */
/*
 * The break: a program that moves it itself, before and between its calls of malloc.
 *
 * With source:sbrk the heap and the program grow the same segment in turns: neither may touch the
 * other's part, so the heap's pieces stop being neighbours and never shrink past what is not
 * theirs. With source:mmap the break belongs to the program alone. Argument: the source.
 */
#include "claim.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

enum { PIECES = 40, BLOCKS = 3000 };

/* What the program took from the break, with its pattern. */
static struct {
	unsigned char *base;
	size_t bytes;
} pieces[PIECES];

static unsigned char *blocks[BLOCKS];
static size_t block_bytes[BLOCKS];
static uint32_t state = 4711;

static bool piece_take(size_t i, size_t bytes)
{
	void *base = sbrk((intptr_t)bytes);
	if (!CLAIM(base != (void *)-1, "sbrk of %zu bytes failed", bytes))
		return false;
	pieces[i].base = base;
	pieces[i].bytes = bytes;
	pattern_fill(base, bytes, (uint32_t)i);
	return true;
}

static void pieces_check(size_t count)
{
	for (size_t i = 0; i < count; i++)
		CLAIM(pattern_holds(pieces[i].base, pieces[i].bytes, (uint32_t)i),
		      "what the program keeps below the break was overwritten (piece %zu)", i);
}

static void blocks_change(void)
{
	for (size_t n = 0; n < BLOCKS; n++) {
		size_t i = random_next(&state) % BLOCKS;
		if (blocks[i] != NULL) {
			CLAIM(pattern_holds(blocks[i], block_bytes[i], (uint32_t)i),
			      "a block of %zu bytes was overwritten", block_bytes[i]);
			free(blocks[i]);
		}
		block_bytes[i] = random_next(&state) % 6000 + 1;
		blocks[i] = malloc(block_bytes[i]);
		if (!CLAIM(blocks[i] != NULL, "%zu bytes were refused", block_bytes[i]))
			_exit(1);
		pattern_fill(blocks[i], block_bytes[i], (uint32_t)i);
	}
}

static void blocks_free(void)
{
	for (size_t i = 0; i < BLOCKS; i++) {
		if (blocks[i] == NULL)
			continue;
		CLAIM(pattern_holds(blocks[i], block_bytes[i], (uint32_t)i),
		      "a block of %zu bytes was overwritten", block_bytes[i]);
		free(blocks[i]);
		blocks[i] = NULL;
	}
}

/* Up and at once down again: nobody came between, so the break is where it was. */
static void borrow_for_a_moment(void)
{
	char *before = sbrk(0);
	char *mine = sbrk(100000);
	CLAIM(mine == before, "the break moved between two calls of the program");
	memset(mine, 7, 100000);
	CLAIM(sbrk(-100000) == mine + 100000, "the break is not the program's any more");
	CLAIM(sbrk(0) == before, "the break did not come back");
}

static void program_and_heap_share_the_break(void)
{
	static const size_t sizes[] = {1, 15, 4096, 12345, 100, 70000, 8, 131072, 333};
	for (size_t i = 0; i < PIECES; i++) {
		if (!piece_take(i, sizes[i % (sizeof sizes / sizeof sizes[0])]))
			return;
		blocks_change();
		borrow_for_a_moment();
		pieces_check(i + 1);
		if (i % 10 == 9) {
			blocks_free();
			malloc_trim(0);
			pieces_check(i + 1);
			unsigned char *end = sbrk(0);
			CLAIM(end >= pieces[i].base + pieces[i].bytes,
			      "the heap lowered the break below the program's part");
		}
	}
	blocks_free();
	malloc_trim(0);
	pieces_check(PIECES);

	/* Back to an odd address by brk(), and on. */
	char *end = sbrk(0);
	CLAIM(brk(end + 777) == 0, "brk failed");
	blocks_change();
	blocks_free();
	pieces_check(PIECES);
	for (int i = 0; i < 20; i++) {
		free(malloc(20000000));
		free(calloc(1, 300000));
	}
	pieces_check(PIECES);
}

static void heap_leaves_the_break_alone(void)
{
	char *before = sbrk(0);
	blocks_change();
	free(malloc(50000000));
	blocks_free();
	malloc_trim(0);
	CLAIM(sbrk(0) == before, "the heap moved the break");
}

int main(int count, char **words)
{
	if (count != 2)
		return 2;
	if (strcmp(words[1], "mmap") == 0)
		heap_leaves_the_break_alone();
	program_and_heap_share_the_break();
	return claims_end();
}
