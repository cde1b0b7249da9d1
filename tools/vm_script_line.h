/* SPDX-License-Identifier: MIT */
/*
 * One line of a script while it is read: its words, what may stand there, and what is said when
 * something else does.
 */
#ifndef ALLOT_TOOLS_VM_SCRIPT_LINE_H
#define ALLOT_TOOLS_VM_SCRIPT_LINE_H

#include "vm_script.h"

enum {
	WORDS_MAX = 24,
	PAGES_MAX = 1 << 22, /* 16 GiB */
	NAME_NONE = REGION_NONE,
};

/* A word and what it stands for. A table of them ends with a word that is NULL. */
struct entry {
	const char *word;
	int value;
};

struct line {
	struct script *script;
	struct script_op *op;
	char chars[SCRIPT_LINE_BYTES];
	char *words[WORDS_MAX];
	size_t count;
	size_t next;
};

/* Say what is wrong; always false. */
bool refuse(struct line *line, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* ---- words ---- */

/* The next word, or NULL at the end of the line. */
const char *word_peek(const struct line *line);

/* Take the next word if it is this one. */
bool word_take_if(struct line *line, const char *word);

/* The entry of a word, or NULL. */
const struct entry *entry_find(const struct entry *table, const char *word);

/* Refuse the next word, which is no `what`, naming the nearest of `table` (or NULL). */
bool word_refuse(struct line *line, const char *what, const struct entry *table);

/* Take the next word, which is to be of `table`, and give its value. */
bool word_lookup(struct line *line, const char *what, const struct entry *table,
		 int *out_value);

/* A number at `*text`, which is moved behind it. */
bool number_read(const char **text, int64_t *out_number);

/* "64p" */
bool pages_take(struct line *line, const char *what, int64_t least, int64_t most,
		int64_t *out_pages);

/* ---- names ---- */

/* Can it be the name of something? */
bool is_name(const char *word);

/* The index of what has this name, of `length` bytes, or NAME_NONE. */
int region_find(const struct script *script, const char *name, size_t length);
int process_find(const struct script *script, const char *name, size_t length);

/* Refuse a word that names no region. */
bool region_refuse(struct line *line, const char *word, size_t length);

/* A new region, or one to be made again. */
bool region_make(struct line *line, int *out_region);

/* "A", "A+3p", "A-3p" */
bool place_take(struct line *line, int *out_region, int64_t *out_page);

/* "A", "A 3", "A 3..10": into line->op. */
bool range_take(struct line *line);

/* ---- operands ---- */

/* What stands behind the verb, into line->op: vm_script_operands.c. */
bool operands_read(struct line *line);

#endif
