/* SPDX-License-Identifier: MIT */
/*
 * Words: edit distance with swapped neighbours (optimal string alignment), three rows at a time.
 *
 * A swap costs half of any other slip, so that "sl" is nearer to "ls" than to "sh".
 */
#include "word.h"

#include <string.h>

enum {
	SWAP_COST = 1,
	EDIT_COST = 2,           /* one character put in, left out or replaced */
	LETTERS_PER_EDIT = 3,    /* how many letters excuse one edit */
};

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Cost of turning `from` into `to`, both shorter than WORD_BYTES_MAX. */
static size_t word_distance(const char *from, const char *to)
{
	size_t rows[3][WORD_BYTES_MAX];
	size_t *before = rows[0], *above = rows[1], *row = rows[2];
	size_t to_length = strlen(to);

	for (size_t j = 0; j <= to_length; j++)
		above[j] = j * EDIT_COST;
	for (size_t i = 1; from[i - 1] != '\0'; i++) {
		row[0] = i * EDIT_COST;
		for (size_t j = 1; j <= to_length; j++) {
			size_t replace_cost = from[i - 1] == to[j - 1] ? 0 : EDIT_COST;
			size_t cost = smaller(above[j], row[j - 1]) + EDIT_COST;

			cost = smaller(cost, above[j - 1] + replace_cost);
			if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1])
				cost = smaller(cost, before[j - 2] + SWAP_COST);
			row[j] = cost;
		}
		size_t *spare = before;
		before = above;
		above = row;
		row = spare;
	}
	return above[to_length];
}

void word_match_init(struct word_match *match, const char *word)
{
	size_t edits = strlen(word) / LETTERS_PER_EDIT;

	match->word = word;
	match->distance_max = (edits > 1 ? edits : 1) * EDIT_COST;
	match->distance = 0;
	match->nearest[0] = '\0';
}

void word_match_offer(struct word_match *match, const char *candidate)
{
	size_t length = strlen(candidate);

	if (strlen(match->word) >= WORD_BYTES_MAX || length >= WORD_BYTES_MAX)
		return;

	size_t distance = word_distance(match->word, candidate);
	if (distance > match->distance_max || distance >= length * EDIT_COST)
		return;
	if (match->nearest[0] != '\0' &&
	    (distance > match->distance ||
	     (distance == match->distance && strcmp(candidate, match->nearest) >= 0)))
		return;
	match->distance = distance;
	memcpy(match->nearest, candidate, length + 1);
}
