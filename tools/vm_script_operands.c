/* SPDX-License-Identifier: MIT */
/*
 * What stands behind the verb of a line, operation by operation, and the words for it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <allot/vm.h>

#include "vm_script_line.h"

enum {
	FILE_PAGES_MAX = 1 << 14,
	ARGUMENT_PAGES_MAX = 16,
	RANDOM_MAX = 1 << 24,
	FRAMES_MIN = 128,
};

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

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
	{ "ENOENT", ENOENT }, { "ENOEXEC", ENOEXEC }, { "ELIBBAD", ELIBBAD }, { "EIO", EIO },
	{ "E2BIG", E2BIG }, { "EBUSY", EBUSY },
	{ NULL, 0 },
};

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

static bool fork_read(struct line *line)
{
	struct script *script = line->script;
	const char *word = word_peek(line);
	if (word == NULL || !is_name(word))
		return word_refuse(line, "the name of a child", NULL);
	if (process_find(script, word, strlen(word)) != NAME_NONE)
		return refuse(line, "there has been a process '%s' already", word);
	if (script->process_count == SCRIPT_PROCESSES_MAX)
		return refuse(line, "more than %d processes", SCRIPT_PROCESSES_MAX);
	line->op->child = script->process_count++;
	snprintf(script->processes[line->op->child], SCRIPT_NAME_BYTES, "%s", word);
	line->next++;
	return true;
}

static bool exec_read(struct line *line)
{
	struct script_op *op = line->op;
	const char *word = word_peek(line);
	if (word == NULL)
		return word_refuse(line, "the file of a program", NULL);
	snprintf(op->path, sizeof(op->path), "%s", word);
	line->next++;
	if (word_peek(line) != NULL &&
	    !pages_take(line, "the size of an argument in pages, as 3p", 0, ARGUMENT_PAGES_MAX,
			&op->pages))
		return false;
	if (line->script->is_limited)
		return refuse(line, "an exec is not modelled where memory is limited");
	line->script->is_program[op->process] = true;
	line->script->has_program = true;
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

/* An error is expected of the last operation: if that is an exec, the process goes on. */
static void exec_unmark(struct script *script)
{
	const struct script_op *last = script->ops + script->op_count;
	if (script->op_count > 0 && (--last)->verb == VERB_EXEC)
		script->is_program[last->process] = false;
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
		if (key == EXPECT_ERROR)
			exec_unmark(line->script);
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

/* From here on the script's processes are in a group. */
static bool limits_begin(struct line *line)
{
	if (line->script->has_program)
		return refuse(line, "limits are not modelled where there was an exec");
	line->script->is_limited = true;
	return true;
}

static bool limit_read(struct line *line)
{
	struct script *script = line->script;
	if (!limits_begin(line))
		return false;
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
	if (!limits_begin(line) ||
	    !pages_take(line, "the number of frames, as 4096p", FRAMES_MIN, PAGES_MAX,
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

bool operands_read(struct line *line)
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
	case VERB_EXEC:
		return exec_read(line);
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
		return limits_begin(line) &&
		       number_take(line, "a swappiness from 0 to 200", 0, VM_SWAPPINESS_MAX,
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

/* ---- words ---- */

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
