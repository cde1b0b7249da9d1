/* SPDX-License-Identifier: MIT */
/*
 * allot bench: hand over to the program that compares allocators.
 *
 * That program is a folder of Python, installed in libexec; it gets the paths of the library and of
 * `allot`, then the words of the user as they are. Options before the first operand are checked
 * here, against the table that documents them; it reads all of them itself.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "argument.h"
#include "locate.h"
#include "notice.h"
#include "program.h"

static const char name[] = "bench";
static char interpreter[] = "python3"; /* argv of execvp(3) is not const */

/* What is installed belongs to others: no compiled files there. */
static char no_bytecode[] = "-B";

enum {
	MESSAGE_BYTES = 2 * PATH_MAX,
	WORDS_BEFORE = 5, /* of ours, before those of the user: see words_make() */
};

/* The command line of the interpreter; NULL when there is no memory for it. */
static char **words_make(char *script, char *library, char *own, int argc, char **argv)
{
	char **words = calloc((size_t)(WORDS_BEFORE + argc), sizeof(*words));

	if (words == NULL)
		return NULL;
	words[0] = interpreter;
	words[1] = no_bytecode;
	words[2] = script;
	words[3] = library;
	words[4] = own;
	/* With the NULL at their end. */
	memcpy(words + WORDS_BEFORE, argv + 1, (size_t)argc * sizeof(*words));
	return words;
}

int bench_main(int argc, char **argv)
{
	struct argument_scan scan;
	struct program python;
	char library[PATH_MAX], script[PATH_MAX], own[PATH_MAX];
	char message[MESSAGE_BYTES];

	argument_init(&scan, &command_bench, argc, argv);
	while (argument_next(&scan) != NULL)
		;
	if (scan.status != ARGUMENT_GO_ON)
		return scan.status;
	if (program_find(&python, interpreter) != PROGRAM_FOUND) {
		notice_write(name, "it needs %s, which is not on PATH (package python3)",
			     interpreter);
		return STATUS_NOT_FOUND;
	}
	if (!library_locate(library, message, sizeof(message)) ||
	    !bench_locate(script, message, sizeof(message))) {
		notice_write(name, "%s", message);
		return STATUS_NOT_FOUND;
	}
	if (!own_path(own)) {
		notice_write(name, "/proc/self/exe: %s", strerror(errno));
		return STATUS_NOT_FOUND;
	}
	char **words = words_make(script, library, own, argc, argv);
	if (words != NULL)
		execvp(interpreter, words);
	notice_write(name, "%s: %s", interpreter, strerror(errno));
	free(words);
	return STATUS_NOT_FOUND;
}
