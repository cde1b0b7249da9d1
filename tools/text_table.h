/* SPDX-License-Identifier: MIT */
/*
 * Text table: each text once, with a number.
 *
 * Numbers are dense and in the order texts first came, which is what the string tables of profiles
 * want; texts stay where they are, so equal texts are equal pointers.
 */
#ifndef ALLOT_TOOLS_TEXT_TABLE_H
#define ALLOT_TOOLS_TEXT_TABLE_H

#include <stddef.h>
#include <stdint.h>

/* Start with zeros. */
struct text_table {
	char **texts;       /* by number */
	size_t count;
	size_t text_room;   /* items `texts` has room for */
	uint32_t *slots;    /* number + 1 by hash; 0: empty */
	size_t slot_count;  /* a power of two, or 0 */
};

/* The number of `text`, which is copied if it is new. */
uint32_t text_table_add(struct text_table *table, const char *text);

/* The copy of `text` that the table keeps. */
const char *text_table_keep(struct text_table *table, const char *text);

void text_table_finish(struct text_table *table);

#endif
