/* SPDX-License-Identifier: MIT */
/*
 * Programs: finding the file a command names, and what in it keeps a preloaded library out.
 */
#ifndef ALLOT_TOOLS_PROGRAM_H
#define ALLOT_TOOLS_PROGRAM_H

#include <limits.h>
#include <stdbool.h>

#include "word.h"

/* How the search for a program ended. */
enum program_search {
	PROGRAM_FOUND,
	PROGRAM_NOT_FOUND,
	PROGRAM_NOT_EXECUTABLE,
};

/* What the dynamic linker will make of a program. */
enum program_kind {
	PROGRAM_DYNAMIC,     /* an ELF file with an interpreter, of our word size and machine */
	PROGRAM_STATIC,      /* an ELF file without one */
	PROGRAM_FOREIGN,     /* an ELF file of another word size or machine */
	PROGRAM_UNKNOWN,     /* no ELF file, or unreadable */
};

/* The file that will run: for a script, its interpreter. */
struct program {
	char path[PATH_MAX];
	enum program_kind kind;
	bool is_privileged;       /* gets more rights than its caller: preloading is ignored */
	char linker[PATH_MAX];    /* the dynamic linker it names; empty unless dynamic */
};

/* Find `name` as execvp(3) would, and look into what is found. */
enum program_search program_find(struct program *program, const char *name);

/* As program_find(); in the name of `command`, says on standard error what went wrong. */
enum program_search program_require(struct program *program, const char *command, const char *name);

/* Why a preloaded library has no effect on `program`, for a message, or NULL when it has. */
const char *program_obstacle(const struct program *program);

#endif
