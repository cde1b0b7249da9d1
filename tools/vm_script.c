/* SPDX-License-Identifier: MIT */
/*
 * Scripts: reading them, and saying what is wrong with a line and what was expected there.
 */
#include "vm_script.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <allot/vm.h>

#include "word.h"

enum {
	WORDS_MAX = 24,
	PAGES_MAX = 1 << 22, /* 16 GiB */
	FILE_PAGES_MAX = 1 << 14,
	RANDOM_MAX = 1 << 24,
	FRAMES_MIN = 128,
};

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* A word and what it stands for. */
struct entry {
	const char *word;
	int value;
};

static const struct entry verbs[] = {
	{ "file", VERB_FILE }, { "memory", VERB_MEMORY }, { "map", VERB_MAP },
	{ "unmap", VERB_UNMAP }, { "protect", VERB_PROTECT }, { "remap", VERB_REMAP },
	{ "advise", VERB_ADVISE }, { "lock", VERB_LOCK }, { "unlock", VERB_UNLOCK },
	{ "brk", VERB_BREAK }, { "r", VERB_LOAD }, { "w", VERB_STORE }, { "x", VERB_FETCH },
	{ "w8", VERB_STORE_BYTES }, { "kernel-w", VERB_KERNEL_STORE },
	{ "kernel-r", VERB_KERNEL_LOAD }, { "fork", VERB_FORK }, { "exit", VERB_EXIT },
	{ "frames", VERB_FRAMES }, { "limit", VERB_LIMIT }, { "swap", VERB_SWAP },
	{ "swappiness", VERB_SWAPPINESS },
	{ "adjust", VERB_ADJUST }, { "drop", VERB_DROP },
	{ "expect", VERB_EXPECT }, { NULL, 0 },
};

static const struct entry advices[] = {
	{ "normal", VM_ADVISE_NORMAL }, { "random", VM_ADVISE_RANDOM },
	{ "sequential", VM_ADVISE_SEQUENTIAL }, { "willneed", VM_ADVISE_WILLNEED },
	{ "dontneed", VM_ADVISE_DONTNEED }, { "free", VM_ADVISE_FREE },
	{ "cold", VM_ADVISE_COLD }, { "pageout", VM_ADVISE_PAGEOUT },
	{ "hugepage", VM_ADVISE_HUGEPAGE }, { "nohugepage", VM_ADVISE_NOHUGEPAGE },
	{ "dontfork", VM_ADVISE_DONTFORK }, { "dofork", VM_ADVISE_DOFORK },
	{ "wipeonfork", VM_ADVISE_WIPEONFORK }, { "keeponfork", VM_ADVISE_KEEPONFORK },
	{ "dontdump", VM_ADVISE_DONTDUMP }, { "dodump", VM_ADVISE_DODUMP },
	{ "populate-read", VM_ADVISE_POPULATE_READ },
	{ "populate-write", VM_ADVISE_POPULATE_WRITE },
	{ "guard-install", VM_ADVISE_GUARD_INSTALL }, { "guard-remove", VM_ADVISE_GUARD_REMOVE },
	{ NULL, 0 },
};

static const struct entry expects[] = {
	{ "min", EXPECT_MIN }, { "maj", EXPECT_MAJ }, { "anon", EXPECT_ANON },
	{ "file", EXPECT_FILE }, { "shared", EXPECT_SHARED }, { "tables", EXPECT_TABLES },
	{ "locked", EXPECT_LOCKED }, { "total", EXPECT_TOTAL }, { "areas", EXPECT_AREAS },
	{ "zero", EXPECT_ZERO }, { "huge", EXPECT_HUGE },
	{ "copied", EXPECT_COPIED }, { "signal", EXPECT_SIGNAL },
	{ "error", EXPECT_ERROR }, { "swap", EXPECT_SWAP }, { "kswapd", EXPECT_KSWAPD },
	{ "direct", EXPECT_DIRECT }, { "killed", EXPECT_KILLED },
	{ NULL, 0 },
};

static const struct entry map_words[] = {
	{ "private", 0 }, { "shared", VM_MAP_SHARED }, { "populate", VM_MAP_POPULATE },
	{ "locked", VM_MAP_LOCKED }, { "noreserve", VM_MAP_NORESERVE }, { "stack", VM_MAP_STACK },
	{ "growsdown", VM_MAP_GROWSDOWN }, { "noreplace", VM_MAP_NOREPLACE }, { NULL, 0 },
};

static const struct entry errors[] = {
	{ "none", 0 }, { "ENOMEM", ENOMEM }, { "EINVAL", EINVAL }, { "EEXIST", EEXIST },
	{ "EFAULT", EFAULT }, { "EACCES", EACCES }, { "EPERM", EPERM }, { "EAGAIN", EAGAIN },
	{ "EBUSY", EBUSY },
	{ NULL, 0 },
};

/* ---- one line being read ---- */

struct line {
	struct script *script;
	struct script_op *op;
	char chars[SCRIPT_LINE_BYTES];
	char *words[WORDS_MAX];
	size_t count;
	size_t next;
};

/* Say what is wrong; always false. */
static bool refuse(struct line *line, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static bool refuse(struct line *line, const char *format, ...)
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

static const char *word_peek(const struct line *line)
{
	return line->next < line->count ? line->words[line->next] : NULL;
}

static bool word_take_if(struct line *line, const char *word)
{
	const char *at = word_peek(line);
	if (at == NULL || strcmp(at, word) != 0)
		return false;
	line->next++;
	return true;
}

static const struct entry *entry_find(const struct entry *table, const char *word)
{
	for (; table->word != NULL; table++)
		if (strcmp(table->word, word) == 0)
			return table;
	return NULL;
}

/* Refuse the next word, which is no `what`, naming the nearest that is. */
static bool word_refuse(struct line *line, const char *what, const struct entry *table)
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

static bool word_lookup(struct line *line, const char *what, const struct entry *table,
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
static bool number_read(const char **text, int64_t *out_number)
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
static bool pages_take(struct line *line, const char *what, int64_t least, int64_t most,
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

static bool is_name(const char *word)
{
	size_t length = strlen(word);
	if (length == 0 || length >= SCRIPT_NAME_BYTES || !isalpha((unsigned char)word[0]))
		return false;
	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)word[i]) && word[i] != '_')
			return false;
	return true;
}

static int region_find(const struct script *script, const char *name, size_t length)
{
	for (int i = 0; i < script->region_count; i++)
		if (strlen(script->regions[i]) == length &&
		    strncmp(script->regions[i], name, length) == 0)
			return i;
	return REGION_NONE;
}

static bool region_refuse(struct line *line, const char *word, size_t length)
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
static bool region_make(struct line *line, int *out_region)
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
static bool place_take(struct line *line, int *out_region, int64_t *out_page)
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
static bool range_take(struct line *line)
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

/* ---- operands ---- */

static bool protection_take(struct line *line)
{
	const char *word = word_peek(line);
	unsigned protection = 0;
	if (word == NULL)
		return word_refuse(line, "a protection such as rw", NULL);
	for (const char *at = word; *at != '\0' && strcmp(word, "none") != 0; at++) {
		if (*at == 'r')
			protection |= VM_PROT_READ;
		else if (*at == 'w')
			protection |= VM_PROT_WRITE;
		else if (*at == 'x')
			protection |= VM_PROT_EXEC;
		else
			return word_refuse(line, "a protection: of r, w and x, or none", NULL);
	}
	line->op->protection = protection;
	line->next++;
	return true;
}

/* A file's name with pages: F, F+4p. False if the word is none; wrong pages are refused. */
static bool file_take(struct line *line, bool *out_is_wrong)
{
	struct script *script = line->script;
	const char *word = word_peek(line);
	size_t length = strcspn(word, "+");
	*out_is_wrong = false;
	for (int i = 0; i < script->file_count; i++) {
		const char *at = word + length;
		if (strlen(script->files[i].name) != length ||
		    strncmp(script->files[i].name, word, length) != 0)
			continue;
		if (*at != '\0' && (!number_read(&at, &line->op->file_page) ||
				    strcmp(at, "p") != 0 || line->op->file_page < 0)) {
			*out_is_wrong = true;
			return !refuse(line, "expected a file and pages as F+3p, not '%s'", word);
		}
		line->op->file = i;
		line->next++;
		return true;
	}
	return false;
}

static bool map_word_take(struct line *line)
{
	struct script_op *op = line->op;
	const char *word = word_peek(line);
	bool is_wrong;
	if (word_take_if(line, "at"))
		return place_take(line, &op->to_region, &op->to_page);
	if (word_take_if(line, "fixed")) {
		op->flags |= VM_MAP_FIXED;
		return place_take(line, &op->to_region, &op->to_page);
	}
	const struct entry *entry = entry_find(map_words, word);
	if (entry != NULL) {
		op->flags |= (unsigned)entry->value;
		line->next++;
		return true;
	}
	if (file_take(line, &is_wrong))
		return !is_wrong;
	return word_refuse(line, "a file, at, fixed, or a flag", map_words);
}

static bool map_read(struct line *line)
{
	struct script_op *op = line->op;
	if (!region_make(line, &op->region) ||
	    !pages_take(line, "its size in pages, as 64p", 0, PAGES_MAX, &op->pages) ||
	    !protection_take(line))
		return false;
	while (word_peek(line) != NULL)
		if (!map_word_take(line))
			return false;
	if (op->flags & VM_MAP_NOREPLACE && op->to_region == REGION_NONE)
		return refuse(line, "noreplace needs `at` and a place");
	return true;
}

static bool file_read(struct line *line)
{
	struct script *script = line->script;
	const char *word = word_peek(line);
	if (word == NULL || !is_name(word))
		return word_refuse(line, "the name of a file", NULL);
	if (script->file_count == SCRIPT_FILES_MAX)
		return refuse(line, "more than %d files", SCRIPT_FILES_MAX);
	struct script_file *file = &script->files[script->file_count];
	line->next++;
	if (!pages_take(line, "its size in pages, as 64p", 1, FILE_PAGES_MAX, &file->pages))
		return false;
	snprintf(file->name, sizeof(file->name), "%s", word);
	file->is_memory = line->op->verb == VERB_MEMORY;
	line->op->file = script->file_count++;
	return true;
}

static bool remap_read(struct line *line)
{
	struct script_op *op = line->op;
	if (!range_take(line) ||
	    !pages_take(line, "the new size in pages, as 8p", 0, PAGES_MAX, &op->pages))
		return false;
	while (word_peek(line) != NULL) {
		if (word_take_if(line, "move")) {
			op->flags |= VM_REMAP_MAYMOVE;
		} else if (word_take_if(line, "keep")) {
			op->flags |= VM_REMAP_MAYMOVE | VM_REMAP_DONTUNMAP;
		} else if (word_take_if(line, "to")) {
			op->flags |= VM_REMAP_MAYMOVE | VM_REMAP_FIXED;
			if (!place_take(line, &op->to_region, &op->to_page))
				return false;
		} else if (word_take_if(line, "as")) {
			if (!region_make(line, &op->made_region))
				return false;
		} else {
			return word_refuse(line, "move, keep, to or as", NULL);
		}
	}
	return true;
}

static int process_find(const struct script *script, const char *name, size_t length)
{
	for (int i = 0; i < script->process_count; i++)
		if (strlen(script->processes[i]) == length &&
		    strncmp(script->processes[i], name, length) == 0)
			return i;
	return -1;
}

static bool fork_read(struct line *line)
{
	struct script *script = line->script;
	const char *word = word_peek(line);
	if (word == NULL || !is_name(word))
		return word_refuse(line, "the name of a child", NULL);
	if (process_find(script, word, strlen(word)) >= 0)
		return refuse(line, "there has been a process '%s' already", word);
	if (script->process_count == SCRIPT_PROCESSES_MAX)
		return refuse(line, "more than %d processes", SCRIPT_PROCESSES_MAX);
	line->op->child = script->process_count++;
	snprintf(script->processes[line->op->child], SCRIPT_NAME_BYTES, "%s", word);
	line->next++;
	return true;
}

static bool expect_value_read(struct line *line, struct script_expect *expect, const char *value)
{
	const char *at = value;
	if (expect->key == EXPECT_ERROR) {
		const struct entry *entry = entry_find(errors, value);
		if (entry != NULL)
			expect->value = entry->value;
		return entry != NULL || refuse(line, "expected an error such as ENOMEM, not '%s'",
					       value);
	}
	if (expect->key == EXPECT_KILLED) {
		expect->value = process_find(line->script, value, strlen(value));
		return expect->value >= 0 || strcmp(value, "none") == 0 ||
		       refuse(line, "expected a process that `fork` has made, not '%s'", value);
	}
	for (int signal = 0; expect->key == EXPECT_SIGNAL && signal <= VM_SIGNAL_KILLED; signal++) {
		expect->value = signal;
		if (strcmp(vm_signal_name((enum vm_signal)signal), value) == 0)
			return true;
	}
	if (expect->key == EXPECT_SIGNAL)
		return refuse(line, "expected a signal such as segv-maperr, not '%s'", value);
	if (!number_read(&at, &expect->value) || *at != '\0')
		return refuse(line, "expected a number, not '%s'", value);
	return true;
}

static bool expect_read(struct line *line)
{
	struct script_op *op = line->op;
	while (line->next < line->count) {
		char *word = line->words[line->next];
		char *sign = strchr(word, '=');
		int key;
		if (op->expect_count == SCRIPT_EXPECTS_MAX)
			return refuse(line, "more than %d expectations", SCRIPT_EXPECTS_MAX);
		if (sign == NULL)
			return word_refuse(line, "an expectation such as min=64", NULL);
		*sign = '\0';
		if (!word_lookup(line, "what to expect", expects, &key))
			return false;
		op->expects[op->expect_count].key = (enum expect_key)key;
		if (!expect_value_read(line, &op->expects[op->expect_count], sign + 1))
			return false;
		op->expect_count++;
	}
	return op->expect_count > 0 || word_refuse(line, "an expectation such as min=64", NULL);
}

static bool byte_read(struct line *line)
{
	struct script_op *op = line->op;
	const char *word = word_peek(line);
	if (word == NULL)
		return word_refuse(line, "a region", NULL);
	op->region = region_find(line->script, word, strlen(word));
	if (op->region == REGION_NONE)
		return region_refuse(line, word, strlen(word));
	line->next++;
	const char *at = word_peek(line);
	if (at == NULL || !number_read(&at, &op->byte) || *at != '\0')
		return word_refuse(line, "the number of a byte", NULL);
	line->next++;
	return true;
}

static bool break_read(struct line *line)
{
	const char *word = word_peek(line);
	if (word == NULL || (word[0] != '+' && word[0] != '-'))
		return word_refuse(line, "a change such as +4p", NULL);
	return pages_take(line, "a change such as +4p", -PAGES_MAX, PAGES_MAX, &line->op->pages);
}

static bool number_take(struct line *line, const char *what, int64_t least, int64_t most,
			int64_t *out_number)
{
	const char *word = word_peek(line), *at = word;
	if (word == NULL || !number_read(&at, out_number) || *at != '\0')
		return word_refuse(line, what, NULL);
	if (*out_number < least || *out_number > most)
		return refuse(line, "'%s': from %lld to %lld are possible", word,
			      (long long)least, (long long)most);
	line->next++;
	return true;
}

/* A range, and in which order its pages are accessed. */
static bool access_read(struct line *line)
{
	struct script_op *op = line->op;
	int64_t seed = 0;
	if (!range_take(line))
		return false;
	op->is_backward = word_take_if(line, "back");
	if (op->is_backward || !word_take_if(line, "random"))
		return true;
	if (!number_take(line, "how many pages at random", 1, RANDOM_MAX, &op->number) ||
	    !number_take(line, "a seed", 0, INT32_MAX, &seed))
		return false;
	op->seed = (uint64_t)seed;
	return true;
}

static bool limit_read(struct line *line)
{
	struct script *script = line->script;
	script->is_limited = true;
	if (line->op->verb == VERB_LIMIT && word_take_if(line, "none"))
		return true;
	if (line->op->verb == VERB_LIMIT)
		return pages_take(line, "a limit in pages, as 8192p, or none", 1, PAGES_MAX,
				  &line->op->pages);
	script->has_swap = true;
	return pages_take(line, "the size of swap in pages, as 65536p", 1, PAGES_MAX,
			  &line->op->pages);
}

static bool frames_read(struct line *line)
{
	struct script *script = line->script;
	script->is_limited = true;
	if (!pages_take(line, "the number of frames, as 4096p", FRAMES_MIN, PAGES_MAX,
			&script->frames))
		return false;
	script->panics = word_take_if(line, "panic");
	return true;
}

static bool drop_read(struct line *line)
{
	bool is_wrong = false;
	if (word_peek(line) != NULL && file_take(line, &is_wrong))
		return true;
	return !is_wrong && word_refuse(line, "a file", NULL);
}

static bool operands_read(struct line *line)
{
	struct script_op *op = line->op;
	switch (op->verb) {
	case VERB_FILE:
	case VERB_MEMORY:
		return file_read(line);
	case VERB_MAP:
		return map_read(line);
	case VERB_PROTECT:
		return range_take(line) && protection_take(line);
	case VERB_REMAP:
		return remap_read(line);
	case VERB_ADVISE:
		return range_take(line) && word_lookup(line, "advice", advices, &op->advice);
	case VERB_LOCK:
		if (!range_take(line))
			return false;
		op->flags = word_take_if(line, "onfault");
		return true;
	case VERB_BREAK:
		return break_read(line);
	case VERB_STORE_BYTES:
		return byte_read(line);
	case VERB_FORK:
		return fork_read(line);
	case VERB_EXIT:
		return true;
	case VERB_LOAD:
	case VERB_STORE:
	case VERB_FETCH:
		return access_read(line);
	case VERB_FRAMES:
		return frames_read(line);
	case VERB_LIMIT:
	case VERB_SWAP:
		return limit_read(line);
	case VERB_SWAPPINESS:
		line->script->is_limited = true;
		return number_take(line, "a swappiness from 0 to 200", 0, VM_SWAPPINESS_MAX,
				   &line->op->number);
	case VERB_ADJUST:
		return number_take(line, "a change from -1000 to 1000", -1000, 1000,
				   &line->op->number);
	case VERB_DROP:
		return drop_read(line);
	case VERB_EXPECT:
		return expect_read(line);
	default:
		return range_take(line);
	}
}

/* "c:" before the verb. */
static bool process_take(struct line *line)
{
	const char *word = word_peek(line);
	size_t length = strlen(word);
	if (word[length - 1] != ':')
		return true;
	line->op->process = process_find(line->script, word, length - 1);
	if (line->op->process < 0)
		return refuse(line, "expected a process that `fork` has made, not '%s'", word);
	line->next++;
	return true;
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

const char *script_error_name(int error)
{
	for (size_t i = 0; errors[i].word != NULL; i++)
		if (errors[i].value == error)
			return errors[i].word;
	return strerrorname_np(error) != NULL ? strerrorname_np(error) : "an unknown error";
}

const char *script_advice_name(int advice)
{
	return (size_t)advice < ARRAY_LEN(advices) ? advices[advice].word : NULL;
}

const char *script_expect_name(enum expect_key key)
{
	return expects[key].word;
}
