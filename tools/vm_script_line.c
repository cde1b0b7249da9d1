/* SPDX-License-Identifier: MIT */
/*
 * One line of a script: its words, names, numbers and places. See vm_script_line.h.
 */
#include "vm_script_line.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "word.h"

/* ---- words ---- */

bool refuse(struct line *line, const char *format, ...)
{
	struct script *script = line->script;
	va_list arguments;
	int used = snprintf(script->message, sizeof(script->message), "%s:%d: ", script->path,
			    line->op->line);
	va_start(arguments, format);
	vsnprintf(script->message + used, sizeof(script->message) - (size_t)used, format,
		  arguments);
	va_end(arguments);
	return false;
}

const char *word_peek(const struct line *line)
{
	return line->next < line->count ? line->words[line->next] : NULL;
}

bool word_take_if(struct line *line, const char *word)
{
	const char *at = word_peek(line);
	if (at == NULL || strcmp(at, word) != 0)
		return false;
	line->next++;
	return true;
}

const struct entry *entry_find(const struct entry *table, const char *word)
{
	for (; table->word != NULL; table++)
		if (strcmp(table->word, word) == 0)
			return table;
	return NULL;
}

/* Refuse the next word, which is no `what`, naming the nearest that is. */
bool word_refuse(struct line *line, const char *what, const struct entry *table)
{
	struct word_match match;
	const char *word = word_peek(line);
	if (word == NULL)
		return refuse(line, "expected %s at the end of the line", what);
	word_match_init(&match, word);
	for (; table != NULL && table->word != NULL; table++)
		word_match_offer(&match, table->word);
	if (table != NULL && match.nearest[0] != '\0')
		return refuse(line, "expected %s, not '%s' (did you mean '%s'?)", what, word,
			      match.nearest);
	return refuse(line, "expected %s, not '%s'", what, word);
}

bool word_lookup(struct line *line, const char *what, const struct entry *table,
			int *out_value)
{
	const char *word = word_peek(line);
	const struct entry *entry = word != NULL ? entry_find(table, word) : NULL;
	if (entry == NULL)
		return word_refuse(line, what, table);
	*out_value = entry->value;
	line->next++;
	return true;
}

/* A number at `*text`, which is moved behind it. */
bool number_read(const char **text, int64_t *out_number)
{
	char *end;
	errno = 0;
	long long number = strtoll(*text, &end, 10);
	if (end == *text || errno != 0 || !(isdigit((unsigned char)**text) || **text == '-' ||
					    **text == '+'))
		return false;
	*text = end;
	*out_number = number;
	return true;
}

/* "64p" */
bool pages_take(struct line *line, const char *what, int64_t least, int64_t most,
		       int64_t *out_pages)
{
	const char *word = word_peek(line), *at = word;
	if (word == NULL || !number_read(&at, out_pages) || strcmp(at, "p") != 0)
		return word_refuse(line, what, NULL);
	if (*out_pages < least || *out_pages > most)
		return refuse(line, "'%s': from %lldp to %lldp are possible", word,
			      (long long)least, (long long)most);
	line->next++;
	return true;
}

/* ---- names ---- */

bool is_name(const char *word)
{
	size_t length = strlen(word);
	if (length == 0 || length >= SCRIPT_NAME_BYTES || !isalpha((unsigned char)word[0]))
		return false;
	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)word[i]) && word[i] != '_')
			return false;
	return true;
}

/* The index of a name, of `length` bytes, among `count`; NAME_NONE when it is not there. */
static int name_find(const char (*names)[SCRIPT_NAME_BYTES], int count, const char *name,
		     size_t length)
{
	for (int i = 0; i < count; i++)
		if (strlen(names[i]) == length && strncmp(names[i], name, length) == 0)
			return i;
	return NAME_NONE;
}

int region_find(const struct script *script, const char *name, size_t length)
{
	return name_find(script->regions, script->region_count, name, length);
}

bool region_refuse(struct line *line, const char *word, size_t length)
{
	char name[SCRIPT_NAME_BYTES];
	struct word_match match;
	snprintf(name, sizeof(name), "%.*s", (int)length, word);
	word_match_init(&match, name);
	for (int i = 0; i < line->script->region_count; i++)
		word_match_offer(&match, line->script->regions[i]);
	if (match.nearest[0] != '\0')
		return refuse(line, "expected a region, not '%s' (did you mean '%s'?)", name,
			      match.nearest);
	return refuse(line, "expected a region that `map` or `remap ... as` has made, not '%s'",
		      name);
}

/* A new region, or one to be made again. */
bool region_make(struct line *line, int *out_region)
{
	struct script *script = line->script;
	const char *word = word_peek(line);
	if (word == NULL || !is_name(word))
		return word_refuse(line, "the name of a region", NULL);
	*out_region = region_find(script, word, strlen(word));
	if (*out_region != REGION_NONE && *out_region < REGION_FIRST_NAMED)
		return refuse(line, "'%s' is a region every script has", word);
	if (*out_region == REGION_NONE) {
		if (script->region_count == SCRIPT_REGIONS_MAX)
			return refuse(line, "more than %d regions", SCRIPT_REGIONS_MAX);
		*out_region = script->region_count++;
		snprintf(script->regions[*out_region], SCRIPT_NAME_BYTES, "%s", word);
	}
	line->next++;
	return true;
}

/* "A", "A+3p", "A-3p" */
bool place_take(struct line *line, int *out_region, int64_t *out_page)
{
	const char *word = word_peek(line);
	if (word == NULL)
		return word_refuse(line, "a region", NULL);
	size_t length = strcspn(word, "+-");
	const char *at = word + length;
	*out_page = 0;
	*out_region = region_find(line->script, word, length);
	if (*out_region == REGION_NONE)
		return region_refuse(line, word, length);
	if (*at != '\0' && (!number_read(&at, out_page) || strcmp(at, "p") != 0))
		return refuse(line, "expected a region and pages as A+3p, not '%s'", word);
	line->next++;
	return true;
}

/* "A", "A 3", "A 3..10" */
bool range_take(struct line *line)
{
	struct script_op *op = line->op;
	const char *word = word_peek(line);
	int64_t last;
	if (word == NULL)
		return word_refuse(line, "a region", NULL);
	op->region = region_find(line->script, word, strlen(word));
	if (op->region == REGION_NONE)
		return region_refuse(line, word, strlen(word));
	line->next++;
	const char *at = word_peek(line);
	/* Behind a whole region a size may come: 8p. */
	if (at == NULL || !number_read(&at, &op->first) || strcmp(at, "p") == 0) {
		op->first = 0;
		op->is_whole = true;
		return true;
	}
	last = op->first;
	if (*at != '\0' && (strncmp(at, "..", 2) != 0 || (at += 2, !number_read(&at, &last)) ||
			    *at != '\0'))
		return refuse(line, "expected pages as 3 or 3..10, not '%s'",
			      line->words[line->next]);
	if (last < op->first || last - op->first >= PAGES_MAX)
		return refuse(line, "'%s': the last page comes before the first, or is too far",
			      line->words[line->next]);
	op->count = last - op->first + 1;
	line->next++;
	return true;
}

int process_find(const struct script *script, const char *name, size_t length)
{
	return name_find(script->processes, script->process_count, name, length);
}
