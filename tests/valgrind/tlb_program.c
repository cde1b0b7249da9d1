/* SPDX-License-Identifier: MIT */
/*
 * Programs for the TLB test, by name: what they access depends on nothing but the name.
 *
 *	columns   a matrix added up by columns: a page for each access
 *	list      nodes in random order, each written to
 *	text      words at odd addresses, which cross pages, sorted
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 300, NODES = 20000, WORDS = 6000, WORD_BYTES = 13 };

static double matrix[SIDE][SIDE];
static struct node {
	struct node *next;
	uint64_t visits;
	char rest[48];
} nodes[NODES];
static char text[WORDS * WORD_BYTES + sizeof(uint64_t)];

static uint32_t chance = 12345;

static uint32_t chance_next(void)
{
	return chance = chance * 1664525 + 1013904223;
}

static int columns(void)
{
	double sum = 0;
	for (int round = 0; round < 3; round++)
		for (int column = 0; column < SIDE; column++)
			for (int row = 0; row < SIDE; row++)
				sum += matrix[row][column] += column;
	return sum > 1;
}

static int list(void)
{
	uint64_t visits = 0;
	for (uint32_t i = 0; i < NODES; i++)
		nodes[i].next = &nodes[(i * 7919ul + 1) % NODES];
	struct node *node = nodes;
	for (int i = 0; i < 5 * NODES; i++, node = node->next)
		visits += ++node->visits;
	return visits > 1;
}

static int words_compare(const void *a, const void *b)
{
	return memcmp(a, b, WORD_BYTES);
}

static int words(void)
{
	for (uint32_t i = 0; i < WORDS; i++) {
		uint64_t word = (uint64_t)chance_next() << 32 | chance_next();
		memcpy(text + i * WORD_BYTES, &word, sizeof(word));
	}
	qsort(text, WORDS, WORD_BYTES, words_compare);
	return text[0] != text[WORDS * WORD_BYTES - 1];
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	if (strcmp(name, "columns") == 0)
		return !columns();
	if (strcmp(name, "list") == 0)
		return !list();
	if (strcmp(name, "text") == 0)
		return !words();
	return 2;
}
