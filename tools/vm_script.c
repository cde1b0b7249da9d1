/* SPDX-License-Identifier: MIT */
/*
 * Scripts: reading them, line by line; what is wrong with a line is said with what was expected.
 */
#include "vm_script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vm_script_line.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static const struct entry verbs[] = {
	{ "file", VERB_FILE }, { "memory", VERB_MEMORY }, { "map", VERB_MAP },
	{ "unmap", VERB_UNMAP }, { "protect", VERB_PROTECT }, { "remap", VERB_REMAP },
	{ "advise", VERB_ADVISE }, { "lock", VERB_LOCK }, { "unlock", VERB_UNLOCK },
	{ "brk", VERB_BREAK }, { "r", VERB_LOAD }, { "w", VERB_STORE }, { "x", VERB_FETCH },
	{ "w8", VERB_STORE_BYTES }, { "kernel-w", VERB_KERNEL_STORE },
	{ "kernel-r", VERB_KERNEL_LOAD }, { "fork", VERB_FORK }, { "exit", VERB_EXIT },
	{ "exec", VERB_EXEC }, { "frames", VERB_FRAMES }, { "limit", VERB_LIMIT },
	{ "swap", VERB_SWAP }, { "swappiness", VERB_SWAPPINESS }, { "adjust", VERB_ADJUST },
	{ "drop", VERB_DROP },
	{ "expect", VERB_EXPECT }, { NULL, 0 },
};

/* ---- one line ---- */

/* "c:" before the verb. */
static bool process_take(struct line *line)
{
	const char *word = word_peek(line);
	size_t length = strlen(word);
	if (word[length - 1] != ':')
		return true;
	line->op->process = process_find(line->script, word, length - 1);
	if (line->op->process == NAME_NONE)
		return refuse(line, "expected a process that `fork` has made, not '%s'", word);
	line->next++;
	return true;
}

/* Is it possible in a process that has executed a program, which does not listen to us? */
static bool program_can(enum script_verb verb)
{
	return verb == VERB_EXIT || verb == VERB_EXPECT || verb == VERB_FILE ||
	       verb == VERB_MEMORY;
}

/* Read one line into line->op; *out_is_empty when there is nothing on it. */
static bool line_read(struct line *line, const char *text, size_t length, bool *out_is_empty)
{
	struct script_op *op = line->op;
	int verb;
	*out_is_empty = false;
	op->region = op->to_region = op->made_region = REGION_NONE;
	op->file = -1;
	if (length >= SCRIPT_LINE_BYTES)
		return refuse(line, "more than %d characters", SCRIPT_LINE_BYTES - 1);
	memcpy(line->chars, text, length);
	line->chars[length] = '\0';
	line->chars[strcspn(line->chars, "#")] = '\0';
	snprintf(op->text, sizeof(op->text), "%s", line->chars + strspn(line->chars, " \t"));
	static const char blanks[] = " \t\r";
	for (char *word = strtok(line->chars, blanks); word != NULL; word = strtok(NULL, blanks)) {
		if (line->count == WORDS_MAX)
			return refuse(line, "more than %d words", WORDS_MAX);
		line->words[line->count++] = word;
	}
	for (size_t end = strlen(op->text); end > 0 && strchr(" \t\r", op->text[end - 1]); end--)
		op->text[end - 1] = '\0';
	*out_is_empty = line->count == 0;
	if (*out_is_empty)
		return true;
	if (!process_take(line) || !word_lookup(line, "an operation", verbs, &verb))
		return false;
	op->verb = (enum script_verb)verb;
	if (line->script->is_program[op->process] && !program_can(op->verb))
		return refuse(line, "after `exec` a process can only `exit`");
	if (!operands_read(line))
		return false;
	if (line->next < line->count)
		return refuse(line, "'%s' is one word too many", word_peek(line));
	return true;
}

/* ---- scripts ---- */

static void script_init(struct script *script, const char *path)
{
	static const char *const given[] = { "heap", "null", "hole", "top" };
	*script = (struct script){ .path = path, .process_count = 1 };
	for (size_t i = 0; i < ARRAY_LEN(given); i++)
		snprintf(script->regions[i], SCRIPT_NAME_BYTES, "%s", given[i]);
	script->region_count = ARRAY_LEN(given);
	snprintf(script->processes[0], SCRIPT_NAME_BYTES, "main");
}

static size_t lines_count(const char *text)
{
	size_t count = 1;
	for (; *text != '\0'; text++)
		count += *text == '\n';
	return count;
}

static bool parse(struct script *script, const char *path, const char *text, bool is_lenient)
{
	script_init(script, path);
	script->ops = calloc(lines_count(text), sizeof(*script->ops));
	if (script->ops == NULL) {
		snprintf(script->message, sizeof(script->message), "%s: no memory", path);
		return false;
	}
	for (int number = 1; *text != '\0'; number++) {
		size_t length = strcspn(text, "\n");
		struct line line = { .script = script, .op = &script->ops[script->op_count] };
		bool is_empty;
		*line.op = (struct script_op){ .line = number };
		bool is_right = line_read(&line, text, length, &is_empty);
		if (!is_right && !is_lenient)
			return false;
		script->op_count += is_right && !is_empty;
		text += length + (text[length] == '\n');
	}
	return true;
}

bool script_parse(struct script *script, const char *path, const char *text)
{
	return parse(script, path, text, false);
}

void script_parse_leniently(struct script *script, const char *path, const char *text)
{
	parse(script, path, text, true);
}

void script_finish(struct script *script)
{
	free(script->ops);
	script->ops = NULL;
	script->op_count = 0;
}

char *script_read(const char *path)
{
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
	char *text = NULL;
	size_t capacity = 0;
	if (file == NULL)
		return NULL;
	ssize_t length = getdelim(&text, &capacity, '\0', file);
	bool has_failed = ferror(file);
	if (file != stdin)
		fclose(file);
	if (length < 0 && !has_failed && text != NULL)
		text[0] = '\0';
	if (has_failed) {
		free(text);
		return NULL;
	}
	return text;
}
