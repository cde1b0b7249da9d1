/* SPDX-License-Identifier: MIT */
/*
 * Words: the nearest right one to a misspelt one, for "did you mean".
 */
#ifndef ALLOT_TOOLS_WORD_H
#define ALLOT_TOOLS_WORD_H

#include <stddef.h>

enum {
	/* Longer words are not compared; a file name has at most 255 bytes. */
	WORD_BYTES_MAX = 256,
};

/* The nearest word offered so far. */
struct word_match {
	const char *word;             /* the misspelt one, owned by the caller */
	size_t distance_max;          /* what is farther is no candidate */
	size_t distance;              /* of `nearest` */
	char nearest[WORD_BYTES_MAX]; /* empty while there is none */
};

void word_match_init(struct word_match *match, const char *word);

/* Consider `candidate`. Among equally near ones the alphabetically first stays. */
void word_match_offer(struct word_match *match, const char *candidate);

#endif
