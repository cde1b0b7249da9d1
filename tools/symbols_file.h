/* SPDX-License-Identifier: MIT */
/*
 * Symbols of one file of code: its functions, and the lines they are from.
 *
 * Two of them are chosen from by the build: symbols_file_dwfl.c reads ELF and DWARF with libdw of
 * elfutils, which finds separate debug files by build id and by debug link; symbols_file_none.c is
 * for a build without it and knows nothing.
 */
#ifndef ALLOT_TOOLS_SYMBOLS_FILE_H
#define ALLOT_TOOLS_SYMBOLS_FILE_H

#include <stddef.h>
#include <stdint.h>

#include <allot/trace.h>

enum {
	SYMBOLS_FILE_DEPTH_MAX = 16, /* functions put into each other; more is left out */
};

enum symbols_file_state {
	SYMBOLS_FILE_READ,
	SYMBOLS_FILE_GONE,      /* no such file */
	SYMBOLS_FILE_OTHER,     /* its build id is another */
	SYMBOLS_FILE_DAMAGED,   /* not a file of code that can be read */
	SYMBOLS_FILE_NO_READER, /* this build reads none */
};

/* A function as its file spells it; texts are the file's, or NULL. */
struct symbols_file_place {
	const char *name; /* perhaps mangled */
	const char *file;
	uint32_t line;
};

struct symbols_file;

/* Open what `module` was loaded from. NULL unless `out_state` is SYMBOLS_FILE_READ. */
struct symbols_file *symbols_file_open(const struct trace_module *module,
				       enum symbols_file_state *out_state);
void symbols_file_close(struct symbols_file *file);

/*
 * The functions at `address`, of the process, innermost first; how many. Those after the first are
 * at the line where the one before was put in. 0: unknown.
 */
size_t symbols_file_look(struct symbols_file *file, uint64_t address,
			 struct symbols_file_place out[SYMBOLS_FILE_DEPTH_MAX]);

#endif
